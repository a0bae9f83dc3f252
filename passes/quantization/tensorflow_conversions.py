"""`tfl-convert-int16-as-tensorflow`: 16x8 models as TensorFlow makes them, with conversions before each use.

TensorFlow visits ops in program order. It quantizes or dequantizes a value before each use, except for the function's
arguments: it quantizes these at once, so that the float ops before the first int16 one read int16, too. See
docs/semantics.md, 16x8 conversions.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue, Use
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, clear_ranges, ranges_of
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import FALSE, TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.tfl.shapes import Unfit
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization import tensorflow_int16
from tflir.passes.quantization.facts import INT16, kind_of
from tflir.passes.quantization.int16_facts import (
    activations,
    chooses_bias_type,
    copies_scale,
    is_int16,
    is_linear,
    merges,
    takes_any_type,
)
from tflir.passes.quantization.int16_layers import check_bias_bits
from tflir.passes.quantization.int16_numerics import FIXED_SCALE, NO_SCALE, activation_scale
from tflir.passes.quantization.pairs import float_tensor, quantized_tensor, stored_constant
from tflir.passes.quantization.parameters import int16_type
from tflir.passes.quantization.post_quantize import remove_unread
from tflir.passes.quantization.tensorflow_constants import Constants
from tflir.passes.rewriting.edit import insert_before
from tflir.passes.rewriting.values import is_float


@dataclass(frozen=True)
class ConvertAsTensorFlowPass(TflPass):
    """
    Makes the ops that `tfl-choose-activations` marked int16 ops, with the conversions, constants, options and versions
    that TensorFlow writes.

    ```mlir
    %a = "tfl.abs"(%x) {tfl.activations = "int16"} : (tensor<1x4xf32>) -> tensor<1x4xf32>
    %s = "tfl.sin"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32>
    %c = "tfl.cos"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32>
    ```
    becomes
    ```mlir
    %q = "tfl.quantize"(%x) <{qtype = tensor<1x4x!quant.uniform<i16:f32, …>>}> …
    %a = "tfl.abs"(%q) …
    %f = "tfl.dequantize"(%a) …
    %s = "tfl.sin"(%f) …
    %g = "tfl.dequantize"(%a) …
    %c = "tfl.cos"(%g) …
    ```
    The recorded ranges are removed.
    """

    name = "tfl-convert-int16-as-tensorflow"
    changes = "lossy"

    per_channel: bool = True
    """A scale for each channel of the weights; else one scale a tensor."""
    bias_bits: int = 64
    """Bit width of biases, and of the accumulators that they are added to: 64 or 32."""

    def __post_init__(self) -> None:
        check_bias_bits(self.bias_bits)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            self._function(function, report)
            clear_ranges(function)
        remove_unread(module, report)

    def _function(self, function: FuncOp, report: PassReport) -> None:
        constants = Constants(report, per_channel=self.per_channel, bias_bits=self.bias_bits)
        conversions = _Conversions(function, ranges_of(function), constants, report)
        for argument in list(function.body.block.args):
            uses = list(argument.uses)
            if is_float(argument) and any(map(_reads_int16, uses)):
                conversions.quantize_argument(argument, uses)
        for op in list(function.body.block.ops):
            if isinstance(op, ReturnOp):
                conversions.read_float(op)
            elif isinstance(op, TflOp) and kind_of(op) == INT16:
                conversions.make_int16(op)
                report.count("integer ops")
            elif not takes_any_type(op):
                conversions.read_float(op)
            if isinstance(op, TflOp):
                _set_options(op, self.bias_bits)
        function.update_function_type()


def _reads_int16(use: Use) -> bool:
    op = use.operation
    return isinstance(op, TflOp) and kind_of(op) == INT16 and use.index in activations(op)


def _set_options(op: TflOp, bias_bits: int) -> None:
    """Sets the options of quantization, and TensorFlow's version where that is higher than the types need."""
    if isinstance(op, AddOp | SubOp):
        op.properties["pot_scale_int16"] = FALSE
    elif chooses_bias_type(op):
        op.properties["quantized_bias_type"] = StringAttr(f"INT{bias_bits}")
    if (version := tensorflow_int16.VERSIONS.get(op.INFO.builtin)) is not None:
        op.attributes[names.VERSION] = IntegerAttr(version, i32)


