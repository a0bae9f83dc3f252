"""An op as the rows of a target look at it: kinds, shapes, constants, scales and options."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from xdsl.dialects.builtin import DenseArrayBase
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constness import CONSTANTS
from tflir.ir.schema import schema
from tflir.ir.targets.kinds import ABSENT, kind_of, tensor_details
from tflir.ir.targets.verdict import Verdict
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.ir.tfl.control_flow import YieldOp
from tflir.ir.tfl.scale_axis import scale_axis
from tflir.ir.tfl.shapes import constant
from tflir.ir.tfl.signature import needed_version
from tflir.ir.types import quantized_element, shape_of

_NO_OPERATORS = (*CONSTANTS, CallOp, FuncOp, ReturnOp, YieldOp)


def is_operator(op: Operation) -> bool:
    """Whether a runtime has something to run for the op: constants and what holds regions together are none."""
    return not isinstance(op, _NO_OPERATORS)


def operator_of(op: Operation) -> str:
    """The operator's name in the schema, such as `CONV_2D`, or the code of a custom one."""
    if isinstance(op, TflOp):
        return op.INFO.kind
    if isinstance(op, CustomOp):
        return op.custom_code.data
    if isinstance(op, BuiltinOp) and op.code is not None:
        return schema().enums["BuiltinOperator"].names.get(op.code.value.data, op.name)
    return op.name


class Judge(Protocol):
    """What says whether ops are taken: a `Target`."""

    def verdict(self, op: Operation) -> Verdict:
        """Whether an op is taken, and why not."""
        ...


class Site:
    """One op, as a target sees it. What it tells is worked out when it is asked for."""

    def __init__(self, op: Operation, target: Judge) -> None:
        self.op = op
        self.target = target

    @cached_property
    def operator(self) -> str:
        """As of `operator_of`."""
        return operator_of(self.op)

    @cached_property
    def inputs(self) -> list[SSAValue]:
        """The operands that the file lists, those that it marks as absent included."""
        count = getattr(getattr(self.op.attributes.get(names.OPERAND_COUNT), "value", None), "data", None)
        return list(self.op.operands)[:count]

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of the operands."""
        return [kind_of(value) for value in self.inputs]

    @cached_property
    def result_kinds(self) -> list[str]:
        """The kinds of the results."""
        return [kind_of(value) for value in self.op.results]

    def has(self, index: int) -> bool:
        """Whether operand `index` is there."""
        return index < len(self.inputs) and self.kinds[index] != ABSENT

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of operand `index` as `shape_in_file` has it."""
        return shape_in_file(self.inputs[index])

    def result_shape(self, index: int = 0) -> tuple[int, ...]:
        """The shape of result `index` as `shape_in_file` has it."""
        return shape_in_file(self.op.results[index])

    def numbers(self, index: int) -> list[int] | None:
        """The integers of a small constant operand; None where they are not known before the model runs."""
        return constant(self.inputs[index]) if index < len(self.inputs) else None

    def is_static(self, index: int) -> bool:
        """Whether operand `index` is stored in the file as it is read."""
        return is_stored(self.inputs[index])

    def scale(self, index: int) -> float | None:
        """The one scale of operand `index`; None where it has none, or several."""
        return _one_scale(self.inputs[index])

    def result_scale(self, index: int = 0) -> float | None:
        """The one scale of result `index`; None where it has none, or several."""
        return _one_scale(self.op.results[index])

    def option(self, name: str) -> Any:
        """The value of an option, in plain Python."""
        return self.op.option(name) if isinstance(self.op, TflOp) else None

    @cached_property
    def version(self) -> int:
        """The operator version that stands in the file."""
        said = getattr(getattr(self.op.attributes.get(names.VERSION), "value", None), "data", 0)
        return max(said, needed_version(self.op))


def matrix_axis(site: Site) -> int:
    """The axis of the second operand of a BATCH_MATMUL along which its kernels read scales per channel."""
    assert isinstance(site.op, TflOp)
    return scale_axis(site.op, 1, len(site.shape(1)))


def _one_scale(value: SSAValue) -> float | None:
    element = quantized_element(value)
    return float(element.layout.scales) if element is not None and not element.layout.axes else None


def shape_in_file(value: SSAValue) -> tuple[int, ...]:
    """The shape that the file gives a tensor, where dimensions are numbers: 1, usually, where one is dynamic."""
    details = tensor_details(value)
    said = None if details is None else details.data.get("shape")
    if isinstance(said, DenseArrayBase):
        return tuple(int(size) for size in said.iter_values())
    return tuple(1 if size < 0 else size for size in shape_of(value.type) or ())


def is_stored(value: SSAValue) -> bool:
    """Whether the elements of a value stand in the file."""
    if not isinstance(value, OpResult) or not isinstance(value.op, CONSTANTS):
        return False
    attributes = value.op.attributes
    return names.IS_VARIABLE not in attributes and names.NO_DATA not in attributes
