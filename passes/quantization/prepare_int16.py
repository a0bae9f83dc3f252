"""The parameters of the values that int16 ops read or make (docs/semantics.md, 16x8 scales).

All of them are known once each op has been visited in program order: a value has the scale of its own range, the result
of an op that moves elements has its operand's, and a layer's weights are stored as int8 on the way. What remains is to
requantize the operands of ops that merge several values; `Propagation` finds these.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.func import FuncOp
from xdsl.ir import OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport, fail
from tflir.passes.quantization.facts import INT16, is_same_scale, kind_of, positions
from tflir.passes.quantization.int16_facts import (
    activations,
    copies_scale,
    is_linear,
    merges,
    stored_weight,
)
from tflir.passes.quantization.int16_layers import store_weights
from tflir.passes.quantization.int16_numerics import (
    FIXED_SCALE,
    constant_range,
    constant_scale,
    sound_scale,
    weight_scale,
)
from tflir.passes.quantization.kernel_limits import least_scale
from tflir.passes.quantization.lost_values import note_lost
from tflir.passes.quantization.pairs import FloatConstant, copied, stored_constant
from tflir.passes.quantization.parameters import int16_type
from tflir.passes.quantization.propagation import Propagation, State
from tflir.passes.rewriting.values import is_float

Params = UniformQuantizedType


def int16_states(
    function: FuncOp,
    ranges: Mapping[SSAValue, Range],
    clamped: Mapping[SSAValue, Range],
    report: PassReport,
    *,
    per_channel: bool,
    bias_bits: int,
    headroom: int,
) -> dict[SSAValue, State]:
    """The states of all values and constants that int16 ops read or make; weights are stored as int8.

    `ranges` are those of activations, whose integers have `headroom` bits for more than these, and `clamped` those that
    the elements of constants are limited to.
    """
    ops = [op for op in function.body.block.ops if isinstance(op, TflOp) and kind_of(op) == INT16]
    constants = _constants(ops)
    own = {value: _own_type(constant, clamped) for value, constant in constants.items()}
    given: dict[SSAValue, Params] = {}
    for op in ops:
        read = {index: op.operands[index] for index in activations(op)}
        for value in read.values():
            if value not in own and value not in given:
                given[value] = _recorded_type(op, ranges.get(value), headroom)
        known = {index: own.get(value) or given[value] for index, value in read.items()}
        for result in op.results:
            if is_float(result):
                given[result] = _result_type(op, known, ranges.get(result), headroom)
        if is_linear(op):
            scales = (float(params.layout.scales) for params in (*known.values(), given[op.results[0]]))
            store_weights(op, *scales, per_channel=per_channel, bits=bias_bits, report=report)
    note_lost({value: bounds for value, bounds in ranges.items() if value not in own}, given, report)
    spread = Propagation(
        positions(function),
        constants={value: value.op for value in constants if isinstance(value, OpResult)},
        contents=lambda value: own[value],
        given=given,
        bias=lambda spread, op: None,
        results_first=True,
        kind=INT16,
    )
    spread.run()
    return spread.states


def _constants(ops: list[TflOp]) -> dict[SSAValue, FloatConstant]:
    """The constants that int16 ops read as activations.

    Where an op merges a constant that others read too with other values, it gets a copy, which takes the scale of its
    result.
    """
    constants: dict[SSAValue, FloatConstant] = {}
    for op in ops:
        for index in activations(op):
            constant = stored_constant(op.operands[index])
            if constant is None:
                continue
            if merges(op) and not constant.value.has_one_use():
                constant = copied(constant)
                op.operands[index] = constant.value
            constants[constant.value] = constant
    return constants


def _own_type(constant: FloatConstant, clamped: Mapping[SSAValue, Range]) -> Params:
    return int16_type(constant_scale(clamped.get(constant.value) or constant_range(constant.blob)))


def _result_type(op: TflOp, known: Mapping[int, Params], recorded: Range | None, headroom: int) -> Params:
    """The parameters of a result: fixed by the op's definition, those of its operand, or those of its own range."""
    if op.INFO.fixed_output is not None:
        return int16_type(FIXED_SCALE)
    if copies_scale(op):
        return next(iter(known.values()))
    own = _recorded_type(op, recorded, headroom)
    if is_same_scale(op, INT16):
        return own
    scales = {index: float(params.layout.scales) for index, params in known.items()}
    if is_linear(op) and op.INFO.weight is not None:
        scales[op.INFO.weight[0]] = _weight_scale(op, op.operands[op.INFO.weight[0]])
    return int16_type(max(float(own.layout.scales), least_scale(op, scales, bits=16)))


def _recorded_type(op: TflOp, recorded: Range | None, headroom: int) -> Params:
    """The parameters that follow from the range of a value which the op reads or makes."""
    if recorded is None:
        raise fail("it is marked to compute in int16, and a range is missing", op, "run tfl-choose-activations before")
    return int16_type(sound_scale(recorded, headroom))


def _weight_scale(op: TflOp, weight: SSAValue) -> float:
    """The largest scale of the weights, which a pass may have stored as integers before."""
    constant, stored = stored_constant(weight), stored_weight(op)
    element = None if stored is None else quantized_element(stored)
    if element is not None:
        return float(element.layout.scales.max())
    return 0.0 if constant is None else weight_scale(constant.blob)
