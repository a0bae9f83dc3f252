"""`--report`: what each pass did to a model, as JSON for machines or one HTML page for people."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tflir.backends.files import check_writable
from tflir.commands.outputs import STDOUT, write_output
from tflir.ir.errors import Error

if TYPE_CHECKING:
    from tflir.passes.base import PassReport
    from tflir.report.facts import Model
    from tflir.report.verify import Verification

JSON_VERSION = 1
"""Increased when a key of the JSON document is removed or changes its meaning."""
ENDINGS = (".json", ".html")


def check_path(path: str | os.PathLike[str]) -> None:
    """Raises `Error` (status 2) before any work if a report of this name can't be written; `-` is standard output."""
    target = pathlib.Path(path)
    if os.fspath(path) == STDOUT:
        return
    if target.suffix.lower() not in ENDINGS:
        raise Error("a report is .json or .html", file=str(target), hint="the ending says what to write", status=2)
    check_writable(target)


def write_report(
    path: str | os.PathLike[str],
    reports: Sequence[PassReport],
    bytes_before: int,
    bytes_after: int,
    *,
    title: str = "",
    pipeline: str = "",
    verification: Verification | None = None,
    models: tuple[Model, Model] | None = None,
) -> None:
    """Writes what the passes did to `path`, in the form that its ending names; to standard output, `-`, as JSON.

    `title` names the model. `verification` adds the differences of outputs and layers from the original's, `models`
    (the original and the compiled one) the bytes of constants of each kind of op in both. Raises `Error` if the ending
    is neither .json nor .html, if the file can't be written, or if one of `models` can't be read.
    """
    from tflir.report.facts import plain, sizes_by_kind, unicode_text, verification_facts, visible_text
    from tflir.report.page import page

    check_path(path)
    facts: dict[str, Any] = {
        "version": JSON_VERSION,
        "title": title,
        "pipeline": pipeline,
        "bytes_before": bytes_before,
        "bytes_after": bytes_after,
        "passes": [_pass_facts(report) for report in reports],
    }
    if models is not None:
        facts["sizes"] = sizes_by_kind(*models)
    if verification is not None:
        facts["verification"] = verification_facts(verification)
    as_json = os.fspath(path) == STDOUT or pathlib.Path(path).suffix.lower() == ".json"
    facts = plain(facts, unicode_text if as_json else visible_text)
    text = f"{json.dumps(facts, indent=1, allow_nan=False)}\n" if as_json else "".join(page(facts))
    write_output(path, text.encode())


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
