"""`tflir compile --json`: what was done, for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tflir.report.facts import plain, verification_facts

if TYPE_CHECKING:
    from tflir.converter import Converter
    from tflir.report.verify import Verification

JSON_VERSION = 1
"""Raised when a key of the JSON document changes its meaning or goes."""


def print_compiled(
    converter: Converter,
    model: str,
    output: str,
    sizes: tuple[int, int],
    remarks: Sequence[str],
    verification: Verification | None,
    pruning_db: float | None,
) -> None:
    """Prints what the conversion did; `sizes` are the bytes of the model before and after, `pruning_db` the ratio of
    pruning alone.
    """
    passes = [
        {
            "name": report.name,
            "counts": dict(report.counts),
            "declined": dict(report.declined.most_common()),
            "tables": report.tables,
        }
        for report in converter.reports
    ]
    _print(
        {
            "model": model,
            "output": output,
            "bytes_before": sizes[0],
            "bytes_after": sizes[1],
            "remarks": list(remarks),
            "passes": passes,
            "pruning_db": pruning_db,
            "verification": None if verification is None else verification_facts(verification),
        }
    )


def print_plan(model: str, outputs: Sequence[str], passes: str, remarks: Sequence[str]) -> None:
    """Prints what `--dry-run` says: nothing was written."""
    _print({"model": model, "outputs": list(outputs), "remarks": list(remarks), "pipeline": passes})


def _print(facts: dict[str, Any]) -> None:
    print(json.dumps(plain({"version": JSON_VERSION, **facts}), indent=1, allow_nan=False))
