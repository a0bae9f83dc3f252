"""The two forms of a function's values, float32 and int16, and the ops that lead from one to the other."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects.builtin import Float32Type, TensorType, UnrankedTensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.int16.choice import constant_of, is_int16
from tflir.passes.quantization.int16.constants import Constants, int16_type
from tflir.passes.quantization.int16.numerics import activation_scale
from tflir.passes.quantization.pairs import quantized_tensor

_LEAST_SCALE = 1e-6 / 32767
"""The scale of values that are always 0, or as good as."""


def scale_of(value: SSAValue) -> float:
    """The scale of an int16 value."""
    element = element_of(value.type)
    assert isinstance(element, UniformQuantizedType)
    return float(element.layout.scales)


class Values:
    """Values of one function as ops ask for them.

    A value is quantized or dequantized once, where it is made, for all who want it so. TensorFlow does it before
    each use; what lies still (the function's arguments, constants) it turns into int16 on the spot, and then the
    float ops before that one read int16 too.
    """

    def __init__(
        self,
        function: FuncOp,
        ranges: dict[SSAValue, Range],
        constants: Constants,
        report: PassReport,
        *,
        tf_compat: bool,
        integer_inputs: bool,
    ) -> None:
        self._block = function.body.block
        self._ranges = ranges
        self._constants = constants
        self._report = report
        self._tf_compat = tf_compat
        self._integer_inputs = integer_inputs
        self._made: dict[tuple[SSAValue, float | None], SSAValue] = {}

    def scale(self, value: SSAValue) -> float:
        """The scale that the recorded range of a float value asks for."""
        found = activation_scale(self._ranges[value])
        return found if self._tf_compat else max(found, _LEAST_SCALE)

    def as_int16(self, value: SSAValue, user: Operation, scale: float | None = None) -> SSAValue:
        """The int16 form of `value` for op `user`, of this scale or of its own."""
        constant = constant_of(value)
        if constant is not None:
            return self._constants.operand(constant, scale)
        if self._tf_compat and scale is not None:
            return self._requantized(self.as_int16(value, user), user, scale)
        if is_int16(value):
            return value if scale is None else self._requantized(value, user, scale)
        if isinstance(value, BlockArgument):
            return self._argument(value, user, scale)
        return self._quantized(value, user, self.scale(value) if scale is None else scale)

    def as_float(self, value: SSAValue, user: Operation) -> SSAValue:
        """The float32 form of an int16 value for op `user`."""
        known = self._made.get((value, None))
        if known is None or self._tf_compat:
            op = DequantizeOp.create(operands=[value], result_types=[_with_element(value, Float32Type())])
            op.location = _suffixed(value, "float")
            self._insert(op, value, user)
            known = self._made[value, None] = op.results[0]
            self._report.count("dequantize ops")
        return known

    def make_int16(self, result: SSAValue, scale: float) -> SSAValue:
        """Gives a result of an op, or an argument, the int16 type of this scale."""
        return Rewriter.replace_value_with_new_type(result, quantized_tensor(result, int16_type(scale)))

    def _argument(self, value: BlockArgument, user: Operation, scale: float | None) -> SSAValue:
        own = self.scale(value)
        if self._integer_inputs:
            made: SSAValue = self.make_int16(value, own)
        elif self._tf_compat:
            made = self._quantized(value, user, own)
        else:
            return self._quantized(value, user, own if scale is None else scale)
        if self._tf_compat:
            ...
        return made if scale is None else self._requantized(made, user, scale)

    def _requantized(self, value: SSAValue, user: Operation, scale: float) -> SSAValue:
        return value if scale_of(value) == scale else self._quantized(value, user, scale, "requantized")

    def _quantized(self, value: SSAValue, user: Operation, scale: float, suffix: str = "int16") -> SSAValue:
        known = self._made.get((value, scale))
        if known is None or self._tf_compat:
            qtype = quantized_tensor(value, int16_type(scale))
            op = QuantizeOp.create(operands=[value], result_types=[qtype], properties={"qtype": qtype})
            op.location = _suffixed(value, suffix)
            self._insert(op, value, user)
            known = self._made[value, scale] = op.results[0]
            self._report.count("quantize ops")
        return known
