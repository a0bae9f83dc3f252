"""Using what a walk left of a bound: layers are compressed further as long as their noise fits."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tflir.search.fill import Filled, Place, fill, further
from tflir.search.path import Choice, cost_of
from tflir.search.sensitivity import Form
from tflir.search.walk import Measured

_FILES = 3


def _choice(cost: float, *noise: float) -> Choice[Form]:
    return Choice(Form(None, noise, cost), cost, sum(noise) / len(noise))


def _decibels(place: Place, factor: float = 1.0) -> float:
    outputs = zip(*(one.kind.noise for one in place), strict=True)
    return -10 * math.log10(max(map(sum, outputs)) * factor)


_forms = st.lists(st.tuples(st.integers(0, 500), st.floats(1e-6, 1e-2), st.floats(1e-6, 1e-2)), min_size=1, max_size=5)


@given(
    st.lists(_forms, min_size=1, max_size=8), st.floats(0.1, 12), st.lists(st.floats(0.5, 2), min_size=4, max_size=4)
)
def test_what_is_found_holds_the_bound_and_costs_no_more(
    layers: list[list[tuple[int, float, float]]], above: float, factors: list[float]
) -> None:
    """Noise adds up, but for a factor that no prediction knows, which is another one for each number of bytes."""
    choices = [[_choice(*form) for form in layer] for layer in layers]
    start = tuple(min(layer, key=lambda one: (one.noise, one.cost)) for layer in choices)
    searched: list[Place] = []

    def measured(place: Place) -> Measured:
        factor = 1.0 if place == start else factors[int(cost_of(place)) % len(factors)]
        return Measured(_decibels(place, factor), 0.1, cost_of(place))

    def search(place: Place) -> Measured:
        searched.append(place)
        return measured(place)

    least = measured(start).value - 0.1 - above
    found = fill(
        Filled(start, measured(start).value), measured(start), choices, least, search,
        lambda place: measured(place).value, _FILES,
    )  # fmt: skip
    assert found.value == measured(found.place).value >= least
    assert cost_of(found.place) <= cost_of(start)
    assert len(searched) <= _FILES
    assert all(one in layer for one, layer in zip(found.place, choices, strict=True))


def test_the_noise_of_each_output_fits_for_itself() -> None:
    start = (_choice(0, 1e-6, 1e-6), _choice(0, 1e-6, 1e-6))
    first = [start[0], _choice(-100, 5e-5, 1e-6)]
    assert cost_of(further(start, [first, [start[1], _choice(-80, 1e-6, 6e-5)]], 1e-4)) == -180
    assert cost_of(further(start, [first, [start[1], _choice(-80, 6e-5, 1e-6)]], 1e-4)) == -100


def test_a_large_step_is_taken_that_a_path_passes_over() -> None:
    """On the way to the last layer's step, the path takes the middle one's, with which both together miss the bound."""
    small, large = _choice(0, 1e-6), _choice(0, 1e-6)
    choices = [[small, _choice(-10, 2e-5)], [large, _choice(-2000, 9e-5)]]
    start = (small, large)

    def search(place: Place) -> Measured:
        return Measured(_decibels(place, 1.05), 0.0, cost_of(place))

    found = fill(Filled(start, 57.0), search(start), choices, 40.0, search, lambda place: search(place).value, _FILES)
    assert cost_of(found.place) == -2000, "after both miss 40 dB by little, less is tried: the one that saves much"


def test_a_place_that_unseen_data_refuse_is_not_taken() -> None:
    start = (_choice(0, 1e-6),)
    choices = [[start[0], _choice(-10, 2e-5)]]
    found = fill(
        Filled(start, 60.0), Measured(60.0, 0.0), choices, 40.0,
        lambda place: Measured(_decibels(place), 0.0, cost_of(place)), lambda _: 39.0, _FILES,
    )  # fmt: skip
    assert found == Filled(start, 60.0)
