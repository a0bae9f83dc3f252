"""What LiteRT's built-in kernels take, and what they get wrong, do not load, or crash on."""

from __future__ import annotations

from tflir.ir.targets.elements import target_by_elements
from tflir.ir.targets.litert_kernels import KERNEL_DEFECTS
from tflir.ir.targets.litert_scales import SCALE_DEFECTS
from tflir.ir.targets.litert_weights import WEIGHT_DEFECTS
from tflir.ir.tfl.kernel_elements import ELEMENTS

LITERT = target_by_elements(
    "litert",
    ELEMENTS,
    "LiteRT's built-in kernels",
    others=True,
    defects=(*WEIGHT_DEFECTS, *SCALE_DEFECTS, *KERNEL_DEFECTS),
    known="measured with LiteRT 2.3.0, x86-64",
)
