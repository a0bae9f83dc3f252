"""TensorFlow's side of `sparsity.py`; runs in a Python that has TensorFlow.

Each line of stdin has the path of an `.npz` (weights, bias, samples), a mode and the path of the model to write,
separated by tabs; for each, a line on stdout says `peer: ok` or what went wrong. The first line on
stdout is the version.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf


def convert(layer, mode):
    weights, bias, samples = (tf.constant(layer[name]) for name in ("weights", "bias", "samples"))

    @tf.function(input_signature=[tf.TensorSpec((1, weights.shape[1]), tf.float32, name="x")])
    def run(x):
        return tf.matmul(x, weights, transpose_b=True) + bias

    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    if mode != "float32":
        converter.optimizations.insert(0, tf.lite.Optimize.DEFAULT)
    if mode == "int8":
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main():
    print(f"peer: {tf.__version__}", flush=True)
    for line in sys.stdin:
        layer, mode, out = line.rstrip("\n").split("\t")
        try:
            with np.load(layer) as arrays:
                model = convert(arrays, mode)
            with open(out, "wb") as file:
                file.write(model)
            print("peer: ok", flush=True)
        except Exception as error:
            print(f"peer: {type(error).__name__}: {' '.join(str(error).split())[:200]}", flush=True)


main()
