"""`tfl-preserve-quantized`: marks what the model itself has quantized, so that the passes after it leave that alone."""

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
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, MODEL_QUANTIZED, quantized_element
from tflir.passes.quantization.stored_weights import reads_stored_weights
from tflir.passes.rewriting.values import is_float, producer

_NO_COMPUTATION = (*CONSTANTS, QuantizeOp, DequantizeOp, ReturnOp)
_ISLAND = "it lies beside integer parts that the model came with"
_HYBRID = "its weights are quantized in the model as it came"


@dataclass(frozen=True)
class PreserveQuantizedPass(TflPass):
    """
    Marks the conversions between the integer and float parts of a model that is quantized already, and the float ops
    that these conversions enclose.

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
    Not marked are quantize/dequantize pairs on float values, which say how to quantize the ops around them
    (quantization-aware training), the dequantization of constants, and conversions at the inputs and outputs of a model
    that computes in float. `tfl-clear-marks` removes the marks.
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
    """What encloses the integer parts that a function came with."""

    conversions: dict[Operation, None]
    """The quantize and dequantize ops at their edges, and those between float ops that other such edges enclose."""
    float_ops: dict[Operation, None]
    """The float ops that are connected to these edges through float values."""


def integer_parts(function: FuncOp, *, is_entry: bool) -> IntegerParts:
    """Finds the integer parts of a function, and the float ops beside them.

    From each conversion at the edge of an integer part the search goes on along its float side: through ops that make
    or read float values, and through quantize/dequantize pairs, which are the model's own there.
    """
    found = IntegerParts(dict.fromkeys(_edges(function, is_entry=is_entry)), {})
    pending = [value for op in found.conversions for value in (*op.operands, *op.results) if is_float(value)]
    reached = set(pending)
    while pending:
        value = pending.pop()
        near = [use.operation for use in value.uses]
        if isinstance(value, OpResult):
            near.append(value.op)
        for op in near:
            if isinstance(op, (*CONSTANTS, ReturnOp)) or op in found.conversions or op in found.float_ops:
                continue
            if isinstance(op, QuantizeOp | DequantizeOp):
                joined = _beyond(op)
                found.conversions.update(dict.fromkeys([op, *joined]))
                values = [each for other in joined for each in (*other.operands, *other.results)]
            else:
                found.float_ops[op] = None
                values = [*op.operands, *op.results]
            fresh = [v for v in dict.fromkeys(values) if is_float(v) and not is_constant(v) and v not in reached]
            reached.update(fresh)
            pending += fresh
    return found


def _beyond(op: Operation) -> list[Operation]:
    """The other half of a quantize/dequantize pair."""
    if isinstance(op, QuantizeOp):
        return [use.operation for use in op.results[0].uses if isinstance(use.operation, DequantizeOp)]
    maker = producer(op.operands[0])
    return [maker] if isinstance(maker, QuantizeOp) else []


def _edges(function: FuncOp, *, is_entry: bool) -> list[Operation]:
    """The quantize and dequantize ops between float values and integer computation that the model came with."""
    computed = _computed(function)
    integer_ops = {op for op in function.body.block.ops if _is_integer_op(op, computed)}
    found: list[Operation] = []
    for op in function.body.block.ops:
        if isinstance(op, QuantizeOp) and not is_constant(op.operands[0]):
            requantizes = quantized_element(op.operands[0]) is not None
            readers = [use.operation for use in op.results[0].uses]
            read = any(isinstance(reader, QuantizeOp) or reader in integer_ops for reader in readers)
            returned = any(isinstance(reader, ReturnOp) for reader in readers)
            if requantizes or read or (returned and not is_entry):
                found.append(op)
        elif isinstance(op, DequantizeOp) and _is_boundary(op, computed, integer_ops, is_entry=is_entry):
            found.append(op)
    return found


def _is_boundary(op: DequantizeOp, computed: set[SSAValue], integer_ops: set[Operation], *, is_entry: bool) -> bool:
    """Whether a dequantize reads what integer ops computed, and no constant, input or quantized float value."""
    source = op.operands[0]
    if source not in computed:
        return False
    maker = producer(source)
    if maker is None:
        return not is_entry
    if isinstance(maker, QuantizeOp) and is_float(maker.operands[0]):
        return any(use.operation in integer_ops for use in source.uses)
    return True


def _computed(function: FuncOp) -> set[SSAValue]:
    """The quantized values that depend on an input, a quantized float value or a loop's variable.

    The rows that GATHER takes from a constant table do not: no activation was quantized there.
    """
    found: set[SSAValue] = {value for value in function.body.block.args if quantized_element(value) is not None}
    for op in function.body.block.ops:
        if isinstance(op, CONSTANTS):
            continue
        reads = any(value in found for value in op.operands)
        if isinstance(op, QuantizeOp):
            reads = reads or not is_constant(op.operands[0])
        if reads:
            found.update(value for value in op.results if quantized_element(value) is not None)
    return found


def _is_integer_op(op: Operation, computed: set[SSAValue]) -> bool:
    """Whether an op, conversions excepted, reads or makes quantized activations."""
    if isinstance(op, _NO_COMPUTATION):
        return False
    return any(value in computed for value in (*op.operands, *op.results))
