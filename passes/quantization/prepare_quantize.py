"""`tfl-prepare-quantize`: decides scales and zero points from recorded ranges, and inserts pairs that hold them."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, clear_ranges, ranges_of
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.dead_code import dead_ops, remove_dead_ops
from tflir.passes.quantization.centred import centred_parameters, keep_uncentred_float
from tflir.passes.quantization.contents import Contents
from tflir.passes.quantization.facts import (
    KEEP_FLOAT,
    UNCALIBRATED,
    bias_of,
    fixed_output,
    float_operands,
    is_preserved,
    is_same_scale,
    positions,
    quantized_element,
    uses_in_order,
)
from tflir.passes.quantization.far_apart import SHARE_OF_INT8, far_apart
from tflir.passes.quantization.far_apart import WHY as FAR_APART
from tflir.passes.quantization.kinds_of_scales import split_by_kind
from tflir.passes.quantization.materialise import materialise
from tflir.passes.quantization.pairs import FloatConstant, copied, dequantized_constant, float_constant
from tflir.passes.quantization.parameters import activation_type, fixed_type, has_scale
from tflir.passes.quantization.propagation import Propagation
from tflir.passes.quantization.range_pruning import prune
from tflir.passes.quantization.recurrent import recurrent_parameters
from tflir.passes.quantization.refused import keep_refused_float
from tflir.passes.quantization.sound_ranges import visible_ranges, widened_ranges
from tflir.passes.quantization.stored_weights import drop_unfit_pairs, fits
from tflir.passes.rewriting.values import is_float, producer

_STEPS_FROM_ZERO = 4 / 255
"""Of its largest element, what a value's smallest must be above, so that no rounding makes it 0."""


_LEAST_STEPS = 8
"""Of a fixed scale, that the largest result should take."""


@dataclass(frozen=True)
class PrepareQuantizePass(TflPass):
    """
    Gives int8 parameters to every value that ranges reach, as pairs that change nothing yet.

    ```mlir
    %y = "tfl.fully_connected"(%x, %w, %b) …        // ranges recorded on %x and %y
    ```
    becomes
    ```mlir
    %xq = "tfl.quantize"(%x) <{qtype = tensor<…x!quant.uniform<i8:f32, …>>}> {volatile} …
    %xd = "tfl.dequantize"(%xq) {volatile} …
    …                                               // the same for %w (per channel) and %b (int32)
    %y = "tfl.fully_connected"(%xd, %wd, %bd) …
    %yq = "tfl.quantize"(%y) …
    %yd = "tfl.dequantize"(%yq) …
    ```
    Recorded ranges are used up.
    """

    name = "tfl-prepare-quantize"
    changes = "lossy"
    per_function = True

    per_channel: bool = True
    """Scales per channel where the op has a channel axis; else one scale a tensor."""
    everywhere: bool = False
    """Also quantize what float ops make for integer ops that only move it; else those stay float, as in TensorFlow."""
    sparse_tables: bool = False
    """A zero point of 0 for tables that are mostly zero and looked up, so that their zeros can be left out."""
    tf_compat: bool = False
    """TensorFlow's choices where they lose accuracy."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            self._function(function, report)

    def _function(self, function: FuncOp, report: PassReport) -> None:
        if self.everywhere:
            remove_dead_ops(function)
        if not self.tf_compat:
            drop_unfit_pairs(function, report)
        ranges, clamped = ranges_of(function), dict[SSAValue, Range]()
        if self.tf_compat:
            ranges = _usable(ranges, report)
        else:
            ranges, clamped = self._sound(function, ranges, report)
        kept = prune(ranges, own_ranges=not self.tf_compat, dead=dead_ops(function))
        remove_dead_ops(function)
        kept = {value: found for value, found in kept.items() if value.first_use is not None}
        given = given_parameters(function, kept)
        if not self.tf_compat:
            given |= centred_parameters(function, ranges, sparse_tables=self.sparse_tables)
        for _, params in recurrent_parameters(function, kept if self.tf_compat else ranges, report):
            given |= params
        clear_ranges(function)
        if not given:
            function.attributes[UNCALIBRATED] = UnitAttr()
            report.decline(f"no range is recorded in function @{function.sym_name.data}")
            return
        if not self.tf_compat:
            given = _fixed_parameters(function) | given
            _move_along(function, given)
        constants = _constants(function)
        if not self.tf_compat:
            split_by_kind(constants, clamped, positions(function), per_channel=self.per_channel)
        order = positions(function)
        contents = Contents(
            constants, order, report, per_channel=self.per_channel, merge_zeros=not self.tf_compat, clamped=clamped
        )
        spread = Propagation(
            function,
            order,
            constants={value: value.op for value in constants if isinstance(value, OpResult)},
            contents=contents.of_constant,
            given=given,
            bias=contents.of_bias,
            results_first=not self.tf_compat,
        )
        spread.run()
        if not self.tf_compat:
            keep_uncentred_float(function, spread, report)
            keep_refused_float(function, spread, report)
        for value, state in spread.states.items():
            wanted = self.everywhere or spread.has_pair(value, given)
            if state.params is not None and wanted and not _in_model(value):
                pairs = materialise(
                    value,
                    state,
                    constant=value in constants,
                    first_use_first=self.tf_compat and value not in given,
                    tf_compat=self.tf_compat,
                )
                report.count("pairs inserted", pairs)

    def _sound(
        self, function: FuncOp, recorded: dict[SSAValue, Range], report: PassReport
    ) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
        """Ranges that kernels can take, and those that constants are clamped to; marks what better stays float."""
        recorded = {value: found for value, found in recorded.items() if not is_constant(value)}
        ranges, clamped = visible_ranges(function, recorded, report)
        usable = _usable(ranges, report)
        ranges = {v: one for v, one in usable.items() if not _near_pole(v, one, report, tables=self.everywhere)}
        if not self.everywhere:
            _keep_coarse_float(ranges, report)
            for op in far_apart(function, ranges, SHARE_OF_INT8):
                op.attributes[KEEP_FLOAT] = StringAttr(FAR_APART)
                report.decline(FAR_APART, op)
        return widened_ranges(function, ranges, clamped), clamped


def _move_along(function: FuncOp, given: dict[SSAValue, UniformQuantizedType]) -> None:
    """What only moves elements that have parameters has the same: no reader further on may ask for others there."""
    for op in function.body.block.ops:
        operands = float_operands(op)
        if is_same_scale(op) and len(operands) == 1 and (params := given.get(op.operands[operands[0]])) is not None:
            for value in op.results:
                if is_float(value):
                    given.setdefault(value, params)


def _fixed_parameters(function: FuncOp) -> dict[SSAValue, UniformQuantizedType]:
    """Those of results whose range is fixed: all that reads them starts from there, none from another reader's copy."""
    fixed = ((op, fixed_output(op)) for op in function.body.block.ops)
    return {
        value: fixed_type(*params)
        for op, params in fixed
        if params is not None
        for value in op.results
        if is_float(value)
    }


