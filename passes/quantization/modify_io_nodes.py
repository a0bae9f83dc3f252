"""`tfl-modify-io-nodes`: the element types of a model's inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness, UnrankedTensorType
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import quantized_element
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.parameters import F32
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import is_float, producer

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
    What is quantized already changes between int8 and uint8, which have the same scale and zero points 128 apart, and
    with `float32` becomes float: a `tfl.quantize` or `tfl.dequantize` stands between. What has no scale keeps its type,
    or, where the pass is `strict`, is an error, unless no op computes with it: an input that nothing reads, a constant.
    """

    name = "tfl-modify-io-nodes"
    changes = "lossy"

    input_type: str = ""
    """Type of the inputs: float32, int8 or uint8; as they are where it is not given."""
    output_type: str = ""
    """Type of the outputs, likewise."""
    strict: bool = False
    """An input or output that can't have the type is an error."""
    tf_compat: bool = False
    """An input that float ops read too stays float; else they read it through a dequantize."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for kind in (self.input_type, self.output_type):
            if kind and kind not in TYPES:
                raise Error(f"an input or output can't be {kind}", hint=f"use {', '.join(TYPES)}", status=2)
        for function in entry_functions(module):
            if self.input_type:
                for argument in list(function.body.block.args):
                    if (why := _change_input(argument, self.input_type, tf_compat=self.tf_compat)) is not None:
                        self._refuse("input", argument, argument.index, self.input_type, why, report)
            if self.output_type:
                last = function.body.block.last_op
                assert isinstance(last, ReturnOp)
                for index, value in enumerate(last.operands):
                    if (why := _change_output(last, index, self.output_type)) is not None:
                        self._refuse("output", value, index, self.output_type, why, report)
            function.update_function_type()

    def _refuse(self, side: str, value: SSAValue, index: int, kind: str, why: str, report: PassReport) -> None:
        name = names.name_of(value) or index
        if self.strict and not _is_idle(value):
            hint = f"leave --inference-{side}-type out"
            raise Error(f"{side} '{name}' can't be {kind}: it {why}", hint=hint, status=3)
        report.decline(f"{side} '{name}' {why}")
        if not self.tf_compat and not _is_idle(value):
            report.remarks.append(f"{side} '{name}' can't be {kind}: it {why}")


def _is_idle(value: SSAValue) -> bool:
    """Whether no op computes with an input, or makes an output: it may come through, or be a constant, as float."""
    if isinstance(value, BlockArgument):
        return all(isinstance(use.operation, ReturnOp) for use in value.uses)
    return is_constant(value)


def has_integers(module: ModuleOp) -> bool:
    """Whether an input or output of the model is quantized, or converted from or to what is."""
    for function in entry_functions(module):
        last = function.body.block.last_op
        values = [*function.body.block.args, *(last.operands if isinstance(last, ReturnOp) else ())]
        if any(quantized_element(value) is not None for value in values):
            return True
        readers = (use.operation for value in function.body.block.args for use in value.uses)
        makers = (producer(value) for value in values)
        if any(isinstance(op, QuantizeOp) for op in readers) or any(isinstance(op, DequantizeOp) for op in makers):
            return True
    return False


def _retyped(params: UniformQuantizedType, kind: str) -> UniformQuantizedType | None:
    """The same scale over int8 or uint8; None where the integers have another width."""
    if params.storage.width.data != 8:
        return None
    unsigned = params.storage.signedness.data is Signedness.UNSIGNED
    if unsigned == (kind == "uint8"):
        return params
    layout = params.layout
    storage = IntegerType(8, Signedness.SIGNLESS if unsigned else Signedness.UNSIGNED)
    offset = -_U8_OFFSET if unsigned else _U8_OFFSET
    return UniformQuantizedType.get(storage, F32, Layout(layout.scales, layout.zero_points + offset))


def _change_input(argument: BlockArgument, kind: str, *, tf_compat: bool) -> str | None:
    """Gives an input its type; why not, where that can't be."""
    held = quantized_element(argument)
    if held is not None:
        return _change_integer_input(argument, held, kind)
    if kind == "float32" or not is_float(argument):
        return None
    quantizes = [use.operation for use in argument.uses if isinstance(use.operation, QuantizeOp)]
    others = [use for use in argument.uses if use.operation not in quantizes]
    if not quantizes or (others and tf_compat):
        return "has no scale: it stays float32, as what reads it does"
    params = quantized_element(quantizes[0].results[0])
    assert params is not None
    wanted = _retyped(params, kind)
    if wanted is None:
        return f"is read as {params.storage}"
    made = _with_type(argument, quantized_tensor(argument, wanted))
    if others:
        wide = DequantizeOp.create(operands=[made], result_types=[_float_type(made)])
        _insert_first(argument, wide)
        for use in others:
            use.operation.operands[use.index] = wide.results[0]
    for quantize in quantizes:
        if quantize.results[0].type == made.type:
            quantize.results[0].replace_all_uses_with(made)
            erase(quantize)
    return None


