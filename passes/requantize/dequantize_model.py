"""`tfl-dequantize-model`: converts a quantized model to a float model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import Float16Type, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.blob import RepeatedBlob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.entries import entry_functions
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, ranges_of, set_ranges
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseQConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, quantized_element, with_element
from tflir.passes.base import PassReport, TflPass, fail
from tflir.passes.quantization.dequantized import dequantized_blob
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.quantization.parameters import F32
from tflir.passes.quantization.post_quantize import remove_unread
from tflir.passes.quantization.recurrent import is_recurrent
from tflir.passes.reasons import INPUTS_MADE_FLOAT, OUTPUTS_MADE_FLOAT
from tflir.passes.requantize.attributes import forget_scales, make_float_op
from tflir.passes.requantize.bounds import Bounds
from tflir.passes.requantize.clipping import Clipping
from tflir.passes.requantize.constants import float_const, rounded_blob
from tflir.passes.requantize.integer_readers import reads_integers, takes_scaled_as_plain
from tflir.passes.requantize.naming import replace_with
from tflir.passes.requantize.scales import Scales, scales_of
from tflir.passes.rewriting.edit import erase, insert_after, insert_before
from tflir.passes.rewriting.values import is_float, producer

_MOST_BITS = 16
"""Activations have at most this bit width; wider integers are biases."""


@dataclass(frozen=True)
class DequantizeModelPass(TflPass):
    """
    Makes every quantized value float32: constants are dequantized, ops compute in float32, and `tfl.quantize` and
    `tfl.dequantize` are removed. If a quantized type clips a result, such as a type without negative numbers, the op
    gets the activation that clips it in the same way.

    ```mlir
    %w = "tfl.pseudo_qconst"() … : () -> tensor<4x8x!quant.uniform<i8:f32:0, {…}>>
    %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", …}>
       : (tensor<1x8x!quant.uniform<i8:f32, 0.5>>, …) -> tensor<1x4x!quant.uniform<i8:f32, 0.1:-128>>
    ```
    becomes, with `ranges=true`,
    ```mlir
    %w = "tfl.pseudo_const"() … : () -> tensor<4x8xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "RELU", …}>
       {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 25.5>}}}
       : (tensor<1x8xf32>, …) -> tensor<1x4xf32>
    ```
    Ops that read the integers themselves (`tfl.cast`, custom ops, those that take plain integers of the same type too)
    keep integer operands, between a quantize and a dequantize. Before this pass, sparse constants must be made dense
    (`tfl-densify-fold`) and fake quantization must be lowered (`tfl-lower-fake-quant`).
    """

    name = "tfl-dequantize-model"
    changes = "lossy"

    ranges: bool = False
    """Record the range that each activation's type can hold, so that the model can be quantized again."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        entries = set(entry_functions(module))
        for function in functions(module):
            before = function.function_type
            _Function(function, report, ranges=self.ranges).rewrite()
            if function in entries:
                _count_changed(before.inputs.data, function.function_type.inputs.data, INPUTS_MADE_FLOAT, report)
                _count_changed(before.outputs.data, function.function_type.outputs.data, OUTPUTS_MADE_FLOAT, report)
        remove_unread(module, report)


def _count_changed(before: Sequence[Attribute], after: Sequence[Attribute], what: str, report: PassReport) -> None:
    if changed := sum(old != new for old, new in zip(before, after, strict=True)):
        report.count(what, changed)


