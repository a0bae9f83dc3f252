"""Conditions on ops that several targets share, each with the words for an op that does not meet it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tflir.ir.targets.site import Site
from tflir.ir.targets.target import Need


def option_is(name: str, wanted: Any, reason: str, mend: str = "") -> Need:
    """An option has one value, or one of a tuple of values."""
    allowed = cast("tuple[Any, ...]", wanted) if isinstance(wanted, tuple) else (wanted,)
    return Need(reason, lambda site: site.option(name) in allowed, mend)


def has_rank(index: int, least: int, most: int | None = None) -> Need:
    """An operand has as many dimensions as that, and none of size 0."""
    most = least if most is None else most
    reason = f"not {least}-dimensional" if least == most else f"more than {most} dimensions, or an empty one"

    def met(site: Site) -> bool:
        shape = site.shape(index)
        return least <= len(shape) <= most and min(shape, default=1) > 0

    return Need(_of(index, reason), met)


def result_has_rank(least: int, most: int | None = None) -> Need:
    """Result 0 has as many dimensions as that in the file, and none of size 0."""
    most = least if most is None else most
    reason = f"not {least}-dimensional" if least == most else f"more than {most} dimensions, or an empty one"

    def met(site: Site) -> bool:
        shape = site.result_shape()
        return least <= len(shape) <= most and min(shape, default=1) > 0

    return Need(f"a result of {reason}" if least != most else f"a result that is {reason}", met)


def stored(index: int, what: str, mend: str = "") -> Need:
    """An operand stands in the file."""
    return Need(f"{what} computed at run time", lambda site: site.is_static(index), mend)


def inputs(least: int, most: int, reason: str, mend: str = "") -> Need:
    """As many operands as that are listed."""
    return Need(reason, lambda site: least <= len(site.inputs) <= most, mend)


def results(least: int, most: int, reason: str, mend: str = "") -> Need:
    """As many results as that."""
    return Need(reason, lambda site: least <= len(site.op.results) <= most, mend)


def numbers(index: int, holds: Callable[[list[int]], bool], reason: str, mend: str = "") -> Need:
    """The integers of a constant operand are such."""

    def met(site: Site) -> bool:
        found = site.numbers(index)
        return found is not None and holds(found)

    return Need(reason, met, mend)


def _of(index: int, reason: str) -> str:
    return (
        reason
        if index == 0
        else f"operand {index} is {reason}"
        if reason.startswith("not")
        else f"{reason} of operand {index}"
    )
