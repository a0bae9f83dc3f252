"""The base class of tflir's passes: a frozen dataclass whose fields are its options, and which reports what it did.

If a rule does not apply, it says why: `report.decline("weight used by two ops")`. A pass that replaces an op gives the
new op its location, so that the tensor keeps its name.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from tflir.ir.builtin_constants import give_back, take_up
from tflir.ir.errors import USAGE, Error
from tflir.ir.names import place

Progress = Callable[[int, int], None]
Changes = Literal["exact", "rounding", "lossy"]
"""How a pass may change outputs: not at all; by rounding, if it computes in another order; by a loss of precision."""


@dataclass
class RuleReport:
    """What one rule of a pass did: how often it rewrote something, and why it declined."""

    fired: int = 0
    first: str = ""
    """The first op that it rewrote."""
    declined: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    """For each reason, the first op that was not rewritten for it."""
    nearest: str = ""
    """The reason for the op that passed most of the rule's checks before the rule declined."""
    seconds: float = 0.0
    """The time that the rule took, if it was measured."""


@dataclass
class PassReport:
    """What a pass did: counts of its changes, and how often and why rules declined, each with the first op."""

    name: str
    counts: Counter[str] = field(default_factory=Counter[str])
    declined: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    reasons: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """The first reason for each op to which a rule did not apply, by the op as `described` has it."""
    details: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """One entry for each changed tensor, for reports: its name, types and sizes."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    """Further tables for reports, by title, such as the candidates that were considered."""
    only_looked: bool = False
    """The pass is an analysis, which changes nothing: its tables are its result."""

    rules: dict[str, RuleReport] = field(default_factory=dict[str, RuleReport])
    """What each rule did, of passes that have rules."""

    remarks: list[str] = field(default_factory=list[str])
    """Warnings for the user, such as an input that stays float32 though int8 was requested."""

    progress: Progress = field(default=lambda done, of: None, repr=False)
    """Called with the number of steps done and the number of all steps."""

    def count(self, what: str, times: int = 1) -> None:
        """Notes that `what` was done."""
        self.counts[what] += times

    def decline(self, why: str, op: Operation | None = None) -> None:
        """Notes that a rule did not apply, and why."""
        self.declined[why] += 1
        if op is not None:
            name = described(op)
            self.examples.setdefault(why, name)
            self.reasons.setdefault(name, why)

    def table(self, title: str) -> list[dict[str, Any]]:
        """The table with this title; all its rows must have the same columns."""
        return self.tables.setdefault(title, [])

    @property
    def changed(self) -> bool:
        return bool(self.counts)


@dataclass(frozen=True)
class TflPass(ModulePass):
    """A pass that reports. Subclasses set `name` and write `rewrite`."""

    changes: ClassVar[Changes] = "lossy"
    """How far the pass may change the outputs of a program; `tflir-opt --validate-each` checks this."""
    per_function: ClassVar[bool] = False
    """The pass treats each function on its own, so that a pipeline may have it inside `func.func(…)`."""

    @abstractmethod
    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        """Does the pass's work on `module`; it must leave IR that verifies. Raises `Error` naming op and location."""

    def run(self, module: ModuleOp, progress: Progress | None = None) -> PassReport:
        """Runs the pass and returns what it did; `progress` is called with the steps done and the number of steps."""
        take_up(module)
        report = PassReport(self.name)
        if progress is not None:
            progress(0, 1)
            report.progress = progress
        try:
            self.rewrite(module, report)
        except Error as error:
            if not error.what.startswith(self.name):
                error.what = f"{self.name}: {error.what}"
            raise
        return report

    def check_word(self, option: str, given: str, known: Sequence[str]) -> None:
        """Raises `Error` (status 2) if the value of an option is none of the `known` words."""
        if given not in known:
            raise Error(f"pass {self.name}: {option} is one of {', '.join(known)}, not '{given}'", status=USAGE)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Runs the pass for xDSL's own tools: constants in xDSL's form have that form again afterwards."""
        theirs = take_up(op)
        try:
            self.run(op)
        finally:
            if theirs:
                give_back(op)


def described(op: Operation) -> str:
    """An op and the tensor that it makes, such as `tfl.add 'y'`."""
    return f"{op.name} '{place(op)}'"


def fail(what: str, op: Operation, hint: str = "", status: int = 1) -> Error:
    """The error `what` of a pass, with the name and place of `op`; the caller raises it."""
    error = Error(what, op=op.name, location=place(op), hint=hint, status=status)
    error.operation = op
    return error
