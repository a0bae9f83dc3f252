"""Replaces constant operands. A new constant takes the old one's name; the old one is erased if nothing uses it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, Float16Type, Float32Type, NoneType
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.blob import DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, elements, from_blob, load_numpy
from tflir.ir.records import integers as integer_array
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.tfl.shaping import PackOp
from tflir.ir.types import shape_of, stored_bytes, tensor_type
from tflir.passes.channels.channel_ids import Mask
from tflir.passes.channels.trace import Array, integers
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.rewriting.values import const_op

_BLOCK = 1 << 20
"""Elements that are sliced at a time, which bounds the memory in use."""


def slice_operand(op: TflOp, index: int, columns: Mask, rows: Mask | None) -> dict[str, Any]:
    """Keeps the marked columns (last dimension) and rows (first dimension) of a float constant operand.

    `rows` None keeps all rows. Returns the entry of the report: name, shapes and bytes before and after.
    """
    constant = constant_of(op.operands[index])
    assert constant is not None
    held = constant.source.value
    assert isinstance(held, ArrayElementsAttr)
    made = _sliced(held, columns, rows)
    set_constant(op, index, made)
    return {
        "tensor": names.op_names(constant.source)[0] or "",
        "from": "x".join(map(str, constant.shape)),
        "to": "x".join(map(str, shape_of(made.type) or ())),
        "bytes_before": constant.stored_bytes,
        "bytes_after": made.blob.nbytes,
    }


def _sliced(held: ArrayElementsAttr, columns: Mask, rows: Mask | None) -> ArrayElementsAttr:
    before = shape_of(held.type) or ()
    shape = (*before[:-1], int(np.count_nonzero(columns)))
    if rows is None:
        rows = np.ones(1, np.bool_)
    else:
        shape = (int(np.count_nonzero(rows)), *shape[1:])
    step = max(1, _BLOCK * rows.size // max(1, math.prod(before)))

    def make() -> Iterator[Array]:
        table = load_numpy(held).reshape(rows.size, -1, columns.size)
        for start in range(0, rows.size, step):
            part = slice(start, start + step)
            if rows[part].any():
                yield np.ascontiguousarray(table[part][rows[part]][..., columns])

    nbytes = stored_bytes(held.element_name, math.prod(shape))
    assert nbytes is not None
    key = ("channels", held.blob, before, columns.tobytes(), rows.tobytes())
    return from_blob(DeferredBlob(nbytes, key, make), shape, held.type.element_type)


def set_constant(op: TflOp, index: int, value: ArrayElementsAttr) -> None:
    """Makes a constant of `value` the operand `index` of `op`; a float16 one is read through a `tfl.dequantize`."""
    old = op.operands[index]
    assert isinstance(old, OpResult)
    made: list[Operation] = [const_op(value)]
    if isinstance(value.type.element_type, Float16Type):
        wide = tensor_type(shape_of(value.type) or (), Float32Type())
        made.append(DequantizeOp.create(operands=made[0].results, result_types=[wide]))
    insert_after(old.op, *made)
    op.operands[index] = made[-1].results[0]
    makers = [old.op.operands[0].owner, old.op] if isinstance(old.op, DequantizeOp) else [old.op]
    _erase_unread(old)
    if isinstance(old.op, NoValueOp):
        made[0].location = names.named(names.suffixed(op.results[0], "bias"))
        return
    for new, before in zip(made, makers[-len(made) :], strict=True):
        assert isinstance(before, Operation)
        _succeed(new, before)


def set_last(op: TflOp, index: int, count: int) -> None:
    """Makes `count` the last number of the shape that operand `index` holds, unless it is -1 (inferred) or absent."""
    shape = op.operands[index]
    if isinstance(shape.type, NoneType):
        return
    found = integers(shape)
    if found is None:
        _set_packed(op, index, count)
    elif found.reshape(-1)[-1] >= 0:
        changed = found.reshape(-1).copy()
        changed[-1] = count
        set_constant(op, index, elements(changed.reshape(found.shape)))


def _set_packed(op: TflOp, index: int, count: int) -> None:
    """Does what `set_last` does for a shape that is the result of a PACK of scalars."""
    shape = op.operands[index]
    assert isinstance(shape, OpResult)
    assert isinstance(shape.op, PackOp)
    pack = shape.op
    last = integers(pack.operands[-1])
    assert last is not None
    if last < 0:
        return
    made = PackOp.create(
        operands=pack.operands, result_types=[shape.type], properties=pack.properties, attributes=pack.attributes
    )
    insert_after(pack, made)
    op.operands[index] = made.results[0]
    _erase_unread(shape)
    _succeed(made, pack)
    set_constant(made, len(made.operands) - 1, elements(np.full((), count, last.dtype)))


def following(extras: DictionaryAttr, before: int, count: int) -> DictionaryAttr:
    """The extra attributes of a tensor after its last dimension has changed from `before` to `count`.

    A recorded shape is changed too. A quantization record with one entry per channel is dropped.
    """
    found = dict(extras.data)
    if isinstance(shape := found.get("shape"), DenseArrayBase):
        sizes = list(cast("DenseArrayBase[Any]", shape).get_values())
        if sizes and before in (sizes[-1], -1):
            found["shape"] = integer_array([*sizes[:-1], count])
    quantization = found.get("quantization")
    if isinstance(quantization, DictionaryAttr) and any(_is_long(entry) for entry in quantization.data.values()):
        del found["quantization"]
    return DictionaryAttr(found)


def _is_long(entry: Attribute) -> bool:
    return isinstance(entry, DenseArrayBase) and len(cast("DenseArrayBase[Any]", entry)) > 1


def _succeed(new: Operation, old: Operation) -> None:
    """Gives `new` the name and the carried attributes of `old`.

    If `old` is still in the function, it keeps its name and `new` gets that name with the suffix `_kept`.
    """
    name, is_there = names.op_names(old)[0], old.parent is not None
    new.location = names.named(f"{name}_kept") if name is not None and is_there else old.location
    for key in names.OP_CARRIED:
        if key in old.attributes:
            new.attributes[key] = old.attributes[key]
    extras, before, after = old.attributes.get(names.TENSOR), *(shape_of(op.results[0].type) for op in (old, new))
    if isinstance(extras, DictionaryAttr) and before and after:
        new.attributes[names.TENSOR] = following(extras, before[-1], after[-1])


def _erase_unread(value: SSAValue) -> None:
    """Erases the op that makes an unused value, and then the ops whose results only that op used."""
    if value.first_use is not None or not isinstance(value, OpResult):
        return
    op = value.op
    if isinstance(op, ConstOp | DequantizeOp | NoValueOp | PackOp):
        sources = list(op.operands)
        erase(op)
        for source in sources:
            _erase_unread(source)
