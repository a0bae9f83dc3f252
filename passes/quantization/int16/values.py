"""The two forms of a function's values, float32 and int16, and the ops that convert one form to the other.

See docs/semantics.md, 16x8 conversions.
"""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import Float32Type, LocationAttr, TensorType, UnrankedTensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue, Use
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.statistics import Range
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.tfl.shapes import Unfit
from tflir.ir.types import tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.int16.constants import Constants, int16_type, scale_of
from tflir.passes.quantization.int16.facts import constant_of, is_int16
from tflir.passes.quantization.int16.numerics import activation_scale
from tflir.passes.quantization.pairs import quantized_tensor

_LEAST_SCALE = 2.0**-27
"""The scale of values that are always (almost) 0. As kernels require, RELU6's bound is less than 2^31 steps of it."""


class Values:
    """Converts the values of one function to the form that each op needs.

    A value is quantized or dequantized once, after the op that makes it, for all users. TensorFlow does so before each
    use, except for the function's arguments: it quantizes them at once, so that the float ops before the first int16 op
    read int16, too.
    """

    def __init__(
        self, block: Block, ranges: dict[SSAValue, Range], constants: Constants, report: PassReport, *, tf_compat: bool
    ) -> None:
        self._block = block
        self._ranges = ranges
        self._constants = constants
        self._report = report
        self._tf_compat = tf_compat
        self._made: dict[tuple[SSAValue, float | None], SSAValue] = {}
        self._shared: dict[SSAValue, bool] = {}
        self._ours: set[SSAValue] = set()
        self._ranges_of_ours: dict[SSAValue, Range] = {}
        self.float_ranges: dict[SSAValue, Range] = {}
        """The ranges of the values that were made float again, as recorded before."""
        self._unread: set[SSAValue] = set()
        """Arguments that no int16 op visited so far has read; used with `tf_compat`."""

    def is_ours(self, value: SSAValue) -> bool:
        """Whether this object made the value int16; an input model may have int16 values, too."""
        return value in self._ours

    def scale(self, value: SSAValue) -> float:
        """The int16 scale that follows from the recorded range of a float value."""
        scale = activation_scale(self._ranges[value])
        return scale if self._tf_compat else max(scale, _LEAST_SCALE)

    def argument(self, argument: BlockArgument, *, retype: bool) -> None:
        """Prepares an argument that int16 ops read.

        With `retype`, it becomes int16 itself. Else, with `tf_compat`, it is quantized and all its users read the
        quantized form.
        """
        if retype:
            made = self.make_int16(argument, self.scale(argument))
        elif self._tf_compat:
            uses = list(argument.uses)
            made = self._quantized(argument, None, self.scale(argument))
            for use in uses:
                _let_read(use, made)
        else:
            return
        if self._tf_compat:
            self._unread.add(made)

    def make_int16(self, value: SSAValue, scale: float) -> SSAValue:
        """Changes the type of a value to int16 with this scale."""
        location = value.location if isinstance(value, BlockArgument) else None
        known = self._ranges.get(value)
        made = Rewriter.replace_value_with_new_type(value, quantized_tensor(value, int16_type(scale)))
        if isinstance(made, BlockArgument) and location is not None:  # the name of an input
            made.location = location
        self._ours.add(made)
        if known is not None:
            self._ranges_of_ours[made] = known
        return made

    def as_int16(self, value: SSAValue, user: Operation, scale: float | None = None) -> SSAValue:
        """The int16 form of `value` for op `user`, with the given scale, or if it is None, with the value's own."""
        constant = constant_of(value)
        if constant is not None:
            if self._tf_compat and self._is_shared(value) and scale is not None:
                return self._rescaled(self._constants.operand(constant, None), user, scale)
            return self._constants.operand(constant, scale)
        self._unread.discard(value)
        if is_int16(value):
            return value if scale is None else self._rescaled(value, user, scale)
        if self._tf_compat and scale is not None:
            return self.as_int16(self._quantized(value, user, self.scale(value)), user, scale)
        return self._quantized(value, user, self.scale(value) if scale is None else scale)

    def _is_shared(self, constant: SSAValue) -> bool:
        """Whether several ops read a constant at the first call; later, int16 ops read its quantized form instead."""
        if constant not in self._shared:
            self._shared[constant] = len({use.operation for use in constant.uses}) > 1
        return self._shared[constant]

    def read_float(self, op: Operation) -> None:
        """Gives an op that stays float, and the ops in its regions, float32 operands again."""
        for inner in op.walk():
            for index, value in enumerate(inner.operands):
                if value in self._ours:
                    inner.operands[index] = self.as_float(value, op)
                elif self._tf_compat and (made := self._constants.made_of(value)) is not None:
                    inner.operands[index] = self.as_float(made, op)

    def as_float(self, value: SSAValue, user: Operation) -> SSAValue:
        """The float32 form, for op `user`, of a value that was made int16."""
        if value in self._unread:
            return value
        known = self._made.get((value, None))
        if known is None or self._tf_compat:
            op = DequantizeOp.create(operands=[value], result_types=[_with_element(value, Float32Type())])
            op.location = _suffixed(value, "float")
            self._insert(op, value, user)
            known = self._made[value, None] = op.results[0]
            if value in self._ranges_of_ours:
                self.float_ranges[known] = self._ranges_of_ours[value]
            self._report.count("dequantize ops")
        return known

    def _rescaled(self, value: SSAValue, user: Operation, scale: float) -> SSAValue:
        return value if scale_of(value) == scale else self._quantized(value, user, scale, "requantized")

    def _quantized(self, value: SSAValue, user: Operation | None, scale: float, suffix: str = "int16") -> SSAValue:
        known = self._made.get((value, scale))
        if known is None or self._tf_compat:
            qtype = quantized_tensor(value, int16_type(scale))
            op = QuantizeOp.create(operands=[value], result_types=[qtype], properties={"qtype": qtype})
            op.location = _suffixed(value, suffix)
            self._insert(op, value, user)
            known = self._made[value, scale] = op.results[0]
            self._ours.add(known)
            self._report.count("quantize ops")
        return known

    def _insert(self, op: Operation, value: SSAValue, user: Operation | None) -> None:
        """Inserts `op`, which reads `value`, directly after the op that makes it; with `tf_compat`, before its user."""
        if self._tf_compat and user is not None:
            self._block.insert_op_before(op, user)
        elif isinstance(value, OpResult):
            self._block.insert_op_after(op, value.op)
        else:
            first = self._block.first_op
            assert first is not None
            self._block.insert_op_before(op, first)


def _let_read(use: Use, value: SSAValue) -> None:
    """Gives an op another operand, unless the op's definition forbids its type.

    As in TensorFlow, the operand is replaced even if no kernel supports the combination of types.
    """
    op, before = use.operation, use.operation.operands[use.index]
    op.operands[use.index] = value
    try:
        op.verify_()
    except Unfit:
        return
    except VerifyException:
        op.operands[use.index] = before


def _with_element(value: SSAValue, element: Attribute) -> Attribute:
    type_ = value.type
    if isinstance(type_, TensorType):
        return tensor_type(tuple(cast("TensorType[Attribute]", type_).get_shape()), element)
    return UnrankedTensorType(element)


def _suffixed(value: SSAValue, suffix: str) -> LocationAttr:
    name = names.name_of(value)
    return names.named(None if name is None else f"{name}_{suffix}")
