"""`tfl-modify-io-nodes`: changes the element types of a model's inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType, ModuleOp, Signedness
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.entries import entry_functions
from tflir.ir.errors import UNMET, USAGE, Error
from tflir.ir.option_words import IO_TYPES
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.kernel_elements import converts
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.integer_kernels import spelled
from tflir.passes.quantization.pairs import float_tensor, quantized_tensor
from tflir.passes.quantization.parameters import F32
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import is_float, producer

_U8_OFFSET = 128


@dataclass(frozen=True)
class ModifyIONodesPass(TflPass):
    """
    Makes the inputs and outputs of entry functions int8, uint8 or int16 where a quantize or dequantize is beside them.

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
    An input or output that is an integer already changes between int8 and uint8, with the same scale and zero points
    that differ by 128, or becomes float with `float32`; a `tfl.quantize` or `tfl.dequantize` is inserted for this. An
    input or output without a scale keeps its type. With `strict` this is an error, unless no op computes with the
    value: an input that nothing reads, or an output that is a constant.
    """

    name = "tfl-modify-io-nodes"
    changes = "lossy"

    input_type: str = ""
    """Type of the inputs: float32, int8, uint8 or int16; as they are if it is not given."""
    output_type: str = ""
    """Type of the outputs, likewise."""
    strict: bool = False
    """An input or output that can't have the type is an error."""
    tf_compat: bool = False
    """An input that float ops read too stays float; else these ops read it through a dequantize."""

    def __post_init__(self) -> None:
        for kind in (self.input_type, self.output_type):
            if kind and kind not in IO_TYPES:
                raise Error(f"an input or output can't be {kind}", hint=f"use {', '.join(IO_TYPES)}", status=USAGE)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
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
            raise Error(f"{side} '{name}' can't be {kind}: it {why}", hint=hint, status=UNMET)
        report.decline(f"{side} '{name}' {why}")
        if not self.tf_compat and not _is_idle(value):
            report.remarks.append(f"{side} '{name}' can't be {kind}: it {why}")


def _is_idle(value: SSAValue) -> bool:
    """Whether no op computes with the input, or no op computes the output, so that it may be float in any case."""
    if isinstance(value, BlockArgument):
        return all(isinstance(use.operation, ReturnOp) for use in value.uses)
    return is_constant(value)


def has_integers(module: ModuleOp) -> bool:
    """Whether an input or output of the model is quantized, or is beside a quantize or dequantize."""
    for function in entry_functions(module):
        last = function.body.block.last_op
        values = [*function.body.block.args, *(last.operands if isinstance(last, ReturnOp) else ())]
        if any(quantized_element(value) is not None for value in values):
            return True
        users = (use.operation for value in function.body.block.args for use in value.uses)
        producers = (producer(value) for value in values)
        if any(isinstance(op, QuantizeOp) for op in users) or any(isinstance(op, DequantizeOp) for op in producers):
            return True
    return False


def _retyped(params: UniformQuantizedType, kind: str) -> UniformQuantizedType | None:
    """The parameters for the same real values as int8, uint8 or int16; None if the integers have another bit width."""
    if params.storage.width.data != (16 if kind == "int16" else 8):
        return None
    if kind == "int16":
        return params
    unsigned = params.storage.signedness.data is Signedness.UNSIGNED
    if unsigned == (kind == "uint8"):
        return params
    layout = params.layout
    storage = IntegerType(8, Signedness.SIGNLESS if unsigned else Signedness.UNSIGNED)
    offset = -_U8_OFFSET if unsigned else _U8_OFFSET
    return UniformQuantizedType.get(storage, F32, Layout(layout.scales, layout.zero_points + offset))


