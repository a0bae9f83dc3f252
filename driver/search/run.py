"""`search`: the model that is smallest or fastest within a bound."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from tflir import __version__
from tflir.backends.litert.run import Note
from tflir.content import read_content
from tflir.ir.errors import Error
from tflir.search.bound import Bound
from tflir.search.compiler import Compiler, Kinds, Settings
from tflir.search.data import Data, Part
from tflir.search.evaluations import Evaluations, text
from tflir.search.fill import Filled, Place, fill
from tflir.search.judge import Accuracy, AccuracyJudge, Judge, SnrJudge
from tflir.search.layers import Layer
from tflir.search.path import Choice, cost_of, path_of
from tflir.search.sensitivity import Form, choices, forms_of, is_unseen, predicted_db
from tflir.search.sharing import Sharing
from tflir.search.store import Store, hashed
from tflir.search.walk import MOST_FILES, Measured, Walk

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.jobs.team import Team
    from tflir.passes.base import PassReport

SIZE, LATENCY = "size", "latency"
TRACE_VERSION = 1
"""Raised when a key of the trace changes its meaning or goes."""
_SHORT = 16
"""At most so many samples of the search data show how much noise a layer adds."""


@dataclass(frozen=True)
class Goal:
    """What is searched for."""

    bound: Bound
    minimize: str = SIZE
    margin: float | None = None
    """By how much the search data must exceed the bound, in dB or points of 100; None: its standard error."""


@dataclass(frozen=True)
class Result:
    """What a search found."""

    model: bytes
    rules: str
    """The rules in TOML, which give the same model with the same data."""
    value: float
    """What it measures on data that took no part in the search: dB, or the negative drop of accuracy."""
    evaluations: int
    limit: int
    reused: int
    layers: list[tuple[Layer, str]]
    """The layers with their forms."""
    unseen: list[Layer]
    """Those layers that change no output on the data of the search: they keep at least 8 bits."""
    trace: str
    """All evaluations, as JSON."""
    repeated: int
    """How many samples to measure on are equal to one that weights were rounded with."""
    check: Part
    """The samples that took no part in the search, with their labels."""
    pipeline: str
    reports: list[PassReport]
    """What each pass did to the model."""


def search(
    source: str | bytes,
    read: Callable[[], ModuleOp],
    data: Data,
    goal: Goal,
    settings: Settings,
    *,
    accuracy: Accuracy | None = None,
    work: str | None = None,
    name: str = "search",
    progress: Note = lambda done, of: None,
    team: Team | None = None,
    plugins: Sequence[str] = (),
) -> Result:
    """Searches the form of each layer's weights.

    `source` is the float model as LiteRT loads it, `read` returns its module anew. Workers of `team` share what does
    not depend on each other, with the facts of `plugins` in force; the result is the same. Raises `Error` (status 1)
    that says what can be reached if even the least compressed model misses the bound.
    """
    compiler = Compiler(read, settings, data.calibration.samples)
    limit = sum(layer.widths - 1 for layer in compiler.layers) + MOST_FILES
    content = source if isinstance(source, bytes) else read_content(source)
    parts = [(part.samples, part.labels) for part in (data.calibration, data.search, data.check)]
    context = (content, parts, asdict(settings), compiler.pipeline, __version__, platform.machine())
    judged = data.search.first(_SHORT)
    ahead = None if team is None else Sharing(team, source, data.calibration, judged, settings, plugins).evaluate
    evaluations = Evaluations(compiler, Store(work, hashed(context)), limit, progress, ahead)
    short = SnrJudge(source, judged)
    forms = forms_of(evaluations, short, latency=goal.minimize == LATENCY)
    weighed = choices(forms)
    path = path_of(weighed)
    found, holds = _found(path, weighed, evaluations, goal, *_judges(source, data, goal, accuracy))
    kinds = _kinds(found.place)
    if not holds:
        shown = goal.bound.shown(found.value)
        what = f"no model holds {goal.bound}: the least compressed one has {shown} on data that was held out"
        raise Error(what, hint="loosen the bound, or give more data")
    float_bytes = evaluations.size([None] * len(compiler.layers))
    model = evaluations.model(kinds)  # the last one that is compiled: the reports are about it
    unseen = [layer for layer, made in zip(compiler.layers, forms, strict=True) if is_unseen(layer, made)]
    trace = {
        "version": TRACE_VERSION,
        "bound": str(goal.bound),
        "minimize": goal.minimize,
        "samples": {
            "calibration": data.calibration.count,
            "search": data.search.count,
            "check": data.check.count,
            "repeated": data.repeated,
        },
        "float_bytes": float_bytes,
        "path": [_place(place, goal) for place in path],
        "layers": [_described(layer, made) for layer, made in zip(compiler.layers, forms, strict=True)],
        "evaluations": evaluations.records,
        "result": {
            "kinds": evaluations.named(kinds),
            "bytes": len(model),
            "value": found.value,
            "evaluations": evaluations.count,
            "limit": limit,
        },
    }
    return Result(
        model=model,
        rules=compiler.rules(kinds, name),
        value=found.value,
        evaluations=evaluations.count,
        limit=limit,
        reused=evaluations.reused,
        layers=[(layer, text(kind)) for layer, kind in zip(compiler.layers, kinds, strict=True)],
        unseen=unseen,
        trace=json.dumps(_finite(trace), indent=1),
        repeated=data.repeated,
        check=data.check,
        pipeline=compiler.pipeline,
        reports=compiler.reports,
    )


def _found(
    path: Sequence[Place],
    weighed: Sequence[Sequence[Choice[Form]]],
    evaluations: Evaluations,
    goal: Goal,
    search: Judge,
    check: Judge,
) -> tuple[Filled, bool]:
    """The place that is compressed the most, and whether it holds the bound."""

    def measured(place: Place) -> Measured:
        held = evaluations.run("search", _kinds(place), lambda model: asdict(search.measure(model)))
        margin = held["margin"] if goal.margin is None else goal.margin
        return Measured(held["value"], margin, held["bytes"] if goal.minimize == SIZE else cost_of(place))

    def checked(place: Place) -> float:
        held = evaluations.run("check", _kinds(place), lambda model: asdict(check.measure(model)))
        return float(held["value"])

    least = goal.bound.least
    predicted = [] if goal.bound.is_accuracy else [predicted_db(place) for place in path]
    walk = Walk(predicted, least, lambda at: measured(path[at]), lambda at: checked(path[at]))
    found = walk.find(len(path))
    start = Filled(path[found.place], found.value)
    if goal.bound.is_accuracy or not found.holds:
        return start, found.holds
    return fill(start, walk.measured(found.place), weighed, least, measured, checked, walk.left), True


def _judges(source: str | bytes, data: Data, goal: Goal, accuracy: Accuracy | None) -> tuple[Judge, Judge]:
    """The judges of the data of the search and of the data that is held out."""
    if not goal.bound.is_accuracy:
        return SnrJudge(source, data.search), SnrJudge(source, data.check)
    return AccuracyJudge(source, data.search, accuracy), AccuracyJudge(source, data.check, accuracy)


def _kinds(place: Sequence[Choice[Form]]) -> Kinds:
    return tuple(choice.kind.kind for choice in place)


def _place(place: Sequence[Choice[Form]], goal: Goal) -> tuple[float, float | None]:
    """What a place of the path costs beside the float model, and its predicted ratio in dB; None if it has no noise or
    is not measured in dB.
    """
    ratio = math.inf if goal.bound.is_accuracy else predicted_db(place)
    return cost_of(place), ratio if math.isfinite(ratio) else None


def _described(layer: Layer, forms: Sequence[Form]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "elements": layer.elements,
        "forms": [{"kind": text(form.kind), "noise": list(form.noise), "cost": form.cost} for form in forms],
    }


def _finite(value: Any) -> Any:
    """The value with numbers that JSON does not have as texts."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("Sequence[Any]", value)]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
