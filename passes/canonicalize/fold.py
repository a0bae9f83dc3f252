"""Constant folding: an op whose operands are all constants becomes the constant that it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult
from xdsl.traits import Pure

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, elements
from tflir.ir.evaluation import evaluate
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, numpy_dtype, schema_name, shape_of, storage_type, stored_bytes
from tflir.passes.base import PassReport
from tflir.passes.canonicalize.interface import may_change
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op, is_returned, qconst_op

SMALL = 32
"""The least number of bytes that an op and its tensor take in a file: a constant of this size does not enlarge it."""
_STORED = (DequantizeOp, DensifyOp)
"""Ops that convert a constant from its stored form when the model is loaded: folding would undo a choice of storage."""
_LARGEST = 1 << 24
"""An op whose operands or results have more bytes than this is not computed here."""


def fold_constants(function: FuncOp, report: PassReport) -> None:
    """Replaces ops of constants by their results, if these do not take more bytes than the constants that they free.

    Only ops are computed whose results are those of LiteRT to the bit.
    """
    for op in list(function.body.block.ops):
        if not _is_candidate(op):
            continue
        if (why := _too_large(op)) is not None:
            report.decline(why, op)
            continue
        results = evaluate(op, [array_of(operand.owner) for operand in op.operands])
        if results is not None and fits(op, results):
            replace_by_constants(op, results)
            report.count("constants folded")


def may_be_computed(op: Operation) -> bool:
    """Whether constants may take the place of an op if its operands are constants."""
    if isinstance(op, _STORED) or not op.operands or not op.results or op.regions or not op.has_trait(Pure()):
        return False
    return may_change(op) and not any(map(_is_output, op.results))


def _is_output(value: OpResult) -> bool:
    """Whether a function returns a value, or what a dequantize makes of it: no runtime accepts a constant as an output,
    and the default delegate of LiteRT leaves the result of a dequantize unwritten that reads a constant.
    """
    converted = [use.operation for use in value.uses if isinstance(use.operation, DequantizeOp)]
    return is_returned(value) or any(is_returned(result) for op in converted for result in op.results)


def _is_candidate(op: Operation) -> bool:
    return may_be_computed(op) and all(is_known(operand.owner) for operand in op.operands)


def is_known(constant: Any) -> bool:
    """Whether an op is a constant whose elements are known, or an operand that is left out."""
    if isinstance(constant, NoValueOp):
        return True
    if not isinstance(constant, ConstOp | QConstOp):
        return False
    value = constant.properties.get("value")
    return names.NO_DATA not in constant.attributes and may_change(constant) and isinstance(value, ArrayElementsAttr)


def _too_large(op: Operation) -> str | None:
    """The reason, if folding the op would make the file larger or take too long; else None."""
    freed = sum(_bytes_of(operand) for operand in op.operands if not operand.has_more_than_one_use())
    made = 0
    for result in op.results:
        shape, element = shape_of(result.type), element_of(result.type)
        name = schema_name(storage_type(element)) if element is not None else None
        if shape is None or -1 in shape or name is None or numpy_dtype(name) is None:
            return "the shape of its result is not known"
        made += stored_bytes(name, int(np.prod(shape, dtype=np.int64))) or 0
    if made > max(freed, SMALL):
        return "its result is larger than what it is computed from"
    return "it takes long to compute" if max(made, sum(map(_bytes_of, op.operands))) > _LARGEST else None


def _bytes_of(value: Any) -> int:
    stored = value.owner.properties.get("value") if isinstance(value, OpResult) else None
    return stored.blob.nbytes if isinstance(stored, ArrayElementsAttr) else 0


def array_of(constant: Any) -> Any:
    """The elements of a constant that is known; None for an operand that is left out."""
    return None if isinstance(constant, NoValueOp) else as_numpy(constant.properties["value"])


def fits(op: Operation, results: Sequence[Any]) -> bool:
    """Whether the computed shapes are those of the types."""
    return all(tuple(made.shape) == shape_of(result.type) for made, result in zip(results, op.results, strict=True))


def replace_by_constants(op: Operation, results: Sequence[Any]) -> None:
    """Replaces an op by constants with these elements, given in storage types; they keep its names and its range."""
    for result, array, name in zip(op.results, results, names.op_names(op), strict=True):
        element = element_of(result.type)
        assert element is not None
        storage = storage_type(element)
        value = elements(np.asarray(array), storage)
        made = const_op(value) if element == storage else qconst_op(result.type, value)
        made.location = names.named(name)
        if len(op.results) == 1 and names.TENSOR in op.attributes:
            made.attributes[names.TENSOR] = op.attributes[names.TENSOR]
        insert_before(op, made)
        result.replace_all_uses_with(made.results[0])
    erase(op)
