"""Refuses a text whose constants expand to far more bytes than the text has."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from tflir.frontends.mlir.parser import TextParser
from tflir.ir import names
from tflir.ir.budget import Budget
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.errors import Error
from tflir.ir.tfl.constants import SparseConstOp, SparseQConstOp


def check_expansion(module: ModuleOp, parser: TextParser, held: int) -> None:
    """Raises `Error` at the first constant that exceeds the budget (`ir/budget.py`) of a text of `held` bytes.

    A constant counts once for each op that holds it. Data that is never written does not count: variables, constants
    without data, and the dense form of a sparse constant.
    """
    budget = Budget(held)
    seen: set[int] = set()
    for op in module.walk():
        value = op.properties.get("value")
        if isinstance(value, ArrayElementsAttr):
            seen.add(id(value))
            is_held = names.IS_VARIABLE not in op.attributes and names.NO_DATA not in op.attributes
            if is_held and not isinstance(op, SparseConstOp | SparseQConstOp):
                _spend(budget, value, _place(parser, op))
    for position, value in parser.splats:
        if id(value) not in seen:
            _spend(budget, value, parser.place_of(position))


def _spend(budget: Budget, value: ArrayElementsAttr, position: str) -> None:
    try:
        budget.spend(value.blob.nbytes)
    except Error as error:
        error.file = position
        raise


def _place(parser: TextParser, op: Operation) -> str:
    at = parser.positions.get(op)
    return parser.place_of(0) if at is None else str(at.get_location())
