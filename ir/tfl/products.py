"""What operators multiply their weights by: a fact of each operator's definition, `OpInfo.products`.

Rounding weights by what they multiply, and correcting biases for the mean of the error, read it here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """x is each row of an operand: its elements along the last dimension."""

    operand: int = 0
    transposed: str = ""
    """The option that, if set, says that x lies along the last dimension but one."""
    replaced: tuple[int, int] | None = None
    """(other, weight): x is that of operand `other` if this is present and operand `weight` is not."""


@dataclass(frozen=True, slots=True)
class Patches:
    """x is the part of an NHWC operand under the filter, in the order of the filter: height, width, channels."""

    operand: int = 0
    depthwise: bool = False
    """Each channel of the filter reads one channel of the operand alone."""


@dataclass(frozen=True, slots=True)
class PreviousStep:
    """x is what a recurrent layer gave in the step before, and what its state held in the first step.

    Steps are the first dimension, or the second if the option `time_major` is there and false.
    """

    result: int = 0
    """The result that is fed back. If the op has fewer, its last result has those of all layers, one after the other
    in the last dimension."""
    backward: bool = False
    """The layer starts at the last step."""


@dataclass(frozen=True, slots=True)
class Product:
    """Weights W that multiply the same values x: one operand, or one for each gate of a recurrent layer."""

    weights: tuple[int, ...]
    """The operands that hold weights."""
    values: Rows | Patches | PreviousStep
    """What x is."""
    biases: tuple[int, ...] = ()
    """For each of the weights the operand that is added to W x; empty if there is none."""
    channels: int = 0
    """The axis of the weights along which the elements of W x lie; negative axes count from the last one."""
    transposed: str = ""
    """The option that, if set, says that `channels` is the last axis but one instead."""
    normalized: tuple[int, ...] = ()
    """For each of the weights the operand that, if present, says that W x is normalized before the bias is added."""

    def bias_of(self, weight: int) -> int | None:
        """The operand that is added to the product with the weights in operand `weight`; None if there is none."""
        return self.biases[self.weights.index(weight)] if self.biases else None

    def normalizer_of(self, weight: int) -> int | None:
        """The operand that would normalize that product; None if the op has none."""
        return self.normalized[self.weights.index(weight)] if self.normalized else None
