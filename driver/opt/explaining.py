"""`--explain PASS[=RULE]` with a model: how often each rule rewrote something, where first, and why it did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

    from tflir.passes.base import PassReport, RuleReport


def explained(asked: str, passes: Sequence[ModulePass], reports: Sequence[PassReport], model: str) -> Iterator[str]:
    """What the pass in question did, rule by rule if it has rules. Raises `Error` for an unknown rule."""
    name, _, rule = asked.partition("=")
    for each, report in zip(passes, reports, strict=True):
        if each.name != name:
            continue
        if rule and rule not in report.rules:
            hint = f"its rules are {', '.join(report.rules)}" if report.rules else "it has no rules"
            raise Error(f"{name} has no rule '{rule}'{near(rule, report.rules)}", hint=hint, status=USAGE)
        yield f"{name} on {model}"
        if not report.rules:
            yield from _of_pass(report)
        for known, told in report.rules.items():
            if rule in ("", known):
                yield from _of_rule(known, told)


def _of_rule(name: str, told: RuleReport) -> Iterator[str]:
    times = "once" if told.fired == 1 else f"{told.fired} times"
    yield f"  {name}"
    yield f"    applied {times}, first to {told.first}" if told.fired else "    not applied"
    for reason, count in told.declined.most_common():
        nearest = ", nearest to applying" if reason == told.nearest and len(told.declined) > 1 else ""
        yield f"    {count} left alone: {reason} (first: {told.examples[reason]}{nearest})"
    if not told.fired and not told.declined:
        yield "    no op was one that it is about"


def _of_pass(report: PassReport) -> Iterator[str]:
    for what, count in report.counts.items():
        yield f"  {count} {what}"
    for reason, count in report.declined.most_common():
        example = report.examples.get(reason)
        yield f"  {count} left alone: {reason}{f' (first: {example})' if example else ''}"
    if not report.counts and not report.declined:
        yield "  nothing was done, and nothing declined"
