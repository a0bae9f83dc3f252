"""The layout of graphs: rows, places, bends of long edges, scopes; and how long it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflir.report.graph.cycles import cycles
from tflir.report.graph.layout import GAP, Layout, lay_out
from tflir.report.graph.scopes import Scope, scopes_of

Edge = tuple[int, int]


def _holds(widths: list[float], edges: list[Edge], layout: Layout) -> None:
    """Every edge leads down, and in no row anything overlaps, bends of long edges included."""
    rows: dict[int, list[tuple[float, float]]] = {}
    for node, layer in enumerate(layout.layer):
        rows.setdefault(layer, []).append((layout.x[node], widths[node]))
    for source, places in layout.bends.items():
        for at, x in enumerate(places):
            rows.setdefault(layout.layer[source] + 1 + at, []).append((x, 8.0))
    for source, target in edges:
        assert layout.layer[source] < layout.layer[target]
    for row in rows.values():
        row.sort()
        for (x, width), (right, other) in pairwise(row):
            assert right - x >= (width + other) / 2 + GAP
    assert min(x - width / 2 for x, width in zip(layout.x, widths, strict=True)) >= -4


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[float], list[Edge]]:
    count = draw(st.integers(1, 30))
    widths = draw(st.lists(st.sampled_from([8.0, 168.0, 200.0, 333.0]), min_size=count, max_size=count))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = draw(st.lists(pairs, max_size=60))
    return widths, [(min(edge), max(edge)) for edge in edges]


@given(_graphs())
def test_edges_lead_down_and_nothing_overlaps(graph: tuple[list[float], list[Edge]]) -> None:
    widths, edges = graph
    _holds(widths, edges, lay_out(widths, edges))


def test_a_chain_with_residual_edges_is_straight() -> None:
    edges = [(node, node + 1) for node in range(40)] + [(node, node + 4) for node in range(0, 37, 4)]
    layout = lay_out([168.0] * 41, edges)
    assert len(set(layout.x)) == 1
    assert len(layout.bends) == 10
    assert all(len(set(places)) == 1 and len(places) == 3 for places in layout.bends.values())


def test_two_branches_do_not_cross() -> None:
    layout = lay_out([100.0] * 6, [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)])
    assert layout.x[1] == layout.x[3]
    assert layout.x[2] == layout.x[4]
    assert layout.x[0] == layout.x[5]


def test_a_node_without_inputs_stands_above_its_reader() -> None:
    layout = lay_out([100.0] * 5, [(0, 1), (1, 2), (2, 3), (4, 3)])
    assert layout.layer == [0, 1, 2, 3, 2]


def test_the_first_and_the_last_keep_their_rows() -> None:
    layout = lay_out([100.0] * 5, [(0, 1), (3, 1), (0, 4), (1, 2)], first=3, last=4)
    assert layout.layer[3] == 0
    assert layout.layer[4] == max(layout.layer)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        lay_out([1.0, 1.0], [(0, 1), (1, 0)])


def test_nothing_is_laid_out() -> None:
    assert lay_out([], []) == Layout([], [], {})


def _like_a_network(count: int) -> list[Edge]:
    """A chain with residual edges, side branches, and one value that is read all along."""
    edges = [(node - 1, node) for node in range(1, count)]
    edges += [(node - 9, node) for node in range(9, count, 10)] + [(0, node) for node in range(50, count, 50)]
    return edges


def _branched(count: int) -> list[Edge]:
    drawn = random.Random(0)
    return [(drawn.randrange(max(0, node - 40), node), node) for node in range(1, count) for _ in range(1 + node % 2)]


@pytest.mark.parametrize("edges", [_like_a_network, _branched])
def test_ten_thousand_nodes_are_quick(edges: Callable[[int], list[Edge]]) -> None:
    made, widths = edges(10_000), [168.0] * 10_000
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        layout = lay_out(widths, made)
        seconds.append(time.process_time() - begun)
    _holds(widths, made, layout)
    assert min(seconds) < 2  # 0.4 s on an idle machine


def test_a_staircase_of_chains_is_not_as_wide_as_it_is_high() -> None:
    edges = [(node - 10 if node % 10 == 0 else node - 1, node) for node in range(10, 4000)]
    layout = lay_out([168.0] * 4000, edges)
    assert max(layout.x) < 20_000


def _paths(scopes: list[Scope]) -> list[str]:
    return [scope.path for scope in scopes]


def test_scopes_nest_and_parents_come_first() -> None:
    names = ["a/x/1", "a/x/2", "a/3", "b/1", "b/2", "c/only", "plain"]
    scopes = scopes_of(names, [(node, node + 1) for node in range(6)])
    assert _paths(scopes) == ["", "a", "b", "a/x"]
    assert [scope.parent for scope in scopes] == [-1, 0, 0, 1]
    assert scopes[0].items == [5, 6, -2, -3]
    assert scopes[1].items == [2, -4]
    assert scopes[3].items == [0, 1]
    assert not scopes[3].enters
    assert scopes[3].leaves
    assert scopes[2].enters
    assert scopes[2].edges == [(2, 0), (0, 1), (1, 3)]


def test_one_scope_around_all_is_the_whole() -> None:
    scopes = scopes_of(["m/a/1", "m/a/2", "m/b"], [])
    assert _paths(scopes) == ["m", "m/a"]


def test_scopes_that_lead_to_each_other_are_dissolved() -> None:
    scopes = scopes_of(["a/1", "b/1", "b/2", "a/2", "b/3"], [(0, 1), (2, 3)])
    assert _paths(scopes) == ["", "b"]
    assert scopes[0].items == [0, 3, -2]


def test_names_that_are_all_slashes_stay_shallow() -> None:
    scopes = scopes_of(["/".join("a" * 5000), "/".join("ab" * 2500), "///", ""], [])
    assert len(scopes) < 15


def test_each_node_is_in_one_scope_and_each_edge_leads_down() -> None:
    names = [f"m/block{node // 50 % 7}/part{node // 10}/op{node}" for node in range(1000)]
    scopes = scopes_of(names, _like_a_network(1000))
    held = [item for scope in scopes for item in scope.items if item >= 0]
    assert sorted(held) == list(range(1000))
    for scope in scopes:
        below = len(scope.items) + 1
        for tail, head in scope.edges:
            end = head - (not scope.enters) if head == below else head
            assert scope.layout.layer[tail] < scope.layout.layer[end]


def test_cycles_of_a_graph() -> None:
    assert cycles([[1], [2], [0, 3], [4], [3], []]) == [[3, 4], [0, 1, 2]]
    assert cycles([[1], [2], []]) == []
    deep = [[node + 1] for node in range(50_000)] + [[0]]
    assert len(cycles(deep)[0]) == 50_001
