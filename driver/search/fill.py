"""Uses what a walk left of a bound: single layers are compressed further where their noise fits into the rest.

A path compresses all layers in one order, and the place where a walk ends often lies far above the bound: the next
step may add more noise than is left, or predictions were off by another amount at each place. From a place that was
measured, only the noise of the further steps is predicted. For example, a bound of 40 dB is a noise of 1e-4; a place at
42 dB has 6.3e-5, so that steps of at most 3.7e-5 together still fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tflir.search.path import Choice, cost_of, hull, steps_of
from tflir.search.sensitivity import Form
from tflir.search.walk import Measured

Place = tuple[Choice[Form], ...]
"""A form for each layer."""
_LESS = 0.95
"""After a place that missed the bound, at most this share of the noise is tried that would have been right for it."""
_TINY = 1e-300


@dataclass(frozen=True)
class Filled:
    """A place, and what it measured on data that took no part in the search."""

    place: Place
    value: float


def fill(
    start: Filled,
    measured: Measured,
    choices: Sequence[Sequence[Choice[Form]]],
    least: float,
    search: Callable[[Place], Measured],
    check: Callable[[Place], float],
    files: int,
) -> Filled:
    """The cheapest place that holds the bound `least` of those that are tried from `start`, which holds it.

    `measured` is what the start measured on the data of the search, `choices` are the forms of each layer. `search`
    and `check` measure a place, at most `files` of them, on data of the search and on data that took no part.
    """
    found, share = start, 1.0
    for _ in range(files):
        before = _noise(measured.value)
        place = further(found.place, choices, share * (_noise(least + measured.margin) - before))
        if cost_of(place) >= cost_of(found.place):
            break
        seen = search(place)
        if seen.cost >= measured.cost:
            break
        allowed, added = _noise(least + seen.margin) - before, _noise(seen.value) - before
        if added <= allowed and (value := check(place)) >= least:
            found, measured = Filled(place, value), seen
        else:
            share *= _LESS * min(1.0, max(allowed, 0.0) / max(added, allowed, _TINY))
    return found


def further(place: Place, choices: Sequence[Sequence[Choice[Form]]], rest: float) -> Place:
    """The place after those steps of single layers that add at most `rest` of noise to each output.

    Steps are taken in the order of the noise that they add for what they save; where one does not fit, later ones may.
    """
    hulls = [
        hull([now, *(one for one in layer if one.cost < now.cost and one.noise >= now.noise)])
        for now, layer in zip(place, choices, strict=True)
    ]
    reached = [0] * len(hulls)
    added = np.zeros(len(place[0].kind.noise) if place else 1)
    for _, at, number in steps_of(hulls):
        before, after = hulls[at][number], hulls[at][number + 1]
        more = added + np.subtract(after.kind.noise, before.kind.noise)
        if reached[at] == number and more.max() <= rest:
            reached[at], added = number + 1, more
    return tuple(kept[number] for kept, number in zip(hulls, reached, strict=True))


def _noise(decibels: float) -> float:
    """The noise over signal of a signal-to-noise ratio in dB."""
    return float(10.0 ** (-decibels / 10))
