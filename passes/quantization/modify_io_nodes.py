"""`tfl-modify-io-nodes`: the element types of a model's inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp, Signedness
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.edit import erase
from tflir.passes.quantization.facts import is_float, quantized_element
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.parameters import F32

TYPES = ("float32", "int8", "uint8")
_U8_OFFSET = 128


@dataclass(frozen=True)
class ModifyIONodesPass(TflPass):
    """
    Gives the inputs and outputs of entry functions the integers that stand at them, as int8 or uint8.

    ```mlir
    func.func @main(%x: tensor<1x8xf32>) -> tensor<1x4xf32> {
      %q = "tfl.quantize"(%x) …
      …
      %y = "tfl.dequantize"(%p) …
      func.return %y
    ```
    becomes, with `input-type=int8 output-type=int8`,
    ```mlir
    func.func @main(%q: tensor<1x8x!quant.uniform<i8:f32, …>>) -> tensor<1x4x!quant.uniform<i8:f32, …>> {
      …
      func.return %p
    ```
    uint8 shifts the zero point by 128 and keeps a `tfl.quantize` between. What has no scale keeps its type.
    """

    name = "tfl-modify-io-nodes"

    input_type: str = "float32"
    output_type: str = "float32"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for kind in (self.input_type, self.output_type):
            if kind not in TYPES:
                raise Error(f"an input or output can't be {kind}", hint=f"use {', '.join(TYPES)}", status=2)
        for function in entry_functions(module):
            if self.input_type != "float32":
                for argument in list(function.body.block.args):
                    _change_input(function, argument, self.input_type, report)
            if self.output_type != "float32":
                _change_outputs(function, self.output_type, report)
            _update_type(function)


def _unsigned(params: UniformQuantizedType) -> UniformQuantizedType:
    """The same scale over uint8."""
    layout = params.layout
    storage = IntegerType(8, Signedness.UNSIGNED)
    return UniformQuantizedType.get(storage, F32, Layout(layout.scales, layout.zero_points + _U8_OFFSET))


def _change_input(function: FuncOp, argument: BlockArgument, kind: str, report: PassReport) -> None:
    quantizes = [use.operation for use in argument.uses if isinstance(use.operation, QuantizeOp)]
    if not is_float(argument) or not quantizes or any(True for use in argument.uses if use.operation not in quantizes):
        if is_float(argument):
            report.decline(f"input '{names.name_of(argument) or argument.index}' has no scale: it stays float32")
        return
    params = quantized_element(quantizes[0].results[0])
    assert params is not None
    if params.storage.width.data != 8:
        raise Error(f"input '{names.name_of(argument)}' is {params.storage}, not {kind}", hint="use float32", status=2)
    wanted = params if kind == "int8" else _unsigned(params)
    made = Rewriter.replace_value_with_new_type(argument, quantized_tensor(argument, wanted))
    assert isinstance(made, BlockArgument)
    made.location = argument.location
    for quantize in quantizes:
        if quantize.results[0].type == made.type:
            quantize.results[0].replace_all_uses_with(made)
            erase(quantize)
    report.count(f"inputs of {kind}")


def _change_outputs(function: FuncOp, kind: str, report: PassReport) -> None:
    last = function.body.block.last_op
    assert isinstance(last, ReturnOp)
    for index, value in enumerate(last.operands):
        source = value.op.operands[0] if isinstance(value, OpResult) and isinstance(value.op, DequantizeOp) else None
        params = None if source is None else quantized_element(source)
        if source is None or params is None:
            if is_float(value):
                report.decline(f"output '{names.name_of(value) or index}' has no scale: it stays float32")
            continue
        if params.storage.width.data != 8:
            raise Error(
                f"output '{names.name_of(value)}' is {params.storage}, not {kind}", hint="use float32", status=2
            )
        made = source if kind == "int8" else _shifted(last, source, params)
        last.operands[index] = made
        _name_output(made, value)
        report.count(f"outputs of {kind}")


def _shifted(last: Operation, source: SSAValue, params: UniformQuantizedType) -> SSAValue:
    """The uint8 form of an int8 output; one for all places where it is returned."""
    qtype = quantized_tensor(source, _unsigned(params))
    for use in source.uses:
        if isinstance(use.operation, QuantizeOp) and use.operation.results[0].type == qtype:
            return use.operation.results[0]
    op = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
    block = last.parent
    assert block is not None
    block.insert_op_before(op, last)
    return op.results[0]


def _name_output(made: SSAValue, original: SSAValue) -> None:
    """The output tensor keeps its name."""
    name = names.name_of(original)
    if isinstance(made, OpResult) and len(made.op.results) == 1:
        made.op.location = names.named(name)
    if isinstance(original, OpResult) and original.first_use is None:
        erase(original.op)


def _update_type(function: FuncOp) -> None:
    last = function.body.block.last_op
    assert isinstance(last, ReturnOp)
    function.properties["function_type"] = FunctionType.from_lists(
        list(function.body.block.arg_types), list(last.operand_types)
    )
