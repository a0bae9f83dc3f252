"""Why rules declined: for each rule its reasons, how many ops were left alone for each, and which came nearest.

A rule may be tried on an op more than once, and rewrite it in the end: the last answer counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Operation

from tflir.passes.base import PassReport, RuleReport, described


@dataclass(frozen=True, slots=True)
class Decline:
    """One answer of a rule on one op."""

    reason: str
    op: Operation
    """The op that is in the way, by default the one that the rule was tried on."""
    line: int
    """Of the rule's code: a later one comes after more checks."""


class Declines:
    """The answers of the rules of one run."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[Operation, Decline]] = {}
        self._firsts: dict[str, str] = {}

    def note(self, rule: str, root: Operation, decline: Decline) -> None:
        """A rule declined to rewrite `root`."""
        answers = self._answers.get(rule)
        if answers is None:
            answers = self._answers[rule] = {}
        answers[root] = decline

    def fired(self, rule: str, root: Operation) -> None:
        """A rule rewrote `root`."""
        if rule not in self._firsts:
            self._firsts[rule] = described(root)
        if (answers := self._answers.get(rule)) is not None:
            answers.pop(root, None)

    def tell(self, report: PassReport, rules: list[str]) -> None:
        """Adds to `report` what is known of each rule, and the reasons for ops that are still there."""
        for name in rules:
            told = report.rules.setdefault(name, RuleReport())
            told.first = told.first or self._firsts.get(name, "")
            line = 0
            for root, decline in self._answers.get(name, {}).items():
                if root.parent is None:
                    continue
                report.decline(decline.reason, decline.op)
                told.declined[decline.reason] += 1
                told.examples.setdefault(decline.reason, described(decline.op))
                if decline.line > line:
                    line, told.nearest = decline.line, decline.reason
