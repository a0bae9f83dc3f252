"""`--report`: what was done to a model and what it cost, as JSON for machines or one HTML page for people."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tflir.backends.files import check_writable
from tflir.commands.outputs import STDOUT, write_output
from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.layers import Layer
    from tflir.benchmarking import Latency
    from tflir.passes.base import PassReport
    from tflir.quality.auto import Decision
    from tflir.report.layers import Places
    from tflir.report.verify import Verification

JSON_VERSION = 1
"""Increased when a key of the JSON document is removed or changes its meaning."""
ENDINGS = (".json", ".html")
Model = str | os.PathLike[str] | bytes


@dataclass(frozen=True)
class Made:
    """How a model was made."""

    command: tuple[str, ...] = ()
    """The words of the command after `tflir`; none from Python."""
    pipeline: str = ""
    remarks: Sequence[str] = ()
    decisions: Sequence[Decision] = field(default_factory=tuple)
    latency: Latency | None = None
    """None if it was not measured."""
    searched: Mapping[str, Any] | None = None
    """The trace of a search that chose the forms of layers."""


def check_path(path: str | os.PathLike[str]) -> None:
    """Raises `Error` (status 2) before any work if a report of this name can't be written; `-` is standard output."""
    target = pathlib.Path(path)
    if os.fspath(path) == STDOUT:
        return
    if target.suffix.lower() not in ENDINGS:
        raise Error("a report is .json or .html", file=str(target), hint="the ending says what to write", status=USAGE)
    check_writable(target)


def write_report(
    path: str | os.PathLike[str],
    reports: Sequence[PassReport],
    bytes_before: int,
    bytes_after: int,
    *,
    title: str = "",
    made: Made | None = None,
    verification: Verification | None = None,
    models: tuple[Model, Model] | None = None,
) -> None:
    """Writes what the passes did to `path`, in the form that its ending names; to standard output, `-`, as JSON.

    `title` names the model. `verification` adds the differences of outputs and layers from the original's, `models`
    (the original and the compiled one) what is said of them without running them and the picture of the graph. The
    same arguments give the same bytes; a measured latency is left out if the environment gives the date of a
    reproducible build (SOURCE_DATE_EPOCH). Raises `Error` if the ending is neither .json nor .html, if the file can't
    be written, or if one of `models` can't be read.
    """
    from tflir.report.facts import plain, unicode_text, verification_facts, visible_text
    from tflir.report.model_facts import model_facts
    from tflir.report.next_steps import next_steps
    from tflir.report.origin import command_line, date, versions
    from tflir.report.page import page
    from tflir.report.search_section import search_facts

    check_path(path)
    made = made or Made()
    on = date()
    facts: dict[str, Any] = {
        "version": JSON_VERSION,
        "title": title,
        "command": command_line(made.command),
        "versions": versions(),
        "date": on,
        "pipeline": made.pipeline,
        "remarks": list(made.remarks),
        "decisions": [_decision(decision) for decision in made.decisions],
        "bytes_before": bytes_before,
        "bytes_after": bytes_after,
        "latency": None if made.latency is None or on is not None else asdict(made.latency),
        "passes": [_pass_facts(report) for report in reports],
    }
    if made.searched is not None:
        facts["search"] = search_facts(made.searched)
    modules = None if models is None else [_load(model) for model in models]
    if modules is not None:
        facts |= model_facts(modules, (bytes_before, bytes_after))
    if verification is not None:
        facts["verification"] = verification_facts(verification)
    as_json = os.fspath(path) == STDOUT or pathlib.Path(path).suffix.lower() == ".json"
    steps = next_steps(facts, made.command, _paths(models)) if made.command else []
    facts = plain(facts | {"next": [asdict(step) for step in steps]}, unicode_text if as_json else visible_text)
    if as_json:
        text = f"{json.dumps(facts, indent=1, allow_nan=False)}\n"
    else:
        layers = [] if verification is None else verification.layers
        graph, places = (None, []) if modules is None else _picture(modules, os.path.basename(title), layers)
        text = "".join(page(facts, graph, places))
    write_output(path, text.encode())


def _load(model: Model) -> ModuleOp:
    from tflir.files import load, load_bytes

    return load_bytes(model) if isinstance(model, bytes) else load(model)


def _paths(models: tuple[Model, Model] | None) -> tuple[str, str] | None:
    """The paths of both models; None if one of them is in memory."""
    if models is None:
        return None
    before, after = models
    return None if isinstance(before, bytes) or isinstance(after, bytes) else (os.fspath(before), os.fspath(after))


def _picture(modules: Sequence[ModuleOp], title: str, layers: Sequence[Layer]) -> tuple[dict[str, Any], list[Places]]:
    """The data of the compiled model's graph, coloured by the ratios of layers, and the nodes of these."""
    from tflir.report.graph.page import drawn
    from tflir.report.graph.ratios import places_of

    graph, graphs = drawn(modules[1], title, layers, 1)
    return graph, [(None, place) for place in places_of(graphs, layers, 1)]


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "step": decision.step,
        "choice": decision.choice,
        "kept": decision.kept,
        "before_db": decision.before,
        "after_db": decision.after,
        "reason": decision.reason,
    }


def _pass_facts(report: PassReport) -> dict[str, Any]:
    reasons = report.declined.most_common()
    declined = [{"why": why, "times": times, "first": report.examples.get(why, "")} for why, times in reasons]
    return {
        "name": report.name,
        "counts": dict(report.counts),
        "declined": declined,
        "tensors": report.details,
        "tables": report.tables,
    }
