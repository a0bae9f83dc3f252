"""`tfl-integer-tables`: replaces ops without an integer kernel by lookup tables of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    UnitAttr,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.functions import functions
from tflir.ir.tfl.activations import EluOp
from tflir.ir.tfl.arithmetic import AddOp, MulOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.indexing import GatherOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, quantized_element, tensor_type, with_element
from tflir.passes.base import PassReport, TflPass
from tflir.passes.integer_forms.tables import BINARY, LEVELS, UNARY, Array, answers, levels
from tflir.passes.quantization.facts import KEEP_FLOAT
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op, producer, qconst_op

_I8, _I32 = IntegerType(8), IntegerType(32)
_WIDE: dict[Attribute, type[np.signedinteger]] = {_I32: np.int32, IntegerType(64): np.int64}


@dataclass(frozen=True)
class IntegerTablesPass(TflPass):
    """
    Replaces ops without an integer kernel, between dequantize and quantize, by a lookup table. The table has the op's
    result for each of the 256 integers of an int8 operand (65536 pairs for two operands), rounded to the nearest
    integer.

    ```mlir
    %d = "tfl.dequantize"(%q) : (tensor<4x!quant.uniform<i8:f32, …>>) -> tensor<4xf32>
    %y = "tfl.sin"(%d) : (tensor<4xf32>) -> tensor<4xf32>
    %r = "tfl.quantize"(%y) …
    ```
    becomes
    ```mlir
    %i = "tfl.cast"(%q) : (tensor<4x!quant.uniform<i8:f32, …>>) -> tensor<4xi32>
    %j = "tfl.add"(%i, %c128) …
    %r = "tfl.gather"(%table, %j) : (tensor<256x!quant.uniform<…>>, tensor<4xi32>) -> tensor<4x!quant.uniform<…>>
    ```
    """

    name = "tfl-integer-tables"
    changes = "lossy"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            for op in list(function.body.block.ops):
                if isinstance(op, TflOp) and KEEP_FLOAT not in op.attributes and _form(op):
                    report.count(f"{op.INFO.builtin} in integers")


def _form(op: TflOp) -> bool:
    """Replaces the op by its integer form; returns whether it has one."""
    builtin = op.INFO.builtin
    if isinstance(op, EluOp):
        return _with_kernel(op)
    if builtin == "CAST":
        return _cast_to_integers(op)
    if builtin in UNARY:
        return _with_table(op, UNARY[builtin])
    return builtin in BINARY and _with_table(op, BINARY[builtin])


def _with_kernel(op: TflOp) -> bool:
    """Makes an op integer that has an int8 kernel in the runtime, though MLIR's dialect does not mark it as such."""
    stored, target = _stored(op.operands[0]), _target(op)
    if stored is None or target is None:
        return False
    made = type(op).create(operands=[stored], result_types=[target.results[0].type], properties=dict(op.properties))
    _replace(op, target, made)
    return True


def _with_table(op: TflOp, function: Callable[..., Array]) -> bool:
    target = _target(op)
    params = None if target is None else quantized_element(target.results[0])
    sources = [_stored(value) or _scalar(value) for value in op.operands]
    tensors = [source for source in sources if isinstance(source, SSAValue)]
    if target is None or params is None or not tensors or None in sources:
        return False
    grid = iter(_grid(tensors))
    values = [next(grid) if isinstance(source, SSAValue) else source for source in sources]
    with np.errstate(all="ignore"):
        integers = answers(function(*values).reshape(-1), params)
    table = qconst_op(tensor_type((integers.size,), params), elements(integers))
    insert_before(op, table)
    _replace(op, target, _gather(table.results[0], _positions(op, tensors), target.results[0].type))
    return True


