"""Which kernels a target has: for each operator, the element types that its first operand may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.ir import Operation

from tflir.ir.extensions import Registry
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import CustomOp
from tflir.ir.tfl.kernel_elements import ELEMENTS
from tflir.ir.types import element_of, schema_name


@dataclass(frozen=True)
class KernelTable:
    """The operators that a target runs. Element types have the schema's names, separated by blanks: `FLOAT32 INT8`."""

    elements: Mapping[str, tuple[str, str]]
    """By operator, such as `CONV_2D`, or by the code of a custom one: the element types that its first operand may have
    if it is not quantized, and if it is."""
    others: bool = False
    """Whether operators that the table does not name run too."""

    def why_not(self, op: Operation) -> str | None:
        """Why the target does not run an op; None if it does."""
        name = op.INFO.kind if isinstance(op, TflOp) else op.custom_code.data if isinstance(op, CustomOp) else op.name
        if name not in self.elements:
            return None if self.others else "it has no kernel"
        element = element_of(op.operands[0].type) if op.operands else None
        if element is None:
            return None
        quantized = isinstance(element, UniformQuantizedType)
        accepted = self.elements[name][quantized].split()
        actual = schema_name(element) or str(element)
        if actual in accepted:
            return None
        return f"it takes {' '.join(accepted) or 'nothing'}{' with a scale' if quantized else ''}, not {actual}"


KERNEL_TABLES: Registry[KernelTable] = Registry(
    "table of kernels", {"litert": lambda: KernelTable(ELEMENTS, others=True)}
)
"""By the name of the target."""