class _Function:
    """Converts one function."""

    def __init__(self, function: FuncOp, report: PassReport, *, ranges: bool) -> None:
        self._function = function
        self._report = report
        self._keep_ranges = ranges
        self._bounds = Bounds()
        self._clipping = Clipping(self._bounds, report)
        self._ranges: dict[SSAValue, Range] = {}
        self._types: dict[SSAValue, Attribute] = {}
        """The original types of values that have become float."""
        self._steps: dict[SSAValue, Scales] = {}
        """The original scales of values that have become float, including constants."""
        self._requantizes: dict[Operation, Scales] = {}
        """The original scales of the operands of quantize ops that requantize."""
        self._readers: set[Operation] = set()
        """Ops that read integers themselves."""
        self._reads_float: dict[Operation, set[int]] = {}
        """For ops that read integers themselves, the operands that were float in the input model."""

    def rewrite(self) -> None:
        ops = list(self._function.walk())[1:]
        for op in ops:
            if isinstance(op, QuantizeOp) and (before := scales_of(op.operands[0], self._function)) is not None:
                self._requantizes[op] = before
        self._readers = {op for op in ops if reads_integers(op) or takes_scaled_as_plain(op, self._function)}
        for op in self._readers:
            self._reads_float[op] = {index for index, value in enumerate(op.operands) if is_float(value)}
        for block in {op.parent: None for op in ops}:
            for argument in block.args if block is not None else ():
                self._retype(argument)
        for op in ops:
            self._visit(op)
        forget_scales(self._function)
        recorded = ranges_of(self._function)
        ranges = {value: bounds if self._keep_ranges else None for value, bounds in self._ranges.items()}
        set_ranges(self._function, {v: bounds for v, bounds in ranges.items() if bounds is not None or v in recorded})
        self._function.update_function_type()

    def _visit(self, op: Operation) -> None:
        if isinstance(op, SparseQConstOp):
            raise fail("the constant is sparse", op, "run tfl-densify-fold first")
        if isinstance(op, ConstOp | QConstOp):
            self._constant(op)
        elif isinstance(op, QuantizeOp):
            self._quantize(op)
        elif isinstance(op, DequantizeOp):
            self._dequantize(op)
        elif op in self._readers:
            self._keep(op)
        else:
            self._compute(op)

    def _constant(self, op: ConstOp | QConstOp) -> None:
        if names.IS_VARIABLE in op.attributes or names.NO_DATA in op.attributes:
            self._variable(op)
            return
        value, scales = op.output, scales_of(op.output, self._function)
        uses = [use for use in value.uses if use.operation not in self._readers]
        if scales is None or not uses or not isinstance(op.value, ArrayElementsAttr):
            return
        if not _is_narrow(scales) and not all(_is_bias(use.operation, use.index) for use in uses):
            return
        made = float_const(value, dequantized_blob(op.value, scales))
        made.location = op.location
        made.attributes.update({k: v for k, v in op.attributes.items() if k not in (names.TENSOR, names.VERSION)})
        insert_after(op, made)
        for use in uses:
            use.operation.operands[use.index] = made.results[0]
        self._steps[made.results[0]] = scales
        self._report.count("constants dequantized")

    def _variable(self, op: ConstOp | QConstOp) -> None:
        """Makes a variable tensor float; its initial value stays 0."""
        scales = scales_of(op.output, self._function)
        if (
            scales is None
            or not scales.is_one
            or not _is_narrow(scales)
            or any(use.operation in self._readers for use in op.output.uses)
        ):
            return
        stored = op.value
        assert isinstance(stored, ArrayElementsAttr)
        key = op.attributes.get(names.IS_VARIABLE, StringAttr(names.place(op)))
        made = float_const(op.output, RepeatedBlob(bytes(4), 4 * stored.size, ("dequantized", key)))
        made.location = op.location
        made.attributes.update(op.attributes)
        insert_before(op, made)
        self._ranges[made.results[0]] = scales.span()
        op.output.replace_all_uses_with(made.results[0])
        erase(op)
        self._report.count("variables made float")

    def _quantize(self, op: QuantizeOp) -> None:
        source, scales = op.operands[0], scales_of(op.output, self._function)
        if not is_float(source) or scales is None:
            return
        kept = [use for use in op.output.uses if use.operation in self._readers]
        value = self._rounded(op, source, scales) or self._clipping.of_quantize(
            op, source, scales, self._requantizes.get(op)
        )
        if scales.is_one:
            whole = self._ranges.get(source)
            if source not in self._types:  # float in the input model: its range is that of its quantizes
                self._ranges[source] = scales.span() if whole is None else whole.union(scales.span())
            self._ranges.setdefault(value, scales.span())
        if kept:
            quantize = QuantizeOp.create(
                operands=[value], result_types=[op.output.type], properties=dict(op.properties)
            )
            quantize.location = op.location
            insert_before(op, quantize)
            for use in kept:
                use.operation.operands[use.index] = quantize.results[0]
        replace_with(op, value)
        self._report.count("quantize ops removed")

    def _rounded(self, op: QuantizeOp, source: SSAValue, scales: Scales) -> SSAValue | None:
        """The float constant that a quantize of a float constant is replaced by; None if `source` is not a constant."""
        maker = producer(source)
        constant = float_constant(maker) if maker is not None else None
        if constant is None:
            return None
        made = float_const(source, rounded_blob(constant, scales))
        made.location = op.location
        insert_before(op, made)
        return made.results[0]

    def _dequantize(self, op: DequantizeOp) -> None:
        source = op.operands[0]
        if is_float(source) and is_float(op.output):
            replace_with(op, source)
            self._report.count("dequantize ops removed")
            return
        constant = float_constant(op)
        if constant is not None and isinstance(element_of(source.type), Float16Type):
            made = float_const(op.output, constant.blob)
            made.location = constant.source.location if source.has_one_use() else op.location
            insert_before(op, made)
            replace_with(op, made.results[0])
            self._report.count("float16 constants widened")

    def _keep(self, op: Operation) -> None:
        """Gives an op that reads the integers themselves quantized operands again, and dequantizes its results."""
        for index, value in enumerate(op.operands):
            if index in self._reads_float[op]:
                continue
            if (original := self._types.get(value)) is not None and _quantized_type(original) is not None:
                quantize = QuantizeOp.create(operands=[value], result_types=[original], properties={"qtype": original})
                quantize.location = names.named(names.suffixed(value, "quantized"))
                insert_before(op, quantize)
                op.operands[index] = quantize.results[0]
        for result in op.results:
            scales = scales_of(result, self._function)
            others = [use for use in result.uses if use.operation not in self._readers]
            if quantized_element(result) is None or scales is None or not others:
                continue
            made = DequantizeOp.create(operands=[result], result_types=[with_element(result.type, F32)])
            made.location = names.named(names.suffixed(result, "dequantized"))
            insert_after(op, made)
            self._report.count("activations made float")
            for use in others:
                use.operation.operands[use.index] = made.results[0]
            if scales.is_one:
                self._ranges[made.results[0]] = scales.span()

    def _compute(self, op: Operation) -> None:
        """Makes the results of an op float, and inserts the activations that their types stood for."""
        quantized = any(value in self._types or value in self._steps for value in op.operands)
        if isinstance(op, TflOp):
            self._bias_without_scale(op)
        nature = self._bounds.by_nature(op)
        for result in list(op.results):
            made = self._retype(result)
            quantized = quantized or made is not result
            scales = self._steps.get(made)
            self._bounds.set(made, nature)
            if scales is None:
                continue
            span = scales.span()
            if scales.storage.width.data > 8:  # int16 types are symmetric even if no value is negative
                self._ranges[made] = Range(max(span.low, nature.low), min(span.high, nature.high))
            clipped = self._clipping.of_result(op, made, scales, nature)
            if clipped is not made:
                self._types[clipped], self._steps[clipped] = self._types[made], scales
                self._ranges[clipped] = self._ranges[made]
            self._bounds.set(made, Range(max(span.low, nature.low), min(span.high, nature.high)))
        if quantized:
            make_float_op(op, ranges=self._keep_ranges)

    def _bias_without_scale(self, op: TflOp) -> None:
        """Dequantizes a bias without a scale, as in some old models: it is the product of input and weight scale."""
        bias = op.INFO.bias
        value = op.operands[bias[0]] if bias is not None and bias[0] < len(op.operands) else None
        constant = None if value is None else producer(value)
        if bias is None or value is None or not isinstance(constant, ConstOp):
            return
        stored, sources = constant.value, [self._steps.get(op.operands[index]) for index in bias[1]]
        if not isinstance(stored, ArrayElementsAttr) or stored.element_name != "INT32":
            return
        known = [source for source in sources if source is not None]
        if len(known) < len(sources) or scales_of(value, self._function) is not None:
            return
        steps = np.prod([np.broadcast_to(source.scales.reshape(-1), stored.size) for source in known], axis=0)
        scales = Scales(steps, np.zeros(stored.size, np.int64), known[0].storage, (0, 0))
        made = float_const(value, dequantized_blob(stored, scales))
        made.location = constant.location
        insert_after(constant, made)
        op.operands[bias[0]] = made.results[0]

    def _retype(self, value: SSAValue) -> SSAValue:
        """Changes the type of a quantized activation to float32; returns a value of another kind unchanged."""
        scales = scales_of(value, self._function)
        if scales is None or not scales.is_one or not _is_narrow(scales):
            return value
        before = value.type
        made = Rewriter.replace_value_with_new_type(value, with_element(before, F32))
        if isinstance(made, BlockArgument) and isinstance(value, BlockArgument):
            made.location = value.location
        self._types[made], self._steps[made], self._ranges[made] = before, scales, scales.span()
        self._report.count("activations made float")
        return made


def _quantized_type(tensor: Attribute) -> UniformQuantizedType | None:
    """The quantized element type of a tensor type; None if it has none."""
    element = element_of(tensor)
    return element if isinstance(element, UniformQuantizedType) else None


def _is_narrow(scales: Scales) -> bool:
    return scales.storage.width.data <= _MOST_BITS


def _is_bias(op: Operation, index: int) -> bool:
    """Whether the op reads wide integers at this operand as quantized numbers, not as indices or shapes."""
    if isinstance(op, DequantizeOp | QuantizeOp) or is_recurrent(op):
        return True
    bias = op.INFO.bias if isinstance(op, TflOp) else None
    return bias is not None and bias[0] == index