def _cast_to_integers(op: TflOp) -> bool:
    """Replaces a cast of quantized numbers to int32 or int64, which truncates them, by a lookup table."""
    element, stored = element_of(op.results[0].type), _stored(op.operands[0])
    params = None if stored is None else quantized_element(stored)
    dtype = _WIDE.get(element) if element is not None else None
    if stored is None or params is None or dtype is None:
        return False
    table = const_op(elements(np.trunc(levels(params)).astype(dtype)))
    insert_before(op, table)
    made = _gather(table.results[0], _positions(op, [stored]), op.results[0].type)
    made.location = op.location
    insert_before(op, made)
    op.results[0].replace_all_uses_with(made.results[0])
    erase(op)
    return True


def _stored(value: SSAValue) -> SSAValue | None:
    """The int8 tensor with one scale that is dequantized to `value`; None if there is none."""
    dequantize = producer(value)
    stored = dequantize.operands[0] if isinstance(dequantize, DequantizeOp) else None
    return stored if stored is not None and _is_int8(stored) else None


def _target(op: Operation) -> QuantizeOp | None:
    """The quantize to int8 with one scale that is the only user of the op's result; None if there is none."""
    result = op.results[0]
    use = result.first_use
    if use is None or not result.has_one_use() or not isinstance(use.operation, QuantizeOp):
        return None
    return use.operation if _is_int8(use.operation.results[0]) else None


def _is_int8(value: SSAValue) -> bool:
    params = quantized_element(value)
    return params is not None and params.storage == _I8 and not params.layout.axes


def _scalar(value: SSAValue) -> npt.NDArray[np.float64] | None:
    """The element of a float constant that has only one; None for all other values."""
    op = producer(value)
    constant = None if op is None else float_constant(op)
    if constant is None or constant.elements != 1:
        return None
    return constant.blob.view().view(np.float32).astype(np.float64)


def _grid(tensors: Sequence[SSAValue]) -> list[Array]:
    """The real numbers of each operand for all elements of the table; the last operand's integers vary fastest."""
    types = [params for value in tensors if (params := quantized_element(value)) is not None]
    return list(np.meshgrid(*map(levels, types), indexing="ij"))


def _positions(op: Operation, tensors: Sequence[SSAValue]) -> SSAValue:
    """Inserts ops that compute the index into the table for each element of the operands."""
    first, *others = (_from_zero(op, value) for value in tensors)
    for number in others:
        row = _combined(MulOp, op, first, _number(op, LEVELS), first.type)
        first = _combined(AddOp, op, row, number, with_element(op.results[0].type, _I32))
    return first


def _from_zero(op: Operation, value: SSAValue) -> SSAValue:
    """The integers of an int8 tensor plus 128, so that the lowest is 0, as int32."""
    cast = CastOp.create(
        operands=[value], result_types=[with_element(value.type, _I32)], attributes={names.NO_OPTIONS: UnitAttr()}
    )
    insert_before(op, cast)
    return _combined(AddOp, op, cast.results[0], _number(op, LEVELS // 2), cast.results[0].type)


def _number(op: Operation, number: int) -> SSAValue:
    value = elements(np.array(number, np.int32))
    made = const_op(value)
    insert_before(op, made)
    return made.results[0]


def _combined(kind: type[TflOp], op: Operation, left: SSAValue, right: SSAValue, made: Attribute) -> SSAValue:
    plain = {"fused_activation_function": StringAttr("NONE")}
    both = kind.create(operands=[left, right], result_types=[made], properties=dict(plain))
    insert_before(op, both)
    return both.results[0]


def _gather(table: SSAValue, positions: SSAValue, made: Attribute) -> GatherOp:
    properties = {"axis": IntegerAttr(0, i32), "batch_dims": IntegerAttr(0, i32)}
    return GatherOp.create(operands=[table, positions], result_types=[made], properties=dict(properties))


def _replace(op: Operation, target: QuantizeOp, made: Operation) -> None:
    """Replaces the op and the quantize of its result by `made`."""
    made.location = target.location
    insert_before(op, made)
    target.results[0].replace_all_uses_with(made.results[0])
    erase(target)
    erase(op)
