"""Evaluations by several workers: those that do not depend on each other are made before the search asks for them.

A worker makes the compiler of the search and its judge once, from a file that says what they are made of.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tflir.facts import facts_in_force
from tflir.files import load
from tflir.jobs.run import Tally, refuse
from tflir.jobs.task import Task
from tflir.search.compiler import Compiler, Kinds, Settings
from tflir.search.data import Part
from tflir.search.evaluations import NOISE, SIZE, Evaluations, Request
from tflir.search.judge import SnrJudge
from tflir.search.store import Store

if TYPE_CHECKING:
    from tflir.jobs.team import Team

_KIND, _MODEL = "search", ".tflite"


@dataclass(frozen=True)
class Bench:
    """What the compiler and the judge of a search are made of."""

    model: str
    """The path of the float model."""
    calibration: Part
    judged: Part
    """The samples on which noise is measured."""
    settings: Settings
    plugins: tuple[str, ...] = ()


class Sharing:
    """Workers that make evaluations ahead."""

    def __init__(
        self,
        team: Team,
        source: str | bytes,
        calibration: Part,
        judged: Part,
        settings: Settings,
        plugins: Sequence[str] = (),
    ) -> None:
        """`source` is the float model as LiteRT loads it; the rest is as in `Bench`."""
        self._team = team
        results = team.results
        model = results.holding(source, _KIND, _MODEL) if isinstance(source, bytes) else os.path.abspath(source)
        bench = Bench(model, calibration, judged, settings, tuple(plugins))
        self._bench = results.holding(pickle.dumps(bench, pickle.HIGHEST_PROTOCOL), _KIND, ".pickle")

    def evaluate(
        self, requests: Sequence[Request], finished: Callable[[Request, dict[str, Any]], None], progress: Any
    ) -> None:
        """Calls `finished` with the result of each request, in any order.

        Raises `Error` as an evaluation does, and if one can't be finished by any worker.
        """

        def tasks() -> Iterator[Task]:
            for at, (what, kinds) in enumerate(requests):
                yield Task(at, f"evaluation {at + 1} of {len(requests)}", evaluate, (self._bench, what, kinds))

        def ended(task: Task, result: dict[str, Any]) -> None:
            finished(requests[task.index], result)

        refuse(self._team.run(tasks(), ended, tally=Tally(len(requests)), progress=progress), self._team.kept)


# What follows runs in a worker.

_ready: dict[str, tuple[Bench, Evaluations, SnrJudge]] = {}
"""The last bench that was used, by its file."""


def evaluate(file: str, what: str, kinds: Kinds, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The result of one evaluation, as `Evaluations` keeps it."""
    if file not in _ready:
        _ready.clear()
        with open(file, "rb") as held:
            bench: Bench = pickle.load(held)
        with facts_in_force(bench.plugins):
            compiler = Compiler(lambda: load(bench.model), bench.settings, bench.calibration.samples)
        judge = SnrJudge(bench.model, bench.judged)
        _ready[file] = bench, Evaluations(compiler, Store(None, ""), 1, progress), judge
    bench, evaluations, judge = _ready[file]
    evaluations.progress = progress  # that of this task, not of the one that made them
    with facts_in_force(bench.plugins):
        if what == SIZE:
            return {"bytes": evaluations.size(kinds)}
        assert what == NOISE
        return evaluations.run(what, kinds, lambda model: {"noise": judge.noise(model)}, may_fail=True)