def given_parameters(function: FuncOp, ranges: dict[SSAValue, Range]) -> dict[SSAValue, UniformQuantizedType]:
    """Parameters that a range or a quantize or dequantize in the model decides."""
    given = {value: activation_type(found) for value, found in ranges.items()}
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
    """The ranges of activations that float32 can make a scale of. What is recorded on a constant is left out: its
    elements say more."""
    found: dict[SSAValue, Range] = {}
    for value, one in ranges.items():
        if not is_float(value) or is_constant(value):
            continue
        if has_scale(one):
            found[value] = one
        else:
            what = f"the range {one.low:g} to {one.high:g} is too wide for a float32 scale"
            report.decline(what, producer(value))
    return found


def _near_pole(value: SSAValue, found: Range, report: PassReport, *, tables: bool) -> bool:
    """Whether rounding to steps of the range could make a 0 that an op which reads the value can't take."""
    for use in value.uses:
        user = use.operation
        if tables and isinstance(user, TflOp) and not user.INFO.quantizable:
            continue  # a table tells what the op answers to 0
        if not isinstance(user, TflOp) or use.index not in user.INFO.poles:
            continue
        if not found.low > _STEPS_FROM_ZERO * found.high:
            report.decline("rounded to 0, what it reads would be an error or give infinity", user)
            return True
        if isinstance(value, BlockArgument):
            report.decline("it divides by an input of the model, which may be near 0: its kernel stops there", user)
            return True
    return False


def _keep_coarse_float(ranges: dict[SSAValue, Range], report: PassReport) -> None:
    """Leaves float the ops of fixed range that would have but a few steps for what was recorded of them."""
    for value, found in ranges.items():
        maker = producer(value)
        fixed = None if maker is None else fixed_output(maker)
        if maker is not None and fixed is not None and max(-found.low, found.high) < _LEAST_STEPS * fixed[0]:
            why = "its fixed range would leave a few steps of what was recorded"
            maker.attributes[KEEP_FLOAT] = StringAttr(why)
            report.decline(why, maker)


def _in_model(value: SSAValue) -> bool:
    """Whether the model itself quantizes the value."""
    return any(isinstance(use.operation, QuantizeOp) for use in value.uses)


def _constants(function: FuncOp) -> dict[SSAValue, FloatConstant]:
    """The float constants, with a copy for each bias and each operand of a same-scale op of those that others read."""
    found: dict[SSAValue, FloatConstant] = {}
    order = positions(function)
    for op in list(function.body.block.ops):
        constant = float_constant(op) or _unfit(op)
        if constant is None:
            continue
        found[constant.value] = constant
        for use in uses_in_order(constant.value, order):
            bias = bias_of(use.operation)
            follows = is_same_scale(use.operation) or (bias is not None and bias[0] == use.index)
            if follows and not constant.value.has_one_use():
                again = copied(constant)
                use.operation.operands[use.index] = again.value
                found[again.value] = again
    return found


def _unfit(op: Operation) -> FloatConstant | None:
    """An int8 constant that some kernel does not take as it is: quantized anew from the values that it stands for."""
    return None if not isinstance(op, DequantizeOp) or fits(op) else dequantized_constant(op)
