"""The meaning of the elements of the two vectors (maxima and minima) that instrumented functions return."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.ir import SSAValue

from tflir.passes.calibration.emit import Emitter


@dataclass(frozen=True, slots=True)
class Slot:
    """A value whose largest and smallest element are at some index of the vectors."""

    function: str
    position: int
    """See `logged.values_of`."""
    is_nan_flag: bool = False
    """The element is 1 if the value contains NaN, else 0, instead of an extreme of the value."""


Meaning = tuple[Slot, ...]
"""The values that share one index: the first was reduced, and the others only reorder its elements."""


@dataclass
class Vectors:
    """Collects the reductions of one function's values for its two vectors.

    First come the scalars of single values, and then the whole vectors (parts) of branches and loops.
    """

    singles: list[list[Slot]] = field(default_factory=list[list[Slot]])
    highs: list[SSAValue] = field(default_factory=list[SSAValue])
    lows: list[SSAValue] = field(default_factory=list[SSAValue])
    parts: list[Meaning] = field(default_factory=list[Meaning])
    high_parts: list[SSAValue] = field(default_factory=list[SSAValue])
    low_parts: list[SSAValue] = field(default_factory=list[SSAValue])

    @property
    def meanings(self) -> list[Meaning]:
        """The meaning of each element of the vectors."""
        return [*(tuple(slots) for slots in self.singles), *self.parts]

    def add(self, slot: Slot, high: SSAValue, low: SSAValue) -> int:
        """Adds the two scalars of one value; returns their index in the vectors."""
        self.singles.append([slot])
        self.highs.append(high)
        self.lows.append(low)
        return len(self.singles) - 1

    def add_part(self, meanings: list[Meaning], high: SSAValue, low: SSAValue) -> None:
        """Adds the vectors of a branch or a loop."""
        self.parts += meanings
        self.high_parts.append(high)
        self.low_parts.append(low)

    def pack(self, emit: Emitter) -> tuple[SSAValue, SSAValue]:
        """Inserts ops that make the two vectors, and returns the maxima and the minima."""
        return emit.joined(self.highs, self.high_parts), emit.joined(self.lows, self.low_parts)