def _change_integer_input(argument: BlockArgument, held: UniformQuantizedType, kind: str) -> str | None:
    """Puts a quantize between an input of another type and the integers that it was."""
    before = argument.type
    if kind == "float32":
        wanted = _float_type(argument)
    elif (params := _retyped(held, kind)) is not None:
        wanted = quantized_tensor(argument, params)
    else:
        return f"is {held.storage}"
    if wanted == before:
        return None
    made = _with_type(argument, wanted)
    quantize = QuantizeOp.create(operands=[made], result_types=[before], properties={"qtype": before})
    quantize.location = names.named(_twin(names.name_of(made), "quantize"))
    uses = list(made.uses)
    _insert_first(made, quantize)
    for use in uses:
        if use.operation is not quantize:
            use.operation.operands[use.index] = quantize.results[0]
    return None


def _with_type(argument: BlockArgument, wanted: Attribute) -> BlockArgument:
    """The input with another type, and its name."""
    location = argument.location
    made = Rewriter.replace_value_with_new_type(argument, wanted)
    assert isinstance(made, BlockArgument)
    made.location = location
    return made


def _insert_first(argument: BlockArgument, op: Operation) -> None:
    first = argument.block.first_op
    assert first is not None
    argument.block.insert_op_before(op, first)


def _change_output(last: ReturnOp, index: int, kind: str) -> str | None:
    """Gives an output its type; why not, where that can't be."""
    value = last.operands[index]
    held = quantized_element(value)
    if held is None and (kind == "float32" or not is_float(value)):
        return None
    if kind == "float32":
        made = DequantizeOp.create(operands=[value], result_types=[_float_type(value)])
        _insert_before(last, made)
        _pass_name_on(value, made.results[0], "int8")
        last.operands[index] = made.results[0]
        return None
    source = value
    if held is None and isinstance(value, OpResult) and isinstance(value.op, DequantizeOp):
        source = value.op.operands[0]
        held = quantized_element(source)
    if held is None:
        return "has no scale: it stays float32, as what makes it does"
    wanted = _retyped(held, kind)
    if wanted is None:
        return f"is made as {held.storage}"
    made = source if wanted == held else _requantized(last, source, wanted)
    if made is not value:
        last.operands[index] = made
        _pass_name_on(value, made, "float32" if source is not value else str(held.storage))
    return None


def _requantized(last: Operation, source: SSAValue, wanted: UniformQuantizedType) -> SSAValue:
    """The form of an output with other zero points; one for all places where it is returned."""
    qtype = quantized_tensor(source, wanted)
    for use in source.uses:
        if isinstance(use.operation, QuantizeOp) and use.operation.results[0].type == qtype:
            return use.operation.results[0]
    op = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
    _insert_before(last, op)
    return op.results[0]


def _insert_before(last: Operation, op: Operation) -> None:
    insert_before(last, op)


def _pass_name_on(original: SSAValue, made: SSAValue, kind: str) -> None:
    """The output tensor keeps its name; what had it before, and is still read, gets another."""
    name = names.name_of(original)
    if isinstance(made, OpResult):
        _rename(made, name)
    if not isinstance(original, OpResult):
        return
    if original.first_use is None and isinstance(original.op, DequantizeOp):
        erase(original.op)
    else:
        _rename(original, _twin(name, kind))


def _rename(value: OpResult, name: str | None) -> None:
    held = names.op_names(value.op)
    held[value.index] = name
    value.op.location = names.location_of(held)


def _float_type(value: SSAValue) -> Attribute:
    shape = shape_of(value.type)
    return UnrankedTensorType(F32) if shape is None else tensor_type(shape, F32)


def _twin(name: str | None, kind: str) -> str | None:
    return None if name is None else f"{name}_{kind}"
