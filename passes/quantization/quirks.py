"""Where TensorFlow's quantizer surprises: what it does, what is right, which of them is the default, and where.

`tf_compat` takes TensorFlow's side in all of them. Without it `default` says whose side is taken: "ours" where
TensorFlow's result is wrong, does not run, or is coarser than it need be; "TensorFlow" where it is merely odd.
`docs/quirks.md` prints the table; the sections are those of the specification.
"""

from __future__ import annotations

from collections.abc import Iterator

from tflir.passes.quantization.int16.quirks import QUIRKS as INT16_QUIRKS
from tflir.passes.quantization.quirk import Quirk

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "calibration-contamination",
        "6, 8.1.3",
        "an input that an op overwrites in place is logged after the op too, so its range holds the output's",
        "the range is what the tensor held",
        "passes.calibration.contamination:contaminated",
    ),
    Quirk(
        "smallest-maximum",
        "6",
        "the running maximum starts at 1.18e-38, so tensors that are never positive report that",
        "the maximum is the largest element",
        "calibration:calibrate",
    ),
    Quirk(
        "merge-overwrites-ranges",
        "3.3, 8.1.4",
        "what concatenation, maximum and the like merge takes the merged range for all its readers",
        "an operand that others read keeps its own range where that is much finer, and is requantized for the merge",
        "passes.quantization.pruning:prune",
    ),
    Quirk(
        "first-operand-decides",
        "3.5",
        "an op of same scale takes the parameters of its first operand that has its own, even if the result needs more",
        "an op that merges operands takes its result's",
        "passes.quantization.propagation:Propagation",
    ),
    Quirk(
        "pruned-operand-stays-float",
        "3.5, 8.1.5",
        "an op of same scale stays float where a float op makes an operand whose range was pruned",
        "the same, for moving float data is no gain; integer-only conversion quantizes there",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
        default="TensorFlow",
    ),
    Quirk(
        "dead-ops-count",
        "3.2, 8.1.9",
        "ops that nothing reads still prune ranges, then disappear",
        "the same, so that what is left float there stays small; integer-only conversion removes them first",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
        default="TensorFlow",
    ),
    Quirk(
        "order-dependent-ops",
        "3.6, 8.1.6",
        "arg_max, comparisons and other ops without float results are found only before a reader that stays float",
        "they are quantized whatever else reads their input",
        "passes.quantization.integer_ops:form_integer_ops",
    ),
    Quirk(
        "requantization-stays",
        "3.7",
        "requantizations are not marked volatile: one that only float ops read keeps its pair",
        "it goes like any other pair that no integer op needs",
        "passes.quantization.materialise:materialise",
    ),
    Quirk(
        "constant-dequantize-spelled-out",
        "3.7",
        "a dequantize of a constant that a float op or the function's end still reads becomes cast, sub and mul",
        "no such dequantize is left: sums with nothing are removed before ranges spread",
        "passes.quantization.expand_dequantize:ExpandDequantizePass",
    ),
    Quirk(
        "fusion-after-quantization",
        "3.7",
        "activations are fused into the ops before them on the quantized graph only",
        "they are fused before, so that one range and one rounding serve both",
        "passes.optimize.optimize:OptimizePass",
    ),
    Quirk(
        "one-hot-scales",
        "8.1.10",
        "one_hot's on and off values, embedding_lookup's table and reverse_v2's result get scales of their own, though "
        "the kernels copy the integers as they are",
        "ops whose kernels move elements share one scale",
        "passes.quantization.select_ops:SelectOpsPass",
    ),
    Quirk(
        "zero-filled-results",
        "8.1.10",
        "scatter_nd and matrix_diag fill with integer 0 whatever the zero point: errors of the size of the range",
        "what they share a scale with gets a zero point of 0, or they stay float",
        "passes.quantization.centred:centred_parameters",
    ),
    Quirk(
        "missing-int8-kernels",
        "8.1.11",
        "reverse_sequence becomes int8, which the runtime can't load",
        "it stays float",
        "passes.quantization.select_ops:unsound_int8",
    ),
    Quirk(
        "dynamic-weights",
        "8.1.11",
        "convolutions whose weights are computed get weights with a zero point, which the runtime refuses",
        "they stay float",
        "passes.quantization.select_ops:unsound_int8",
    ),
    Quirk(
        "dynamic-bias",
        "8.1.11",
        "a bias that is computed becomes int8, which the runtime refuses",
        "the op stays float, with tf_compat too",
        "passes.quantization.select_ops:SelectOpsPass",
    ),
    Quirk(
        "bias-overflow-keeps-integers",
        "3.4, 8.1.12",
        "a weight of one scale that a large bias makes coarser by less than 1e-3 keeps its integers: wrong by the "
        "ratio",
        "the integers follow the scale",
        "passes.quantization.fold_constants:fold_constant",
    ),
    Quirk(
        "masks-and-pads",
        "3.3",
        "a mask of -1e9 before softmax, or a pad value before max pooling, takes the steps of everything else",
        "ranges and constants end where no reader can tell what lies beyond",
        "passes.quantization.visible:Visible",
    ),
    Quirk(
        "values-far-apart",
        "3.3",
        "what is brought together with values over 16 times as large keeps a few steps, or none",
        "the op, and what only moves its result, stays float",
        "passes.quantization.far_apart:far_apart",
    ),
    Quirk(
        "scales-beyond-kernels",
        "3.4",
        "values that were always 0 get scales at which kernels overflow, refuse the model or end the process",
        "no scale is finer than the kernel takes beside those of its operands; what still can't be stays float",
        "passes.quantization.kernel_limits:least_scale",
    ),
    Quirk(
        "one-weight-two-kinds",
        "3.5",
        "a weight that ops read with scales along different axes gets those of one of them",
        "it is a constant of its own for each kind of scales",
        "passes.quantization.kinds_of_scales:split_by_kind",
    ),
    Quirk(
        "requantized-for-all",
        "3.5",
        "a result that one reader wants in other parameters reaches its other readers, and outputs, as that copy",
        "each starts from what the op made",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
    ),
    Quirk(
        "coarse-fixed-range",
        "3.1",
        "logistic, softmax and the like answer in steps of their fixed scale, however small what was recorded",
        "they stay float where that leaves under 8 steps",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
    ),
    Quirk(
        "rounded-to-zero",
        "3.6",
        "a divisor of floor_div or a base of pow is quantized: rounded to 0 it stops the runtime or gives infinity",
        "it stays float where rounding could make it 0, inputs too",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
    ),
    Quirk(
        "recurrent-copies",
        "8.1.13",
        "unidirectional_sequence_rnn is emitted seven times, six of them as int8, which has no kernel",
        "it stays float; this one is not imitated by tf_compat either",
        "passes.quantization.select_ops:unsound_int8",
    ),
    Quirk(
        "infinite-ranges",
        "8.1.15",
        "infinity in the data crashes the converter, and a range beyond float32 gives an infinite scale",
        "data that is not finite is an error that names the tensor, but for masks; a range too wide leaves the op "
        "float; with tf_compat too",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
    ),
    Quirk(
        "float16-weights",
        "8.1.16",
        "models whose weights are float16 behind dequantize are refused",
        "they count as the float32 that they stand for, with tf_compat too",
        "passes.quantization.pairs:float_constant",
    ),
    Quirk(
        "integer-only-falls-back",
        "1.3, 8.1.2",
        "TFLITE_BUILTINS_INT8 alone leaves ops float without a word",
        "an error of status 3 names each op, its tensor and why",
        "passes.quantization.require_integer:RequireIntegerPass",
    ),
    Quirk(
        "denylisted-ops-return",
        "8.1.8",
        "an op that was denied becomes integer all the same when a dequantize moves below it",
        "what `tfl-select-ops` marks stays float",
        "passes.quantization.optimize_op_order:OptimizeOpOrderPass",
    ),
    Quirk(
        "silent-float",
        "1.2, 6, 8.1.7",
        "an empty dataset, or samples that do not fit, give the float model back without a word",
        "an error names the input and the sample, with tf_compat too",
        "dataset:Dataset",
    ),
    *INT16_QUIRKS,
    Quirk(
        "sparse-grows",
        "sparsity 1.3",
        "a constant becomes sparse where 30 % of it is 0, though it may then take up to 1.5 times the bytes",
        "bytes are counted, segments, indices and ops too: no file is larger for it",
        "passes.sparsity.choice:choose",
    ),
    Quirk(
        "sparse-one-code",
        "sparsity 0.6, 5",
        "one sparse fully connected op gives version 8 to all of them, which the default delegate then leaves alone",
        "sparse ops have an operator code of their own",
        "ir.tfl.versions:SPARSE_VERSION",
    ),
    Quirk(
        "sparse-hybrid-version",
        "sparsity 4.1, 5",
        "hybrid ops with sparse weights get version 9 or 12, which the default delegate takes: it reads them as dense",
        "exactly version 8",
        "ir.tfl.versions:SPARSE_VERSION",
    ),
    Quirk(
        "sparse-hybrid-limits",
        "sparsity 4.1",
        "rows of over 4096 columns or 255 blocks are stored for a hybrid kernel that counts them in a byte",
        "they are made dense when the model is loaded, or stay dense",
        "passes.sparsity.readers:Reader",
    ),
    Quirk(
        "sparse-densify-fails",
        "sparsity 4.2, 5",
        "a DENSIFY before a hybrid op or an int8 fully connected one: the default delegate fails to load the model",
        "a convolution, a float convolution behind DEQUANTIZE, or version 8, which keeps the delegate off",
        "passes.sparsity.fully_connected_to_conv:FullyConnectedToConv2DPass",
    ),
    Quirk(
        "sparse-float16-blocks",
        "sparsity 5",
        "float16 weights in blocks are widened without a DENSIFY: NaN or garbage",
        "DENSIFY first, and only for ops that the delegate surely takes",
        "passes.sparsity.readers:delegated",
    ),
    Quirk(
        "sparse-shared-weights",
        "sparsity 0.5, 5",
        "another op that reads weights in blocks reads the stored elements as if they were dense",
        "it reads a DENSIFY of the same constant, or the constant stays dense",
        "passes.sparsity.ways:direct_ways",
    ),
    Quirk(
        "sparse-lost-tail",
        "sparsity 0.5, 5",
        "blocks that do not divide a row lose what is left over",
        "other encodings are used; this one is not imitated by tf_compat either",
        "passes.sparsity.candidates:rows_candidate",
    ),
    Quirk(
        "sparse-no-bytes",
        "sparsity 3",
        "of weights that are all zero nothing is stored, which some kernels take for missing data",
        "one element or block is stored, with tf_compat too",
        "passes.sparsity.encoding:encode",
    ),
)


def table() -> Iterator[str]:
    """The quirks as the rows of a Markdown table."""
    yield "| quirk | specification | TensorFlow | what is right | default | where |"
    yield "|---|---|---|---|---|---|"
    for one in QUIRKS:
        yield (
            f"| `{one.name}` | {one.section} | {one.tensorflow} | {one.right} | {one.default} "
            f"| `tflir.{one.rule.replace(':', '.')}` |"
        )


if __name__ == "__main__":
    print("\n".join(table()))