def _change_input(argument: BlockArgument, kind: str, *, tf_compat: bool) -> str | None:
    """Gives an input its type; returns the reason if that is impossible, else None."""
    held = quantized_element(argument)
    if held is not None:
        return _change_integer_input(argument, held, kind)
    if kind == "float32" or not is_float(argument):
        return None
    quantizes = [use.operation for use in argument.uses if isinstance(use.operation, QuantizeOp)]
    others = [use for use in argument.uses if use.operation not in quantizes]
    if not quantizes or (others and tf_compat):
        return "has no scale: it stays float32, as what reads it does"
    read = [params for op in quantizes if (params := quantized_element(op.results[0])) is not None]
    wanted = next((made for params in read if (made := _retyped(params, kind)) is not None), None)
    if wanted is None:
        return f"is read as {spelled(read[0])}"
    made = _with_type(argument, quantized_tensor(argument, wanted))
    if others:
        wide = DequantizeOp.create(operands=[made], result_types=[float_tensor(made)])
        _insert_first(argument, wide)
        for use in others:
            use.operation.operands[use.index] = wide.results[0]
    for quantize in quantizes:
        if quantize.results[0].type == made.type:
            _name_after(made, quantize)
            quantize.results[0].replace_all_uses_with(made)
            erase(quantize)
    return None


def _name_after(argument: BlockArgument, quantize: Operation) -> None:
    """Names the conversions of an input's integers after the input, not after the quantize that goes."""
    gone, name = names.op_names(quantize)[0], names.name_of(argument)
    for use in quantize.results[0].uses:
        own = names.op_names(use.operation)[0] if isinstance(use.operation, QuantizeOp | DequantizeOp) else None
        if gone and name and own and own.startswith(f"{gone}_"):
            use.operation.location = names.named(name + own.removeprefix(gone))


def _change_integer_input(argument: BlockArgument, held: UniformQuantizedType, kind: str) -> str | None:
    """Changes the type of an integer input and inserts a quantize to the integers that ops read.

    Returns the reason if that is impossible, else None.
    """
    before = argument.type
    if kind == "float32":
        wanted = float_tensor(argument)
    elif (params := _retyped(held, kind)) is not None:
        wanted = quantized_tensor(argument, params)
    else:
        return f"is {spelled(held)}"
    if wanted == before:
        return None
    if kind == "float32" and not converts(F32, held):
        return f"is {spelled(held)}, which no kernel makes of float32"
    made = _with_type(argument, wanted)
    quantize = QuantizeOp.create(operands=[made], result_types=[before], properties={"qtype": before})
    quantize.location = names.named(names.suffixed(made, "quantize"))
    uses = list(made.uses)
    _insert_first(made, quantize)
    for use in uses:
        if use.operation is not quantize:
            use.operation.operands[use.index] = quantize.results[0]
    return None


def _with_type(argument: BlockArgument, wanted: Attribute) -> BlockArgument:
    """Gives an input another type; it keeps its name."""
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
    """Gives an output its type; returns the reason if that is impossible, else None."""
    value = last.operands[index]
    held = quantized_element(value)
    if held is None and (kind == "float32" or not is_float(value)):
        return None
    if held is not None and kind == "float32":
        if not converts(held, F32):
            return f"is {spelled(held)}, which no kernel makes float32"
        made = DequantizeOp.create(operands=[value], result_types=[float_tensor(value)])
        insert_before(last, made)
        _move_name(value, made.results[0], spelled(held))
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
        return f"is made as {spelled(held)}"
    made = source if wanted == held else _requantized(last, source, wanted)
    if made is not value:
        last.operands[index] = made
        _move_name(value, made, "float32" if source is not value else spelled(held))
    return None


def _requantized(last: Operation, source: SSAValue, wanted: UniformQuantizedType) -> SSAValue:
    """The output requantized to other zero points; a value that is returned several times is requantized once."""
    qtype = quantized_tensor(source, wanted)
    for use in source.uses:
        if isinstance(use.operation, QuantizeOp) and use.operation.results[0].type == qtype:
            return use.operation.results[0]
    op = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
    insert_before(last, op)
    return op.results[0]


def _move_name(original: SSAValue, made: SSAValue, kind: str) -> None:
    """Gives the new output the name of the old one, which is renamed with the suffix `kind`, or removed if unused."""
    if isinstance(made, OpResult):
        _rename(made, names.name_of(original))
    if not isinstance(original, OpResult):
        return
    if original.first_use is None and isinstance(original.op, DequantizeOp):
        erase(original.op)
    else:
        _rename(original, names.suffixed(original, kind))


def _rename(value: OpResult, name: str | None) -> None:
    result_names = names.op_names(value.op)
    result_names[value.index] = name
    value.op.location = names.location_of(result_names)
