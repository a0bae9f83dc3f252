"""The parameters of the values that int8 ops read or make, from ranges, constants and the model's own pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, ranges_of
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.dead_code import dead_ops, remove_dead_ops
from tflir.passes.quantization.centred import centred_parameters, keep_uncentred_float
from tflir.passes.quantization.contents import Contents
from tflir.passes.quantization.facts import (
    KEEP_FLOAT,
    bias_of,
    fixed_output,
    float_operands,
    is_preserved,
    is_quantized_by_model,
    is_same_scale,
    positions,
    uses_in_order,
)
from tflir.passes.quantization.far_apart import SHARE_OF_INT8, far_apart
from tflir.passes.quantization.far_apart import WHY as FAR_APART
from tflir.passes.quantization.fine_operands import WHY as READ_FINELY
from tflir.passes.quantization.fine_operands import (
    Limits,
    divides_by_small_constants,
    is_near_zero,
    makers_of_fine_operands,
)
from tflir.passes.quantization.kinds_of_scales import split_by_kind
from tflir.passes.quantization.lost_values import note_lost
from tflir.passes.quantization.pairs import FloatConstant, copied, dequantized_constant, float_constant
from tflir.passes.quantization.parameters import activation_type, fixed_type, has_scale
from tflir.passes.quantization.propagation import Propagation, State
from tflir.passes.quantization.range_pruning import prune
from tflir.passes.quantization.recurrent import recurrent_parameters
from tflir.passes.quantization.refused import keep_refused_float
from tflir.passes.quantization.sound_ranges import INT8_LEVELS, visible_ranges, widened_ranges
from tflir.passes.quantization.stored_weights import drop_unfit_pairs, fits
from tflir.passes.rewriting.values import is_float, producer

_STEPS_FROM_ZERO = 4 / 255
"""If the smallest element is above this fraction of the largest, int8 rounds no element to 0, with a margin for values
that calibration did not see.
"""
_HALF_A_STEP = 0.5 / 255
"""The same without a margin: the int8 kernels of functions that are steep near 0 have an answer for 0."""
_FAR_APART_DIVISORS = "beside the largest of its constants, the least one would have a few steps, or become 0"
_LEAST_STEPS = 8
"""The largest result of an op with a fixed scale should span at least this number of steps."""


@dataclass(frozen=True)
class Chosen:
    """The int8 parameters that were chosen in a function; empty if no range was recorded."""

    states: dict[SSAValue, State] = field(default_factory=dict[SSAValue, State])
    """The states of the values that get pairs."""
    given: dict[SSAValue, UniformQuantizedType] = field(default_factory=dict[SSAValue, UniformQuantizedType])
    """The parameters that were known from the start."""
    constants: frozenset[SSAValue] = frozenset()
    """The float constants."""


def int8_states(
    function: FuncOp, report: PassReport, *, per_channel: bool, everywhere: bool, sparse_tables: bool, tf_compat: bool
) -> Chosen:
    """The states of values that int8 ops, and those that stay float, read or make.

    The options are those of `tfl-prepare-quantize`.
    """
    if everywhere:
        remove_dead_ops(function)
    if not tf_compat:
        drop_unfit_pairs(function, report)
    ranges, clamped = ranges_of(function), dict[SSAValue, Range]()
    if tf_compat:
        ranges = _usable(ranges, report)
    else:
        ranges, clamped = _sound(function, ranges, report, everywhere=everywhere)
    kept = prune(ranges, own_ranges=not tf_compat, dead=dead_ops(function))
    remove_dead_ops(function)
    kept = {value: bounds for value, bounds in kept.items() if value.first_use is not None}
    given = given_parameters(function, kept, tf_compat=tf_compat)
    if not tf_compat:
        given |= centred_parameters(function, ranges, sparse_tables=sparse_tables)
    for _, params in recurrent_parameters(function, kept if tf_compat else ranges, report, tf_compat=tf_compat):
        given |= params
    if not given:
        return Chosen()
    if not tf_compat:
        given = _fixed_parameters(function) | given
        _move_along(function, given)
    constants = _constants(function)
    if not tf_compat:
        split_by_kind(constants, clamped, positions(function), per_channel=per_channel)
    order = positions(function)
    contents = Contents(constants, order, report, per_channel=per_channel, tf_compat=tf_compat, clamped=clamped)
    spread = Propagation(
        order,
        constants={value: value.op for value in constants if isinstance(value, OpResult)},
        contents=contents.of_constant,
        given=given,
        bias=contents.of_bias,
        results_first=not tf_compat,
    )
    spread.run()
    if not tf_compat:
        keep_uncentred_float(function, spread, report)
        keep_refused_float(function, spread, report)
    states = {
        value: state
        for value, state in spread.states.items()
        if state.params is not None and (everywhere or spread.has_pair(value)) and not is_quantized_by_model(value)
    }
    if not tf_compat:
        recorded = {value: bounds for value, bounds in ranges_of(function).items() if value in states}
        note_lost(recorded, {value: state.params for value, state in states.items()}, report)
    return Chosen(states, given, frozenset(constants))


def _sound(
    function: FuncOp, recorded: dict[SSAValue, Range], report: PassReport, *, everywhere: bool
) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
    """Adapts recorded ranges to the limits of kernels, and marks ops that would lose too much precision as float.

    Returns the ranges of activations, and those that the elements of constants are clamped to.
    """
    recorded = {value: bounds for value, bounds in recorded.items() if not is_constant(value)}
    ranges, clamped = visible_ranges(function, recorded, report)
    usable = _usable(ranges, report)
    ranges = {v: bounds for v, bounds in usable.items() if not _near_pole(v, bounds, report, tables=everywhere)}
    share = _HALF_A_STEP if everywhere else _STEPS_FROM_ZERO
    ops = [op for op in function.body.block.ops if divides_by_small_constants(op, share)]
    kept = dict.fromkeys(ops, _FAR_APART_DIVISORS)
    if not everywhere:
        _keep_coarse_float(ranges, report)
        limits = Limits(_STEPS_FROM_ZERO, _HALF_A_STEP, INT8_LEVELS)
        kept |= dict.fromkeys(makers_of_fine_operands(function, usable, limits), READ_FINELY)
        kept |= dict.fromkeys(far_apart(function, ranges, SHARE_OF_INT8), FAR_APART)
    for op, why in kept.items():
        op.attributes[KEEP_FLOAT] = StringAttr(why)
        report.decline(why, op)
    return widened_ranges(function, ranges, clamped), clamped


def _move_along(function: FuncOp, given: dict[SSAValue, UniformQuantizedType]) -> None:
    """Gives the results of ops that only move elements the parameters of their operand.

    As given parameters, they do not change if an op that reads such a result asks for others.
    """
    for op in function.body.block.ops:
        operands = float_operands(op)
        if is_same_scale(op) and len(operands) == 1 and (params := given.get(op.operands[operands[0]])) is not None:
            for value in op.results:
                if is_float(value):
                    given.setdefault(value, params)


def _fixed_parameters(function: FuncOp) -> dict[SSAValue, UniformQuantizedType]:
    """The parameters of results whose range the op's definition fixes.

    As given parameters, they are the start of every requantization that an op which reads such a result needs.
    """
    fixed = ((op, fixed_output(op)) for op in function.body.block.ops)
    return {
        value: fixed_type(*params)
        for op, params in fixed
        if params is not None
        for value in op.results
        if is_float(value)
    }


def given_parameters(
    function: FuncOp, ranges: dict[SSAValue, Range], *, tf_compat: bool
) -> dict[SSAValue, UniformQuantizedType]:
    """Parameters that follow from a range, or from a quantize or dequantize in the model."""
    given = {value: activation_type(bounds, tf_compat=tf_compat) for value, bounds in ranges.items()}
    for op in function.body.block.ops:
        if is_preserved(op):
            continue
        if isinstance(op, DequantizeOp) and (params := quantized_element(op.operands[0])) is not None:
            if not is_constant(op.operands[0]) or fits(op):
                given[op.results[0]] = params
        elif isinstance(op, QuantizeOp) and is_float(op.operands[0]) and op.operands[0].has_one_use():
            params = quantized_element(op.results[0])
            if params is not None:
                given[op.operands[0]] = params
    return given


def _usable(ranges: dict[SSAValue, Range], report: PassReport) -> dict[SSAValue, Range]:
    """The ranges of activations whose scale is finite in float32.

    A range recorded on a constant is dropped: the elements of the constant are known exactly.
    """
    usable: dict[SSAValue, Range] = {}
    for value, bounds in ranges.items():
        if not is_float(value) or is_constant(value):
            continue
        if has_scale(bounds):
            usable[value] = bounds
        else:
            why = f"the range {bounds.low:g} to {bounds.high:g} is too wide for a float32 scale"
            report.decline(why, producer(value))
    return usable


def _near_pole(value: SSAValue, bounds: Range, report: PassReport, *, tables: bool) -> bool:
    """Whether int8 may round an element to 0 although an op that reads the value has a pole there, such as a DIV.

    With `tables`, ops without integer kernels become lookup tables, which have an entry for 0.
    """
    for use in value.uses:
        user = use.operation
        if tables and isinstance(user, TflOp) and not user.INFO.quantizable:
            continue
        steep = isinstance(user, TflOp) and use.index in user.INFO.steep and not tables
        if steep and is_near_zero(bounds, _HALF_A_STEP):
            report.decline("it reads values so near 0 that int8 would round them to 0", user)
            return True
        if not isinstance(user, TflOp) or use.index not in user.INFO.poles:
            continue
        if is_near_zero(bounds, _STEPS_FROM_ZERO):
            report.decline("rounded to 0, what it reads would be an error or give infinity", user)
            return True
        if isinstance(value, BlockArgument):
            report.decline("it divides by an input of the model, which may be near 0: its kernel stops there", user)
            return True
    return False


def _keep_coarse_float(ranges: dict[SSAValue, Range], report: PassReport) -> None:
    """Keeps ops with a fixed scale float if their recorded results span only a few steps of that scale."""
    for value, bounds in ranges.items():
        op = producer(value)
        fixed = None if op is None else fixed_output(op)
        if op is not None and fixed is not None and max(-bounds.low, bounds.high) < _LEAST_STEPS * fixed[0]:
            why = "its fixed range would leave a few steps of what was recorded"
            op.attributes[KEEP_FLOAT] = StringAttr(why)
            report.decline(why, op)


def _constants(function: FuncOp) -> dict[SSAValue, FloatConstant]:
    """The float constants of a function.

    If several ops read a constant, each use of it as a bias or by a same-scale op gets a copy first, since the
    parameters of such a use follow from other values of its op.
    """
    constants: dict[SSAValue, FloatConstant] = {}
    order = positions(function)
    for op in list(function.body.block.ops):
        constant = float_constant(op) or _unfit(op)
        if constant is None:
            continue
        constants[constant.value] = constant
        for use in uses_in_order(constant.value, order):
            bias = bias_of(use.operation)
            follows = is_same_scale(use.operation) or (bias is not None and bias[0] == use.index)
            if follows and not constant.value.has_one_use():
                copy = copied(constant)
                use.operation.operands[use.index] = copy.value
                constants[copy.value] = copy
    return constants


def _unfit(op: Operation) -> FloatConstant | None:
    """An int8 constant as float, to be quantized again, if some kernel does not support its parameters; else None."""
    return None if not isinstance(op, DequantizeOp) or fits(op) else dequantized_constant(op)
