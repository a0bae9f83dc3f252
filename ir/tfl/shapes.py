"""Functions that shape rules are made of: shapes with unknown dimensions, and requirements with an error message.

A rule is a function of an op that raises `Unfit` if the runtime could not prepare the op. What is not known always
satisfies a rule: an unranked tensor fits every shape, and a dimension of -1 every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from xdsl.dialects.builtin import IntegerAttr, IntegerType, NoneType
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, DenseIntOrFPElementsAttr, as_numpy
from tflir.ir.types import shape_of

Shape = tuple[int, ...]
Rule = Callable[[Operation], None]
_CONSTANT = "tfl.pseudo_const"
_MOST_READ = 4096
"""Constants with more elements than this are data, not shapes or axes, and are not read."""


class Unfit(VerifyException):
    """An op is well formed, but no kernel of the runtime accepts it."""


def refuse(what: str) -> NoReturn:
    """Raises `Unfit` with this message."""
    raise Unfit(what)


def require(holds: bool, what: str) -> None:
    """Raises `Unfit` with the message `what` unless `holds`."""
    if not holds:
        raise Unfit(what)


def shape(value: SSAValue) -> Shape | None:
    """The shape of a value; None if it is not known, or if the operand is left out."""
    return shape_of(value.type)


def is_absent(value: SSAValue) -> bool:
    """Whether an optional operand is left out."""
    return isinstance(value.type, NoneType)


def text(dims: Iterable[int]) -> str:
    """`[1, ?, 3]`"""
    return f"[{', '.join('?' if d < 0 else str(d) for d in dims)}]"


def same(left: int, right: int) -> bool:
    """Whether two dimensions may be equal."""
    return left == right or left < 0 or right < 0


def fit(left: Shape | None, right: Shape | None) -> bool:
    """Whether two shapes may be equal."""
    if left is None or right is None or left == right:
        return True
    return len(left) == len(right) and all(map(same, left, right))


def size(dims: Shape | None) -> int:
    """The number of elements; -1 if it is not known."""
    count = 1
    for dim in (-1,) if dims is None else dims:
        if dim < 0:
            return -1
        count *= dim
    return count


def rank(value: SSAValue, wanted: int | tuple[int, int], what: str) -> Shape | None:
    """The shape of a value that must have this rank, or a rank between two numbers."""
    dims = shape(value)
    least, most = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    if dims is not None and not least <= len(dims) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        refuse(f"{what} of shape {text(dims)} has not {number} dimensions")
    return dims


def vector(value: SSAValue, length: int, what: str) -> Sequence[int] | None:
    """The elements of a value that must be a vector of `length` (-1: any length); None if they are not constant."""
    dims = rank(value, 1, what)
    if dims is not None:
        require(same(dims[0], length), f"{what} has {dims[0]} numbers where {length} are needed")
    return constant(value)


@dataclass(slots=True)
class Required:
    """What rules require of the results of an op."""

    shapes: dict[int, Shape] = field(default_factory=dict[int, Shape])
    """By index of the result; without those that the rules do not determine."""
    of_constants: bool = False
    """Whether the rules read the elements of constants."""


_required: ContextVar[Required | None] = ContextVar("what rules require of results", default=None)
"""Where `result` and `constant` record that, during `required_results`."""


def required_results(check: Callable[[], None]) -> Required:
    """What `check`, the rules of an op, requires of the op's results."""
    required = Required()
    token = _required.set(required)
    try:
        check()
    finally:
        _required.reset(token)
    return required


def result(op: Operation, expected: Shape | None, index: int = 0) -> None:
    """Requires that the result has the shape that follows from the operands; None: not known."""
    if expected is not None and (required := _required.get()) is not None:
        required.shapes[index] = expected
    actual = shape(op.results[index])
    if not fit(actual, expected):
        assert actual is not None
        assert expected is not None
        which = "result" if len(op.results) == 1 else f"result {index}"
        refuse(f"{which} has shape {text(actual)} where the op gives {text(expected)}")


def axis(number: int, dims: int, what: str = "axis") -> int:
    """An axis counted from the front."""
    require(-dims <= number < dims, f"{what} {number} of a tensor of {dims} dimensions")
    return number % dims


def option(op: Operation, name: str, default: int = 0) -> int:
    """An integer or boolean property."""
    attr = op.properties.get(name)
    return cast("IntegerAttr[Any]", attr).value.data if isinstance(attr, IntegerAttr) else default


def flag(op: Operation, name: str) -> bool:
    """Whether a boolean property is set."""
    return option(op, name) != 0


def constant(value: SSAValue) -> list[int] | None:
    """The integers of a value, as a flat list; None if they are not known before the model runs."""
    if (required := _required.get()) is not None:
        required.of_constants = True
    if not isinstance(value, OpResult) or value.op.name != _CONSTANT:
        return None
    held = value.op.properties.get("value")
    if not isinstance(held, ArrayElementsAttr | DenseIntOrFPElementsAttr) or not _is_plain(value.op.attributes):
        return None
    kind = cast(Any, held).type
    if not isinstance(kind.element_type, IntegerType) or not 0 <= size(shape_of(kind)) <= _MOST_READ:
        return None
    return cast("list[int]", as_numpy(cast("Attribute", held)).reshape(-1).tolist())


def _is_plain(attributes: dict[str, Attribute]) -> bool:
    return names.NO_DATA not in attributes and names.IS_VARIABLE not in attributes


def scalar(value: SSAValue, what: str) -> int | None:
    """The integer of a value that must have one element; None if it is not constant."""
    dims = shape(value)
    require(same(size(dims), 1), f"{what} of shape {text(dims or ())} is not one number")
    numbers = constant(value)
    return numbers[0] if numbers else None


def broadcast(shapes: Sequence[Shape | None], what: str = "operands") -> Shape | None:
    """The shape that all shapes broadcast to, aligned at the last dimension; None if one of them is not known."""
    known = [dims for dims in shapes if dims is not None]
    if len(known) == len(shapes) and all(dims == known[0] for dims in known):
        return known[0]
    out: list[int] = []
    for column in _columns(known):
        sizes = {d for d in column if d not in (-1, 1)}
        if len(sizes) > 1:
            refuse(f"{what} of shapes {' and '.join(map(text, known))} do not broadcast")
        out.append(sizes.pop() if sizes else min(column))
    return tuple(reversed(out)) if len(known) == len(shapes) else None


def _columns(shapes: Sequence[Shape]) -> Iterable[list[int]]:
    """The last dimension of all shapes, then the one before it, and so on; 1 if a shape has no more dimensions."""
    for back in range(1, max(map(len, shapes), default=0) + 1):
        yield [dims[-back] if back <= len(dims) else 1 for dims in shapes]
