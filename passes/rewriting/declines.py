"""Collects why rules declined: for each rule its reasons, the number of ops for each, and the reason after most checks.

A rule may be tried on an op more than once, and may rewrite it at last: only the last answer counts.
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
    """The op that prevents the rewrite, by default the one that the rule was tried on."""
    line: int
    """The line of the rule's code that declined: a later line means that more checks passed."""


class Declines:
    """The answers of all rules in one run of the driver."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[Operation, Decline]] = {}
        self._firsts: dict[str, str] = {}

    def note(self, rule: str, root: Operation, decline: Decline) -> None:
        """Records that a rule declined to rewrite `root`."""
        answers = self._answers.get(rule)
        if answers is None:
            answers = self._answers[rule] = {}
        answers[root] = decline

    def fired(self, rule: str, root: Operation) -> None:
        """Records that a rule rewrote `root`."""
        if rule not in self._firsts:
            self._firsts[rule] = described(root)
        if (answers := self._answers.get(rule)) is not None:
            answers.pop(root, None)

    def tell(self, report: PassReport, rules: list[str]) -> None:
        """Adds the first rewrite of each rule to `report`, and the reasons for ops that were not removed since."""
        for name in rules:
            rule = report.rules.setdefault(name, RuleReport())
            rule.first = rule.first or self._firsts.get(name, "")
            line = 0
            for root, decline in self._answers.get(name, {}).items():
                if root.parent is None:
                    continue
                report.decline(decline.reason, decline.op)
                rule.declined[decline.reason] += 1
                rule.examples.setdefault(decline.reason, described(decline.op))
                if decline.line > line:
                    line, rule.nearest = decline.line, decline.reason
