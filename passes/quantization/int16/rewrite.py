"""Turns the chosen ops of a function into int16 ones."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, StringAttr, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.errors import Error
from tflir.ir.statistics import Range
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import FALSE, TflOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import quantized_element
from tflir.passes.quantization.int16 import tensorflow
from tflir.passes.quantization.int16.choice import Choice
from tflir.passes.quantization.int16.constants import Constants, scale_of, weight_scale
from tflir.passes.quantization.int16.facts import (
    activations,
    chooses_bias_type,
    constant_of,
    copies_scale,
    is_linear,
    shares_scale,
    stored_weight,
    takes_any_type,
)
from tflir.passes.quantization.int16.numerics import FIXED_SCALE
from tflir.passes.quantization.int16.values import Values
from tflir.passes.quantization.kernel_limits import least_scale
from tflir.passes.rewriting.values import is_float


@dataclass(frozen=True)
class Settings:
    """The pass's options as they apply to one function."""

    tf_compat: bool
    per_channel: bool
    bias_bits: int
    integer_inputs: bool
    integer_outputs: bool
    exact_types: bool


class Rewrite:
    """Rewrites the chosen ops of one function."""

    def __init__(
        self,
        function: FuncOp,
        choice: Choice,
        ranges: dict[SSAValue, Range],
        clamped: dict[SSAValue, Range],
        settings: Settings,
        report: PassReport,
    ) -> None:
        self._function = function
        self._choice = choice
        self._settings = settings
        self._compat = settings.tf_compat
        self._report = report
        self._constants = Constants(
            report, clamped, tf_compat=self._compat, per_channel=settings.per_channel, bias_bits=settings.bias_bits
        )
        self._values = Values(function.body.block, ranges, self._constants, report, tf_compat=self._compat)

    def run(self) -> dict[SSAValue, Range]:
        """Rewrites the function; returns the ranges of the float values that were made of int16 ones."""
        block = self._function.body.block
        ops = list(block.ops)
        for argument in list(block.args):
            if is_float(argument) and any(self._reads_int16(use.operation, use.index) for use in argument.uses):
                self._values.argument(argument, retype=self._settings.integer_inputs)
            elif is_float(argument) and self._settings.integer_inputs:
                self._refuse("input", argument, argument.index)
        for op in ops:
            if isinstance(op, ReturnOp):
                self._return(op)
            elif isinstance(op, TflOp) and op in self._choice.ops:
                self._quantize(op)
                self._report.count("int16 ops")
            elif not takes_any_type(op):
                self._values.read_float(op)
            if isinstance(op, TflOp) and (self._compat or op in self._choice.ops):
                self._set_options(op)
                self._set_version(op)
        self._function.update_function_type()
        return self._values.float_ranges

    def _refuse(self, side: str, value: SSAValue, index: int) -> None:
        """Reports an input or output that can't be int16; an error with `exact_types`."""
        name = names.name_of(value) or index
        what = f"{side} '{name}' can't be int16: no int16 op {'reads' if side == 'input' else 'makes'} it"
        if self._settings.exact_types:
            raise Error(what, hint=f"leave --inference-{side}-type out", status=3)
        self._report.decline(f"{side} '{name}' stays float32")
        if not self._compat:
            self._report.remarks.append(what)

    def _reads_int16(self, op: Operation, index: int) -> bool:
        return op in self._choice.ops and isinstance(op, TflOp) and index in activations(op)

    def _quantize(self, op: TflOp) -> None:
        positions = tensorflow.activations(op) if self._compat else activations(op)
        shared = shares_scale(op) and not (self._compat and tensorflow.takes_first_scale(op.INFO))
        common = self._values.scale(op.results[0]) if shared else None
        for index in positions:
            op.operands[index] = self._values.as_int16(op.operands[index], op, common)
        scales = [self._result_scale(op, result, positions) for result in op.results]
        if is_linear(op):
            self._weights(op, scale_of(op.operands[positions[0]]), scales[0])
        for result, scale in zip(op.results, scales, strict=True):
            if is_float(result):
                self._values.make_int16(result, scale)

    def _weights(self, op: TflOp, input_scale: float, output_scale: float) -> None:
        assert op.INFO.weight is not None
        position = op.INFO.weight[0]
        if constant_of(op.operands[position]) is None and stored_weight(op) is None:
            # This happens only with `tf_compat`: no kernel supports int16 weights.
            op.operands[position] = self._values.as_int16(op.operands[position], op)
        self._constants.weights_and_bias(op, input_scale, output_scale)

    def _result_scale(self, op: TflOp, result: SSAValue, positions: list[int]) -> float:
        if not is_float(result):
            return 0.0
        if op.INFO.fixed_output is not None:
            return FIXED_SCALE
        if copies_scale(op) or (self._compat and tensorflow.takes_first_scale(op.INFO)):
            return scale_of(op.operands[positions[0]])
        recorded = self._values.scale(result)
        if self._compat:
            return recorded
        return max(recorded, least_scale(op, self._operand_scales(op, positions), bits=16))

    def _operand_scales(self, op: TflOp, positions: list[int]) -> dict[int, float]:
        scales = {index: scale_of(op.operands[index]) for index in positions}
        if is_linear(op) and op.INFO.weight is not None:
            stored = None if self._compat else stored_weight(op)
            element = None if stored is None else quantized_element(stored)
            weight = constant_of(op.operands[op.INFO.weight[0]])
            if element is not None:
                scales[op.INFO.weight[0]] = float(element.layout.scales.max())
            elif weight is not None:
                scales[op.INFO.weight[0]] = weight_scale(weight)
        return scales

    def _set_options(self, op: TflOp) -> None:
        if isinstance(op, AddOp | SubOp):
            op.properties["pot_scale_int16"] = FALSE
        elif chooses_bias_type(op):
            op.properties["quantized_bias_type"] = StringAttr(f"INT{self._settings.bias_bits}")

    def _set_version(self, op: TflOp) -> None:
        """Removes the recorded version, so that it follows from the types, or sets TensorFlow's higher version."""
        if op in self._choice.ops:
            op.attributes.pop(names.VERSION, None)
        if self._compat and (version := tensorflow.VERSIONS.get(op.INFO.builtin)) is not None:
            op.attributes[names.VERSION] = IntegerAttr(version, i32)

    def _return(self, op: ReturnOp) -> None:
        """Lets the function return float32 under the original names, or int16 with `integer_outputs`."""
        returned: dict[SSAValue, SSAValue] = {}
        for index, value in enumerate(op.operands):
            if self._settings.integer_outputs and is_float(value):
                self._refuse("output", value, index)
            if not self._values.is_ours(value) or self._settings.integer_outputs:
                continue
            if value not in returned or self._compat:
                returned[value] = self._values.as_float(value, op)
                _swap_names(value, returned[value])
            op.operands[index] = returned[value]


def _swap_names(value: SSAValue, wide: SSAValue) -> None:
    """Gives the float32 form of a result its name; the int16 result is renamed with the suffix `_int16`."""
    name = names.name_of(value)
    if name is None or not isinstance(value, OpResult) or not isinstance(wide, OpResult):
        return
    result_names = names.op_names(value.op)
    result_names[value.index] = f"{name}_int16"
    value.op.location = names.location_of(result_names)
    wide.op.location = names.named(name)
