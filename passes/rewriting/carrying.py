"""What goes from an op to what takes its place: names, recorded ranges, decisions, and where it came from.

The location of an op is the name of its tensor, `loc("y")`; what the op was made from stands inside that name,
`loc("y"(fused["conv", "y"]))`, so that a name is never lost to it.
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
    """Gives `new`, which makes the results that `old` made, their names, ranges and the decisions about the op."""
    if isinstance(new.location, UnknownLoc):
        new.location = old.location
    held = old.attributes
    if held:
        for name in names.CARRIED:
            if name in held:
                new.attributes.setdefault(name, held[name])
        if names.TENSOR in held and names.TENSOR not in new.attributes:
            _carry_extras(old, new)
    others = [op.location for op in fused if op is not old]
    if others:
        new.location = from_all(new.location, [*others, old.location])


def _carry_extras(old: Operation, new: Operation) -> None:
    """What the types of the results do not say: all of it where they are the same, else the recorded range."""
    extras = old.attributes[names.TENSOR]
    if all(one.type == other.type for one, other in zip(old.results, new.results, strict=True)):
        new.attributes[names.TENSOR] = extras
    elif (kept := with_range(None, range_in(extras))) is not None:
        new.attributes[names.TENSOR] = kept


def take_over(producer: Operation, op: Operation) -> None:
    """Gives `producer`, which is to make the result of `op` as well, its name and recorded range."""
    sources = [producer.location, op.location]
    producer.location = from_all(op.location, sources)
    producer.attributes.pop(names.VERSION, None)
    extras = producer.attributes.pop(names.TENSOR, None)
    held = with_range(extras, range_in(op.attributes.get(names.TENSOR)))
    if held is not None:
        producer.attributes[names.TENSOR] = held
    for name in names.CARRIED:
        if name in op.attributes:
            producer.attributes.setdefault(name, op.attributes[name])


def carry_name(old: SSAValue, value: SSAValue) -> None:
    """Lets `value`, which takes the place of `old`, have its name."""
    assert isinstance(value, OpResult)
    if (name := names.name_of(old)) is not None:
        value.op.location = from_all(names.named(name), [value.op.location])


def takes_name(old: SSAValue, value: SSAValue | None) -> bool:
    """Whether `value`, which takes the place of `old`, is to have its name: where that is the name of an output.

    Not where `value` is an argument, or an output itself: it keeps the name that it has.
    """
    if not isinstance(value, OpResult) or len(value.op.results) != 1:
        return False
    return _is_output(old) and not _is_output(value)


def _is_output(value: SSAValue) -> bool:
    return any(use.operation.has_trait(IsTerminator) for use in value.uses)


def from_all(name: LocationAttr, sources: Iterable[LocationAttr]) -> LocationAttr:
    """The location `name` of what was made from ops of these locations."""
    if not isinstance(name, NameLoc):
        return name
    parts = tuple(dict.fromkeys(each for source in sources for each in _sources(source)))
    if not parts or (len(parts) == 1 and parts[0] is name):
        return name
    return NameLoc.new((name.desc, _fused(parts)))


@lru_cache(maxsize=1024)
def derived(source: LocationAttr) -> LocationAttr:
    """The location of an op without a name of its own that was made for one of location `source`."""
    parts = _sources(source)
    return _fused((_fused(parts),)) if parts else names.UNNAMED


def _fused(parts: tuple[LocationAttr, ...]) -> FusedLoc:
    return FusedLoc.new((ArrayAttr(parts), _NONE))


def _sources(location: LocationAttr) -> tuple[LocationAttr, ...]:
    """The places that a location stands for, each with its name."""
    if isinstance(location, NameLoc):
        return _sources(location.location) if isinstance(location.location, FusedLoc) else (location,)
    if isinstance(location, FusedLoc):
        parts = cast("ArrayAttr[LocationAttr]", location.locations)
        return tuple(each for part in parts for each in _sources(part))
    return () if isinstance(location, UnknownLoc | NoneAttr) else (location,)
