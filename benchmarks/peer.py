"""Quantizes a model by litert-quantizer for comparison; runs in an environment of its own, which `run.py` creates.

peer.py MODEL OUT default|float16
"""

import sys

from litert_quantizer import qtyping, quantizer, recipe


def main() -> None:
    model, out, mode = sys.argv[1:]
    job = quantizer.Quantizer(model)
    if mode == "default":
        job.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    else:
        job.add_weight_only_config(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            num_bits=16,
            algorithm_key=quantizer.AlgorithmName.FLOAT_CASTING,
        )
    job.quantize(serialize_to_path=out, enable_progress_bar=False, enable_progress_report=False)


main()
