"""The simplest table of a target: for each operator the element types that its first operand may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tflir.ir.targets.kinds import short_name
from tflir.ir.targets.target import Defect, Row, Target, takes

ElementTypes = Mapping[str, tuple[str, str]]
"""By operator, `CONV_2D`, or by the code of a custom one: what operand 0 may be without a scale, and with one, in words
of the schema: `("FLOAT32", "INT8 UINT8")`."""


def rows_by_elements(elements: ElementTypes) -> Iterator[Row]:
    """The rows that such a table amounts to; integers with a scale may have one for each channel."""
    for operator, (plain, scaled) in elements.items():
        kinds = [short_name(name) for name in plain.split()]
        kinds += [f"{how}{short_name(name)}" for name in scaled.split() for how in ("q", "qc")]
        yield takes(operator, f"{'/'.join(kinds)}? *")


def target_by_elements(
    name: str,
    elements: ElementTypes,
    about: str = "",
    *,
    others: bool = False,
    defects: tuple[Defect, ...] = (),
    known: str = "",
    runs_in: str = "",
) -> Target:
    """A target that takes operators by the element type of their first operand.

    `others`: whether operators that the table does not name are taken. `runs_in`: the target that runs what this one
    refuses.
    """
    return Target(name, about, tuple(rows_by_elements(elements)), defects, known, others, runs_in=runs_in)
