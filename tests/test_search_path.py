"""The order of a search and its walk, on synthetic layers whose noise adds up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflir.ir.errors import Error
from tflir.quality.accuracy import right
from tflir.search.bound import Bound, bound
from tflir.search.judge import standard_error
from tflir.search.path import Choice, cost_of, hull, noise_of, path_of
from tflir.search.walk import MOST_FILES, Measured, Walk

_CHOICES = st.lists(
    st.builds(
        Choice[str],
        st.just(""),
        st.integers(-100_000, -1).map(float),
        st.floats(1e-9, 1e-2),
    ),
    max_size=5,
).map(lambda choices: [Choice("", 0.0, 0.0), *choices])
_LAYERS = st.lists(_CHOICES, min_size=1, max_size=12)


@given(_CHOICES)
def test_a_hull_saves_more_for_more_noise_and_nothing_lies_below_it(choices: list[Choice[str]]) -> None:
    kept = hull(choices)
    ratios = [(b.noise - a.noise) / (a.cost - b.cost) for a, b in itertools.pairwise(kept)]
    assert all(b.cost < a.cost for a, b in itertools.pairwise(kept))
    assert ratios == sorted(ratios)
    assert kept[-1].cost == min(choice.cost for choice in choices)
    for one in choices:
        for (a, b), ratio in zip(itertools.pairwise(kept), ratios, strict=True):
            if b.cost <= one.cost <= a.cost:
                assert one.noise >= a.noise + ratio * (a.cost - one.cost) - 1e-9


@given(_LAYERS)
def test_a_path_goes_from_no_noise_to_the_least_cost(layers: list[list[Choice[str]]]) -> None:
    path = path_of(layers)
    costs = [cost_of(place) for place in path]
    assert noise_of(path[0]) == 0
    assert costs[-1] == sum(min(choice.cost for choice in choices) for choices in layers)
    assert all(b < a for a, b in itertools.pairwise(costs))


def test_where_a_large_layer_does_not_fit_a_smaller_one_does() -> None:
    large = [Choice("float", 0.0, 0.0), Choice("4", -1000.0, 1.0)]
    small = [Choice("float", 0.0, 0.0), Choice("4", -10.0, 0.1)]
    assert [[choice.kind for choice in place] for place in path_of([large, small])] == [
        ["float", "float"],
        ["float", "4"],
        ["4", "float"],
        ["4", "4"],
    ]


@given(
    st.lists(st.floats(0.05, 3.0), min_size=1, max_size=300),
    st.floats(0, 1),
    st.floats(-3, 3),
    st.floats(-1, 1),
    st.floats(0, 1.0),
    st.booleans(),
)
def test_a_walk_holds_the_bound_with_few_measurements(
    drops: list[float], share: float, offset: float, unseen: float, margin: float, predicts: bool
) -> None:
    """A path whose value falls by known steps, which measure otherwise by an offset, and by another on unseen data."""
    predicted = [200.0, *(100 - drop for drop in itertools.accumulate(drops))]
    least = predicted[-1] + share * (100 - predicted[-1])
    measured: set[int] = set()

    def search(place: int) -> Measured:
        measured.add(place)
        return Measured(predicted[place] + offset, margin)

    def check(place: int) -> float:
        measured.add(place)
        return predicted[place] + offset + unseen

    found = Walk(predicted if predicts else [], least, search, check).find(len(predicted))
    assert found.holds
    assert found.value == check(found.place) >= least
    assert len(measured) <= MOST_FILES


def test_a_walk_finds_the_last_place_where_predictions_are_right() -> None:
    predicted = [100 - 0.3 * place for place in range(200)]
    found = Walk(predicted, 60.0, lambda at: Measured(predicted[at] - 1, 0.0), lambda at: predicted[at] - 1).find(200)
    assert predicted[found.place] - 1 >= 60 > predicted[found.place + 1] - 1


def test_a_walk_does_not_fall_back_to_float_where_predictions_are_far_off() -> None:
    """Near the limit where noise is as large as the signal, it is more than the sum over layers."""
    predicted = [math.inf, *(40 - 0.2 * place for place in range(200))]
    measured = [200.0, *(value - 0.02 * max(40 - value, 0) ** 2 for value in predicted[1:])]
    found = Walk(predicted, 10.0, lambda at: Measured(measured[at], 0.5), lambda at: measured[at]).find(200)
    assert found.holds
    assert 10 <= measured[found.place] <= 20


def test_a_walk_does_not_fall_back_to_float_where_unseen_data_fall_little_short() -> None:
    """A single unseen sample gives values that jump from place to place."""
    predicted = [math.inf, *(40 - 0.05 * place for place in range(800))]
    unseen = [value if value > 11.8 else 9.7 for value in predicted]
    found = Walk(predicted, 10.0, lambda at: Measured(predicted[at], 0.5), lambda at: unseen[at]).find(len(predicted))
    assert found.holds
    assert 10 <= unseen[found.place] <= 13


def test_the_last_step_back_is_long() -> None:
    """The data of the search may be kinder than those that check: what is left to try then is the float model."""
    predicted = [math.inf, *(40 - 0.05 * place for place in range(800))]
    unseen = [value if value > 15.5 else 9.7 for value in predicted]
    found = Walk(predicted, 10.0, lambda at: Measured(predicted[at], 0.5), lambda at: unseen[at]).find(len(predicted))
    assert found.holds
    assert 15.5 < unseen[found.place] <= 20


def test_a_bound_that_no_place_holds_is_reported_with_what_the_first_one_reaches() -> None:
    found = Walk([50.0, 40.0], 60.0, lambda at: Measured(50.0 - at, 1.0), lambda at: 51.0 - at).find(2)
    assert (found.place, found.holds, found.value) == (0, False, 51.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snr>=30", Bound(30.0)),
        ("SNR >= 30.5 dB", Bound(30.5)),
        ("accuracy-drop<=0.5%", Bound(0.5, is_accuracy=True)),
        ("accuracy-drop <= 1 %", Bound(1.0, is_accuracy=True)),
    ],
)
def test_bounds(text: str, expected: Bound) -> None:
    assert bound(text) == expected
    assert bound(str(expected)) == expected


@pytest.mark.parametrize("text", ["snr<=30", "30", "snr>=", "snr>=x", "snr>=nan", "accuracy-drop<=-1%", "", "drop<=1"])
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"bound|number|negative|neither"):
        bound(text)


def test_the_standard_error_is_that_of_the_ratio() -> None:
    rng = np.random.default_rng(0)
    parts = [np.stack([np.full(50, 100.0), rng.exponential(1.0, 50)], axis=1) for _ in range(400)]
    ratios = [10 * math.log10(part[:, 0].sum() / part[:, 1].sum()) for part in parts]
    errors = [standard_error(part) for part in parts]
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.15)
    assert standard_error(np.ones((1, 2))) == 0.5
    assert standard_error(np.array([[1.0, 0.0], [1.0, 0.0]])) == 0.0


@pytest.mark.parametrize(
    ("output", "label", "expected"),
    [
        (np.array([[0.1, 0.7, 0.2]]), np.array(1), 1.0),
        (np.array([[0.1, 0.7, 0.2]]), np.array([2]), 0.0),
        (np.array([[0.6], [0.2]]), np.array([1, 1]), 0.5),
        (np.array([[[0.1, 0.9], [0.8, 0.2]]]), np.array([1, 0]), 1.0),
    ],
)
def test_labels_are_the_place_of_the_largest_or_above_a_half(
    output: np.ndarray, label: np.ndarray, expected: float
) -> None:
    assert right(output, label) == expected


def test_without_predictions_a_walk_goes_forward_again_after_a_step_back() -> None:
    """The data of the search accept all places, those that check only the first 23: half of 63 is tried first."""
    files: set[int] = set()

    def search(place: int) -> Measured:
        files.add(place)
        return Measured(0.0, 0.0)

    found = Walk([], -0.5, search, lambda at: 0.0 if at < 23 else -1.0).find(64)
    assert (found.holds, found.value) == (True, 0.0)
    assert 20 <= found.place < 23
    assert len(files) <= MOST_FILES


def test_without_predictions_what_the_search_data_refuse_is_a_limit_too() -> None:
    found = Walk([], -0.5, lambda at: Measured(0.0 if at < 40 else -1.0, 0.0), lambda _: 0.0).find(64)
    assert 36 <= found.place < 40


@pytest.mark.parametrize(
    ("label", "said"), [(3, "label 3"), (-1, "label -1"), (0.5, "label 0.5"), (np.nan, "label nan")]
)
def test_a_label_that_no_output_can_meet_is_refused(label: float, said: str) -> None:
    with pytest.raises(Error, match=said) as caught:
        right(np.zeros((1, 3), np.float32), np.array(label))
    assert caught.value.status == 2


def test_single_places_without_a_label_are_missed() -> None:
    """Maps of classes use numbers without a class, such as 255, for places that do not count."""
    outputs = np.eye(3, dtype=np.float32)[[0, 1]]
    assert right(outputs, np.array([0, 255])) == 0.5