class _Conversions:
    """The int16 values of a function, and the ops that convert values for each use."""

    def __init__(
        self, function: FuncOp, ranges: dict[SSAValue, Range], constants: Constants, report: PassReport
    ) -> None:
        self._function = function
        self._ranges = ranges
        self._constants = constants
        self._report = report
        self._shared: dict[SSAValue, bool] = {}
        self._made: set[SSAValue] = set()
        """The values that became int16 here; an input model may have others."""
        self._unread: set[SSAValue] = set()
        """Arguments that no int16 op visited so far has read."""

    def quantize_argument(self, argument: BlockArgument, uses: list[Use]) -> None:
        """Lets all users of an argument read its int16 form, unless the definition of one forbids that."""
        first = self._function.body.block.first_op
        assert first is not None
        made = self._quantized(argument, first, self._scale(argument))
        for use in uses:
            _let_read(use, made)
        self._unread.add(made)

    def make_int16(self, op: TflOp) -> None:
        """Makes the op one on int16: its operands, its weights and bias, and the types of its results."""
        op.attributes.pop(names.VERSION, None)
        positions = tensorflow_int16.activations(op)
        takes_first = tensorflow_int16.takes_first_scale(op.INFO)
        copies = copies_scale(op)  # asked before the operand may become integers without a scale
        common = self._scale(op.results[0]) if merges(op) and not takes_first else None
        for index in positions:
            op.operands[index] = self._as_int16(op.operands[index], op, common)
        if is_linear(op) and op.INFO.weight is not None:
            position = op.INFO.weight[0]
            if stored_constant(op.operands[position]) is None:
                op.operands[position] = self._as_int16(op.operands[position], op)
            read, weight = (_scale_of(op.operands[index]) for index in (positions[0], position))
            self._constants.weights_and_bias(op, read, weight)
        for result in op.results:
            if not is_float(result):
                continue
            if op.INFO.fixed_output is not None:
                scale = FIXED_SCALE
            elif copies or takes_first:
                scale = _scale_of(op.operands[positions[0]])
            else:
                scale = self._scale(result)
            made = quantized_tensor(result, int16_type(scale or NO_SCALE))
            self._made.add(Rewriter.replace_value_with_new_type(result, made))

    def read_float(self, op: Operation) -> None:
        """Gives an op that stays float, and the ops in its regions, float32 operands again."""
        for inner in op.walk():
            for index, value in enumerate(inner.operands):
                quantized = None if isinstance(op, ReturnOp) else self._constants.made.get(value)
                read = value if value in self._made else quantized
                if read is not None and read not in self._unread:
                    inner.operands[index] = self._as_float(read, op)

    def _scale(self, value: SSAValue) -> float:
        return activation_scale(self._ranges[value])

    def _as_int16(self, value: SSAValue, user: Operation, scale: float | None = None) -> SSAValue:
        """The int16 form of `value` for op `user`, with the given scale, or if it is None, with the value's own."""
        constant = stored_constant(value)
        if constant is not None:
            if not self._is_shared(value) or scale is None:
                return self._constants.operand(constant, scale)
            value = self._constants.operand(constant, None)
        self._unread.discard(value)
        if not is_int16(value):
            value = self._quantized(value, user, self._scale(value))
        if scale is None or _scale_of(value) == scale:
            return value
        return self._quantized(value, user, scale, "requantized")

    def _is_shared(self, constant: SSAValue) -> bool:
        """Whether several ops read a constant at the first call; later, int16 ops read its quantized form instead."""
        if constant not in self._shared:
            self._shared[constant] = len({use.operation for use in constant.uses}) > 1
        return self._shared[constant]

    def _as_float(self, value: SSAValue, user: Operation) -> SSAValue:
        """The float32 form, for op `user`, of an int16 value. If that returns it, it takes the name of the value."""
        op = DequantizeOp.create(operands=[value], result_types=[float_tensor(value)])
        op.location = names.named(names.suffixed(value, "float"))
        insert_before(user, op)
        if isinstance(user, ReturnOp):
            _swap_names(value, op)
        self._report.count("dequantize ops")
        return op.results[0]

    def _quantized(self, value: SSAValue, user: Operation, scale: float, suffix: str = "int16") -> SSAValue:
        qtype = quantized_tensor(value, int16_type(scale or NO_SCALE))
        op = QuantizeOp.create(operands=[value], result_types=[qtype], properties={"qtype": qtype})
        op.location = names.named(names.suffixed(value, suffix))
        insert_before(user, op)
        self._made.add(op.results[0])
        self._report.count("quantize ops")
        return op.results[0]


def _scale_of(value: SSAValue) -> float:
    """The scale of an int16 value; 0 if it has none in its type, which can't represent TensorFlow's scale of 0."""
    element = quantized_element(value)
    return 0.0 if element is None else float(element.layout.scales)


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


def _swap_names(value: SSAValue, wide: DequantizeOp) -> None:
    """Gives the float32 form of a result its name; the int16 result is renamed with the suffix `_int16`."""
    name = names.name_of(value)
    if name is not None and isinstance(value, OpResult):
        result_names = names.op_names(value.op)
        result_names[value.index] = f"{name}_int16"
        value.op.location = names.location_of(result_names)
        wide.location = names.named(name)
