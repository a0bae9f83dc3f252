"""Chooses the ops of a function that compute in int16, and gives the reason for each op that does not.

See docs/semantics.md, 16x8 ops. Ops are visited in program order. An op is chosen if an int16 kernel exists for it, if
int16 is precise enough, and if a range is known for each value that it reads or makes. For example, an ADD of a value
in [-8, 8] and a mask with values of -1e9 stays float, since a step of the mask's int16 scale is about 30000.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import SoftmaxOp
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, ExternalConstOp, NoValueOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, quantized_element, shape_of
from tflir.passes.base import fail
from tflir.passes.quantization import tensorflow_int16
from tflir.passes.quantization.facts import INT8, INT16, LEFT_OUT, chosen_activations
from tflir.passes.quantization.far_apart import SHARE_OF_INT16, far_apart
from tflir.passes.quantization.far_apart import WHY as FAR_APART
from tflir.passes.quantization.fine_operands import WHY as READ_FINELY
from tflir.passes.quantization.fine_operands import Limits, is_near_zero, makers_of_fine_operands
from tflir.passes.quantization.int16_facts import (
    activations,
    copies_scale,
    is_linear,
    stored_weight,
    takes_any_type,
)
from tflir.passes.quantization.int16_numerics import FIXED_SCALE, activation_scale, constant_range
from tflir.passes.quantization.numerics import INT16_MOST, Rows
from tflir.passes.quantization.pairs import FloatConstant, stored_constant
from tflir.passes.quantization.sound_ranges import INT16_LEVELS
from tflir.passes.quantization.stored_weights import stored_of, why_not_stored
from tflir.passes.rewriting.values import is_float

_NO_COMPUTATION = ConstOp | QConstOp | SparseConstOp | SparseQConstOp | ExternalConstOp | NoValueOp | ReturnOp
_NEAR_ZERO = 1 / 16
"""Values below this fraction of the largest are so near 0 that a table of 256 steps, between which the int16 kernels of
steep functions interpolate linearly, has a signal-to-noise ratio below 70 dB.
"""
_TAIL = 10.0
"""The int16 SOFTMAX kernel computes no exponential below e^-10: smaller ones count as e^-10."""
_LONG_ROW = 220
"""So many elements of e^-10 sum up to a hundredth of the largest element, e^0."""
_LEAST_STEPS = 256
"""The largest value of a result with a fixed scale should span at least as many steps as int8 has, and so should the
least value of an operand in which an op has a pole or is steep.
"""
_ALMOST_0 = 1e-30
"""Calibration records no upper end of a range below this, so that a smaller one means 0."""
_NO_WEIGHTS = "its weights have no elements"
_NO_RANGE = "the range of a value was not recorded"
_MASK = "it adds a mask, of whose int16 scale the other operand is less than a step"
_MASKED = "a value has a mask in it, beside which int16 has no steps for the rest"


class Choice:
    """The ops of one function that compute in int16.

    `ranges` are the recorded ranges of values, and `clamped` those of constants whose elements are limited to a range.
    With `tf_compat`, the choice is TensorFlow's. With `strict` (only integer ops are allowed), reasons of precision
    do not count. With `mixed`, only ops that a recipe chose are.
    """

    def __init__(
        self,
        function: FuncOp,
        ranges: dict[SSAValue, Range],
        clamped: dict[SSAValue, Range],
        *,
        tf_compat: bool,
        strict: bool,
        mixed: bool = False,
    ) -> None:
        self._mixed = mixed
        self.ops: set[Operation] = set()
        self.declined: dict[Operation, str] = {}
        """The reason for each op with float operands or results that was not chosen."""
        self._tf_compat = tf_compat
        self._strict = strict
        self._ranges = ranges
        self._clamped = clamped
        self._far_apart: set[Operation] = set()
        self._read_finely: set[Operation] = set()
        if not (tf_compat or strict):
            self._far_apart.update(far_apart(function, ranges, SHARE_OF_INT16, kinds=(INT8, INT16)))
            share = _LEAST_STEPS / INT16_MOST
            limits = Limits(share, share, INT16_LEVELS)
            self._read_finely.update(makers_of_fine_operands(function, ranges, limits, kinds=(INT8, INT16)))
        self._ranged = {value for value, found in ranges.items() if _is_finite(found)}
        self._finite: dict[SSAValue, bool] = {}
        self._masked: set[SSAValue] = set()
        """Sums of a value and a mask such as -1e9, and the results of moving or reshaping such sums."""
        for op in function.body.block.ops:
            self._decide(op)

    def _decide(self, op: Operation) -> None:
        if isinstance(op, _NO_COMPUTATION | QuantizeOp | DequantizeOp):
            return
        if not self._is_concerned(op):
            allowed = not self._strict or (isinstance(op, TflOp) and tensorflow_int16.quantizes(op.INFO))
            if self._tf_compat and not allowed:
                self.declined[op] = "TensorFlow quantizes no such op to 16x8, whatever it computes with"
            return
        if (why := self._why_not(op)) is not None:
            self.declined[op] = why
            if why == _MASK or (why == _MASKED and isinstance(op, TflOp) and op.INFO.same_scale):
                self._masked.update(op.results)
            return
        self.ops.add(op)
        self._ranged.update(op.results)

    def _is_concerned(self, op: Operation) -> bool:
        if takes_any_type(op) and not self._tf_compat:
            return False
        return any(is_float(value) for value in (*op.operands, *op.results))

    def _why_not(self, op: Operation) -> str | None:
        if not isinstance(op, TflOp):
            return "no kernel computes it in int16"
        if LEFT_OUT in op.attributes:
            return "it was left out"
        wanted = chosen_activations(op)
        if wanted not in ("", INT16) or (self._mixed and not wanted):
            return "the recipe computes it in another type"
        if self._tf_compat:
            return self._why_not_in_tensorflow(op)
        if not op.INFO.int16:
            return "no kernel computes it in int16"
        if not self._strict and (why := self._why_better_float(op)) is not None:
            return why
        if any(value in self._masked for value in op.operands):
            return _MASKED
        if self._adds_a_mask(op):
            return _MASK
        if is_linear(op) and (why := self._why_not_linear(op)) is not None:
            return why
        for index in activations(op):
            if (why := self._why_not_operand(op.operands[index])) is not None:
                return why
        return None if self._have_scales(op) else _NO_RANGE

    def _adds_a_mask(self, op: Operation) -> bool:
        """Whether one operand is a mask: at most 0, and with a range so wide that a step of its scale exceeds the other
        operand.
        """
        if not isinstance(op, AddOp | SubOp):
            return False
        left, right = (self._range(value) for value in op.operands)
        if left is None or right is None:
            return False
        if isinstance(op, SubOp):
            right = Range(-right.high, -right.low)
        narrow, wide = sorted((left, right), key=activation_scale)
        covers = INT16_MOST * activation_scale(narrow) < activation_scale(wide)
        return covers and wide.high < _ALMOST_0 and activation_scale(narrow) > 0

    def _range(self, value: SSAValue) -> Range | None:
        constant = stored_constant(value)
        if constant is None:
            return self._ranges.get(value)
        return self._clamped.get(value) or constant_range(constant.blob)

    def _why_better_float(self, op: TflOp) -> str | None:
        """Why an op with an int16 kernel is better left float, if float ops are allowed; None if it is not."""
        if not tensorflow_int16.quantizes(op.INFO):
            return "int16 would take conversions that TensorFlow saves"
        if op in self._far_apart:
            return FAR_APART
        made = self._ranges.get(op.results[0]) if op.INFO.fixed_output is not None else None
        if made is not None and max(-made.low, made.high) < _LEAST_STEPS * FIXED_SCALE:
            return "its fixed range would leave a few steps of what was recorded"
        if isinstance(op, SoftmaxOp) and self._has_a_long_tail(op):
            return "its int16 kernel takes all that is below e^-10 for e^-10, which sums up in rows so long"
        if op in self._read_finely:
            return READ_FINELY
        steep = [self._ranges[op.operands[index]] for index in op.INFO.steep if op.operands[index] in self._ranges]
        if any(is_near_zero(found, _NEAR_ZERO) for found in steep):
            return "its int16 kernel looks results up in steps too wide for values so near 0"
        return None

    def _has_a_long_tail(self, op: SoftmaxOp) -> bool:
        """Whether rows are so long and ranges so wide that elements rounded up to e^-10 change the sum noticeably.

        A row of unknown length counts as long, and an unknown range as wide.
        """
        found = self._ranges.get(op.operands[0])
        shape = shape_of(op.operands[0].type)
        row = shape[-1] if shape and shape[-1] > 0 else _LONG_ROW
        return row >= _LONG_ROW and (found is None or found.width > _TAIL)

    def _why_not_in_tensorflow(self, op: TflOp) -> str | None:
        if not tensorflow_int16.quantizes(op.INFO):
            return "TensorFlow quantizes no such op to 16x8"
        if is_linear(op) and _has_no_weights(op):
            return _NO_WEIGHTS
        read = [op.operands[index] for index in activations(op)]
        known = all(value in self._ranged or stored_constant(value) is not None for value in read)
        if not known or not (tensorflow_int16.takes_first_scale(op.INFO) or self._have_scales(op)):
            hint = "let samples reach the op, or leave --tf-compat"
            raise fail(f"{_NO_RANGE}, and TensorFlow refuses that", op, hint)
        return None

    def _have_scales(self, op: TflOp) -> bool:
        """Whether the scales of all results are known: from a range, from the operand, or because the op fixes them."""
        if copies_scale(op) or op.INFO.fixed_output is not None:
            return True
        return all(result in self._ranged for result in op.results if is_float(result))

    def _why_not_operand(self, value: SSAValue) -> str | None:
        constant = stored_constant(value)
        if constant is None:
            return None if value in self._ranged else _NO_RANGE
        return None if self._is_finite_constant(constant) else "a constant holds NaN or infinity"

    def _is_finite_constant(self, constant: FloatConstant) -> bool:
        if constant.value in self._clamped:
            return True
        known = self._finite.get(constant.value)
        if known is None:
            most = Rows(constant.blob, constant.shape, "one", constant.elements).magnitudes()
            known = self._finite[constant.value] = bool(np.isfinite(most).all())
        return known

    def _why_not_linear(self, op: TflOp) -> str | None:
        assert op.INFO.weight is not None
        assert op.INFO.bias is not None
        if _has_no_weights(op):
            return _NO_WEIGHTS
        position, axis = op.INFO.weight
        stored = stored_weight(op)
        weight = stored_constant(op.operands[position])
        if stored is None and weight is None:
            taken = stored_of(op.operands[position])
            element = None if taken is None else quantized_element(taken.operands[0])
            why = None if element is None else why_not_stored(op, position, element, "int16")
            return why or "its weights are no constant"
        if stored is None and weight is not None and not self._is_finite_constant(weight):
            return "its weights hold NaN or infinity"
        shape = shape_of(op.operands[position].type) or ()
        bias = op.operands[op.INFO.bias[0]] if op.INFO.bias[0] < len(op.operands) else None
        if bias is None or element_of(bias.type) is None:
            return None
        constant = stored_constant(bias)
        if constant is None or constant.shape != (shape[axis],):
            return "its bias is no constant of a number for each channel"
        return None if self._is_finite_constant(constant) else "its bias holds NaN or infinity"


def _has_no_weights(op: TflOp) -> bool:
    """Whether a layer has constant weights without elements, which have no scale for its channels."""
    assert op.INFO.weight is not None
    weight = stored_constant(op.operands[op.INFO.weight[0]])
    return weight is not None and not weight.elements


def _is_finite(found: Range) -> bool:
    return bool(np.isfinite(found.low) and np.isfinite(found.high) and found.low <= found.high)
