"""The order in which a search compresses layers: by the noise that a step adds for what it saves.

The noise of layers adds up, so the least noise at a given cost takes, of the steps along the lower hull of each layer's
choices, those with the least noise for what they save, wherever the limit is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_FINE = 10**0.005
"""The ratio of two limits of the noise that are tried one after the other: 0.05 dB."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A form that a layer may have."""

    kind: T
    cost: float
    """Bytes or seconds of the model with the layer in this form, beside the model that has it as it is."""
    noise: float
    """The noise at the outputs that the form adds."""


def hull(choices: Sequence[Choice[T]]) -> list[Choice[T]]:
    """The choices on the lower hull of noise over cost, from the least noise to the least cost.

    Each step from one to the next saves cost, and adds more noise for what it saves than the step before.
    """
    kept: list[Choice[T]] = []
    for one in sorted(choices, key=lambda choice: (choice.noise, choice.cost)):
        if kept and one.cost >= kept[-1].cost:
            continue
        while len(kept) > 1 and _ratio(kept[-2], kept[-1]) >= _ratio(kept[-1], one):
            kept.pop()
        kept.append(one)
    return kept


def _ratio(before: Choice[T], after: Choice[T]) -> float:
    """The noise that a step adds for what it saves."""
    return (after.noise - before.noise) / (before.cost - after.cost)


def path_of(layers: Sequence[Sequence[Choice[T]]]) -> list[tuple[Choice[T], ...]]:
    """Choices of all layers, from those of the least noise to those of the least cost.

    For rising limits of the noise, the steps that fit are taken in the order of the noise that they add for what they
    save: where a large layer does not fit any more, smaller ones may. Of two places the later one costs less.
    """
    hulls = [hull(choices) for choices in layers]
    steps = steps_of(hulls)
    first, last = (tuple(kept[end] for kept in hulls) for end in (0, -1))
    path = [first]
    for limit in _limits(hulls, noise_of(last)):
        one = _within(limit, hulls, steps)
        if cost_of(one) < cost_of(path[-1]):
            path.append(one)
    return path


def steps_of(hulls: Sequence[Sequence[Choice[T]]]) -> list[tuple[float, int, int]]:
    """The steps along the hulls of all layers, the least ratio first: what each adds in noise for what it saves, the
    layer, and the place in its hull that it starts from.
    """
    return sorted(
        (_ratio(before, after), at, place)
        for at, kept in enumerate(hulls)
        for place, (before, after) in enumerate(itertools.pairwise(kept))
    )


def _limits(hulls: Sequence[Sequence[Choice[T]]], most: float) -> Iterator[float]:
    """Limits of the noise that rise in equal ratios, from where the quietest step fits to `most`, where all do."""
    noises = [choice.noise for kept in hulls for choice in kept if choice.noise > 0]
    limit = min(noises, default=most)
    while 0 < limit < most:
        yield limit
        limit *= _FINE
    yield most


def _within(
    limit: float, hulls: Sequence[Sequence[Choice[T]]], steps: Sequence[tuple[float, int, int]]
) -> tuple[Choice[T], ...]:
    """The choices after all steps that fit below a limit of the noise."""
    reached = [0] * len(hulls)
    noise = sum(kept[0].noise for kept in hulls)
    slack = limit * (1 + 1e-9)
    for _, at, place in steps:
        added = hulls[at][place + 1].noise - hulls[at][place].noise
        if reached[at] == place and noise + added <= slack:
            reached[at] = place + 1
            noise += added
    return tuple(kept[place] for kept, place in zip(hulls, reached, strict=True))


def noise_of(place: Sequence[Choice[T]]) -> float:
    """The noise of all layers together."""
    return sum(choice.noise for choice in place)


def cost_of(place: Sequence[Choice[T]]) -> float:
    """The cost of all layers together, beside the model as it is."""
    return sum(choice.cost for choice in place)
