"""Copies names, recorded ranges, marks and locations from an op to the op that replaces it.

The location of an op is the name of its tensor, `loc("y")`. The ops that it was made from are listed inside the name,
`loc("y"(fused["conv", "y"]))`, so that the tensor keeps its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, FusedLoc, LocationAttr, NameLoc, NoneAttr, UnknownLoc
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.traits import IsTerminator

from tflir.ir import names
from tflir.ir.statistics import range_in, with_range

_NONE = NoneAttr()


def carry(old: Operation, new: Operation, fused: Iterable[Operation] = ()) -> None:
    """Gives `new`, whose results replace those of `old`, their names and ranges, and the marks of `old`.

    `fused` are further ops whose work `new` does: their locations become part of its location.
    """
    if isinstance(new.location, UnknownLoc):
        new.location = old.location
    attributes = old.attributes
    if attributes:
        for name in names.CARRIED:
            if name in attributes:
                new.attributes.setdefault(name, attributes[name])
        if names.TENSOR in attributes and names.TENSOR not in new.attributes:
            _carry_extras(old, new)
    others = [op.location for op in fused if op is not old]
    if others:
        new.location = from_all(new.location, [*others, old.location])


def _carry_extras(old: Operation, new: Operation) -> None:
    """Copies the extra attributes of tensors: all of them if the result types are equal, else only the range."""
    extras = old.attributes[names.TENSOR]
    if all(before.type == after.type for before, after in zip(old.results, new.results, strict=True)):
        new.attributes[names.TENSOR] = extras
    elif (kept := with_range(None, range_in(extras))) is not None:
        new.attributes[names.TENSOR] = kept


def take_over(producer: Operation, op: Operation) -> None:
    """Gives `producer`, whose result replaces that of `op`, the name, the recorded range and the marks of `op`."""
    sources = [producer.location, op.location]
    producer.location = from_all(op.location, sources)
    producer.attributes.pop(names.VERSION, None)
    extras = producer.attributes.pop(names.TENSOR, None)
    with_new_range = with_range(extras, range_in(op.attributes.get(names.TENSOR)))
    if with_new_range is not None:
        producer.attributes[names.TENSOR] = with_new_range
    for name in names.CARRIED:
        if name in op.attributes:
            producer.attributes.setdefault(name, op.attributes[name])


def carry_name(old: SSAValue, value: SSAValue) -> None:
    """Gives `value`, which replaces `old`, the name of `old`."""
    assert isinstance(value, OpResult)
    if (name := names.name_of(old)) is not None:
        value.op.location = from_all(names.named(name), [value.op.location])


def takes_name(old: SSAValue, value: SSAValue | None) -> bool:
    """Whether `value`, which replaces `old`, must take its name, because `old` is an output.

    If `value` is an argument or an output itself, it keeps its own name.
    """
    if not isinstance(value, OpResult) or len(value.op.results) != 1:
        return False
    return _is_output(old) and not _is_output(value)


def _is_output(value: SSAValue) -> bool:
    return any(use.operation.has_trait(IsTerminator) for use in value.uses)


def all_names(op: Operation) -> list[str]:
    """The names of an op's results, then those of the ops that it was made from, by which a user knows its work."""
    made_from = [source.desc.data for source in _sources(op.location) if isinstance(source, NameLoc)]
    return list(dict.fromkeys([*(name for name in names.op_names(op) if name), *made_from]))


def from_all(name: LocationAttr, sources: Iterable[LocationAttr]) -> LocationAttr:
    """The location `name` of an op that was made from ops with the locations `sources`."""
    if not isinstance(name, NameLoc):
        return name
    parts = tuple(dict.fromkeys(part for source in sources for part in _sources(source)))
    if not parts or (len(parts) == 1 and parts[0] is name):
        return name
    return NameLoc.new((name.desc, _fused(parts)))


@lru_cache(maxsize=1024)
def derived(source: LocationAttr) -> LocationAttr:
    """The location of an op without a name that was made when an op at `source` was rewritten."""
    parts = _sources(source)
    return _fused((_fused(parts),)) if parts else names.UNNAMED


def _fused(parts: tuple[LocationAttr, ...]) -> FusedLoc:
    return FusedLoc.new((ArrayAttr(parts), _NONE))


def _sources(location: LocationAttr) -> tuple[LocationAttr, ...]:
    """The locations that a location was made from, each of them a name."""
    if isinstance(location, NameLoc):
        return _sources(location.location) if isinstance(location.location, FusedLoc) else (location,)
    if isinstance(location, FusedLoc):
        parts = cast("ArrayAttr[LocationAttr]", location.locations)
        return tuple(source for part in parts for source in _sources(part))
    return () if isinstance(location, UnknownLoc | NoneAttr) else (location,)
