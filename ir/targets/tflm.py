"""What TensorFlow Lite Micro's kernels take."""

from __future__ import annotations

from tflir.ir.targets.target import Target

TFLM = Target("tflm", "TensorFlow Lite Micro", ())
