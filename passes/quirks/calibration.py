"""Surprising choices of TensorFlow when it records ranges."""

from __future__ import annotations

from tflir.passes.quirks.quirk import Quirk

CALIBRATION: tuple[Quirk, ...] = (
    Quirk(
        "calibration-contamination",
        "Calibration",
        "an input that an op overwrites in place is logged after the op too, so its range holds the output's",
        "the range is what the tensor held",
        "passes.calibration.contamination:contaminated",
    ),
    Quirk(
        "smallest-maximum",
        "Calibration",
        "the running maximum starts at 1.18e-38, so tensors that are never positive report that",
        "the maximum is the largest element",
        "data.recorded:Recorded",
    ),
    Quirk(
        "infinite-ranges",
        "Calibration",
        "infinity in the data crashes the converter, and a range beyond float32 gives an infinite scale",
        "data that is not finite is an error that names the tensor, but for masks; a range too wide leaves the op "
        "float; with tf_compat too",
        "passes.quantization.prepare_quantize:PrepareQuantizePass",
    ),
    Quirk(
        "silent-float",
        "Calibration",
        "an empty dataset, or samples that do not fit, give the float model back without a word",
        "an error names the input and the sample, with tf_compat too",
        "data.dataset:Dataset",
    ),
    Quirk(
        "silent-signature",
        "Calibration",
        "a signature of which the data has no samples stays float without a word",
        "dynamic range, and a warning that names it",
        "passes.quantization.prepare_dynamic_range:PrepareQuantizeDynamicRangePass",
    ),
    Quirk(
        "range-of-input-alone",
        "Passes",
        "a range on any tensor counts as calibration, be it one that says what images look like",
        "ranges count where some op has them on what it reads and on what it makes",
        "passes.quantization.evidence:evidence",
    ),
)
