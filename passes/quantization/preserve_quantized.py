"""`tfl-preserve-quantized`: marks the quantized parts of an input model, so that later passes do not change them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.constness import CONSTANTS, is_constant
from tflir.ir.entries import entry_functions
from tflir.ir.functions import functions
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, MODEL_QUANTIZED
from tflir.passes.quantization.stored_weights import reads_stored_weights
from tflir.passes.rewriting.values import is_float, producer

_NO_COMPUTATION = (*CONSTANTS, QuantizeOp, DequantizeOp, ReturnOp)
_ISLAND = "it lies beside integer parts that the model came with"
_HYBRID = "its weights are quantized in the model as it came"


@dataclass(frozen=True)
class PreserveQuantizedPass(TflPass):
    """
    Marks the quantize and dequantize ops between the integer and float parts of a model that is quantized already, and
    the float ops between these.

    ```mlir
    %a = "tfl.dequantize"(%q) : (tensor<4x!quant.uniform<i8:f32, 0.1>>) -> tensor<4xf32>
    %b = "tfl.sqrt"(%a) : (tensor<4xf32>) -> tensor<4xf32>
    %r = "tfl.quantize"(%b) …
    ```
    becomes
    ```mlir
    %a = "tfl.dequantize"(%q) {tfl.model_quantized} …
    %b = "tfl.sqrt"(%a) {tfl.keep_float = "it lies beside integer parts that the model came with"} …
    %r = "tfl.quantize"(%b) {tfl.model_quantized} …
    ```
    Not marked are quantize/dequantize pairs on float values, which specify how to quantize the ops around them
    (quantization-aware training), dequantize ops of constants, and quantize or dequantize ops at the inputs and outputs
    of a model that computes in float. `tfl-clear-marks` removes the marks.
    """

    name = "tfl-preserve-quantized"
    changes = "exact"
    per_function = True

    keep_float: bool = True
    """Keep the float ops between integer parts, and ops that read quantized weights, as they are."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        entries = set(entry_functions(module))
        for function in functions(module):
            parts = integer_parts(function, is_entry=function in entries)
            for op in parts.conversions:
                op.attributes[MODEL_QUANTIZED] = UnitAttr()
                report.count("conversions of the model's own")
            if self.keep_float:
                _keep_float(parts.float_ops, _ISLAND, report)
                _keep_float((op for op in function.body.block.ops if reads_stored_weights(op)), _HYBRID, report)


def _keep_float(ops: Iterable[Operation], why: str, report: PassReport) -> None:
    for op in ops:
        op.attributes[KEEP_FLOAT] = StringAttr(why)
        report.count("ops kept as they are")
        report.decline(why, op)


@dataclass
class IntegerParts:
    """The ops around the integer parts that a function of the input model has."""

    conversions: dict[Operation, None]
    """The quantize and dequantize ops at the edges of integer parts, and those between the `float_ops`."""
    float_ops: dict[Operation, None]
    """The float ops that are connected to these edges through float values."""


def integer_parts(function: FuncOp, *, is_entry: bool) -> IntegerParts:
    """Finds the integer parts of a function, and the float ops beside them.

    The search starts at the quantize and dequantize ops at the edges of integer parts. It follows float values, through
    the ops that make or read them and through quantize/dequantize pairs.
    """
    parts = IntegerParts(dict.fromkeys(_edges(function, is_entry=is_entry)), {})
    pending = [value for op in parts.conversions for value in (*op.operands, *op.results) if is_float(value)]
    reached = set(pending)
    while pending:
        value = pending.pop()
        neighbours = [use.operation for use in value.uses]
        if isinstance(value, OpResult):
            neighbours.append(value.op)
        for op in neighbours:
            if isinstance(op, (*CONSTANTS, ReturnOp)) or op in parts.conversions or op in parts.float_ops:
                continue
            if isinstance(op, QuantizeOp | DequantizeOp):
                partners = _partners(op)
                parts.conversions.update(dict.fromkeys([op, *partners]))
                values = [v for partner in partners for v in (*partner.operands, *partner.results)]
            else:
                parts.float_ops[op] = None
                values = [*op.operands, *op.results]
            new = [v for v in dict.fromkeys(values) if is_float(v) and not is_constant(v) and v not in reached]
            reached.update(new)
            pending += new
    return parts


def _partners(op: Operation) -> list[Operation]:
    """The other op of a quantize/dequantize pair; a quantize may have several dequantizes."""
    if isinstance(op, QuantizeOp):
        return [use.operation for use in op.results[0].uses if isinstance(use.operation, DequantizeOp)]
    quantize = producer(op.operands[0])
    return [quantize] if isinstance(quantize, QuantizeOp) else []


def _edges(function: FuncOp, *, is_entry: bool) -> list[Operation]:
    """The quantize and dequantize ops between float values and integer ops of the input model."""
    computed = _computed(function)
    integer_ops = {op for op in function.body.block.ops if _is_integer_op(op, computed)}
    edges: list[Operation] = []
    for op in function.body.block.ops:
        if isinstance(op, QuantizeOp) and not is_constant(op.operands[0]):
            requantizes = quantized_element(op.operands[0]) is not None
            users = [use.operation for use in op.results[0].uses]
            computed_with = any(isinstance(user, QuantizeOp) or user in integer_ops for user in users)
            returned = any(isinstance(user, ReturnOp) for user in users)
            if requantizes or computed_with or (returned and not is_entry):
                edges.append(op)
        elif isinstance(op, DequantizeOp) and _is_boundary(op, computed, integer_ops, is_entry=is_entry):
            edges.append(op)
    return edges


def _is_boundary(op: DequantizeOp, computed: set[SSAValue], integer_ops: set[Operation], *, is_entry: bool) -> bool:
    """Whether a dequantize reads the result of an integer op, not a constant, an input or a quantized float value."""
    source = op.operands[0]
    if source not in computed:
        return False
    source_op = producer(source)
    if source_op is None:
        return not is_entry
    if isinstance(source_op, QuantizeOp) and is_float(source_op.operands[0]):
        return any(use.operation in integer_ops for use in source.uses)
    return True


def _computed(function: FuncOp) -> set[SSAValue]:
    """The quantized values that depend on an argument of the function or on a quantized float value.

    The rows that GATHER selects from a quantized constant table are not among them: they are not quantized activations.
    """
    computed: set[SSAValue] = {value for value in function.body.block.args if quantized_element(value) is not None}
    for op in function.body.block.ops:
        if isinstance(op, CONSTANTS):
            continue
        depends = any(value in computed for value in op.operands)
        if isinstance(op, QuantizeOp):
            depends = depends or not is_constant(op.operands[0])
        if depends:
            computed.update(value for value in op.results if quantized_element(value) is not None)
    return computed


def _is_integer_op(op: Operation, computed: set[SSAValue]) -> bool:
    """Whether an op other than a quantize or dequantize has quantized activations as operands or results."""
    if isinstance(op, _NO_COMPUTATION):
        return False
    return any(value in computed for value in (*op.operands, *op.results))
