"""What the elements of the vectors that instrumented functions return mean."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.ir import SSAValue

from tflir.passes.calibration.emit import Emitter


@dataclass(frozen=True, slots=True)
class Slot:
    """A value whose largest and smallest element stand at some place of the vectors."""

    function: str
    position: int
    """See `logged.values_of`."""
    is_nan_flag: bool = False
    """The place holds 1 where the value has NaN, else 0."""


Meaning = tuple[Slot, ...]
"""The values that share one place: the first is what was reduced, the others reorder its elements."""


@dataclass
class Vectors:
    """Reductions of one function's values, on their way into its two vectors: single ones first, then whole parts."""

    singles: list[list[Slot]] = field(default_factory=list[list[Slot]])
    highs: list[SSAValue] = field(default_factory=list[SSAValue])
    lows: list[SSAValue] = field(default_factory=list[SSAValue])
    parts: list[Meaning] = field(default_factory=list[Meaning])
    high_parts: list[SSAValue] = field(default_factory=list[SSAValue])
    low_parts: list[SSAValue] = field(default_factory=list[SSAValue])

    @property
    def meanings(self) -> list[Meaning]:
        """Of each element of the vectors."""
        return [*(tuple(slots) for slots in self.singles), *self.parts]

    def add(self, slot: Slot, high: SSAValue, low: SSAValue) -> int:
        """Takes in the two scalars of one value; returns its place."""
        self.singles.append([slot])
        self.highs.append(high)
        self.lows.append(low)
        return len(self.singles) - 1

    def add_part(self, meanings: list[Meaning], high: SSAValue, low: SSAValue) -> None:
        """Takes in the vectors of a branch or a loop."""
        self.parts += meanings
        self.high_parts.append(high)
        self.low_parts.append(low)

    def pack(self, emit: Emitter) -> tuple[SSAValue, SSAValue]:
        """The two vectors, largest elements first."""
        return emit.joined(self.highs, self.high_parts), emit.joined(self.lows, self.low_parts)
