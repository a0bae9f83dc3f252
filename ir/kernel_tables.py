"""What the kernels of a target take: for each operator the element types of its first operand."""

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
    """The operators that a target runs. Element types are words of the schema: `FLOAT32 INT8`."""

    elements: Mapping[str, tuple[str, str]]
    """By operator, such as `CONV_2D`, or by the code of a custom one: what its first operand may be without a scale,
    and with one."""
    others: bool = False
    """Whether operators that the table does not name run too."""

    def why_not(self, op: Operation) -> str | None:
        """Why the target does not run an op; None where it does."""
        name = op.INFO.kind if isinstance(op, TflOp) else op.custom_code.data if isinstance(op, CustomOp) else op.name
        if name not in self.elements:
            return None if self.others else "it has no kernel"
        element = element_of(op.operands[0].type) if op.operands else None
        if element is None:
            return None
        quantized = isinstance(element, UniformQuantizedType)
        taken = self.elements[name][quantized].split()
        found = schema_name(element) or str(element)
        if found in taken:
            return None
        return f"it takes {' '.join(taken) or 'nothing'}{' with a scale' if quantized else ''}, not {found}"


KERNEL_TABLES: Registry[KernelTable] = Registry(
    "table of kernels", {"litert": lambda: KernelTable(ELEMENTS, others=True)}
)
"""By the name of the target."""
