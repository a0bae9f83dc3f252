"""What a pass of tflir is: a frozen dataclass whose fields are its options, and which reports counts.

A rule that declines says why: `report.decline("weight used by two ops")`. A pass that replaces an op gives the new one
its location, so that a tensor keeps its name.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from tflir.ir.builtin_constants import give_back, take_up
from tflir.ir.errors import Error
from tflir.ir.names import place

Progress = Callable[[int, int], None]
Changes = Literal["exact", "rounding", "lossy"]
"""What a pass does to outputs: nothing; it computes the same in another order; it gives up precision on purpose."""


@dataclass
class RuleReport:
    """What one rule of a pass did: how often it rewrote something, why it did not, and how near it came."""

    fired: int = 0
    first: str = ""
    """The op that it rewrote first."""
    declined: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    """For each reason, the first op that was left alone for it."""
    nearest: str = ""
    """Of its reasons, that of the op which passed most of the rule's checks."""
    seconds: float = 0.0
    """Time that it took, where that was measured."""


@dataclass
class PassReport:
    """What a pass did: how often each thing, and how often each rule declined, why, and where first."""

    name: str
    counts: Counter[str] = field(default_factory=Counter[str])
    declined: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, str] = field(default_factory=dict[str, str])
    details: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """One entry for each thing done, for reports: tensor, what, sizes."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    """Further tables for reports, by title: what was considered, and the like."""
    only_looked: bool = False
    """The pass is an analysis: its tables are what it was run for."""

    rules: dict[str, RuleReport] = field(default_factory=dict[str, RuleReport])
    """What each rule did, of passes that have rules."""

    remarks: list[str] = field(default_factory=list[str])
    """What a user should hear though nothing failed: an input that stays float32 where int8 was asked for."""

    progress: Progress = field(default=lambda done, of: None, repr=False)
    """Told how far the pass is, and of how much."""

    def count(self, what: str, times: int = 1) -> None:
        """Notes that `what` was done."""
        self.counts[what] += times

    def decline(self, why: str, op: Operation | None = None) -> None:
        """Notes that a rule did not apply, and why."""
        self.declined[why] += 1
        if op is not None:
            self.examples.setdefault(why, described(op))

    def table(self, title: str) -> list[dict[str, Any]]:
        """The table of this title, whose rows have the columns of the first."""
        return self.tables.setdefault(title, [])

    @property
    def changed(self) -> bool:
        return bool(self.counts)


@dataclass(frozen=True)
class TflPass(ModulePass):
    """A pass that reports. Subclasses set `name` and write `rewrite`."""

    changes: ClassVar[Changes] = "lossy"
    """How far it may move the outputs of a program; `tflir-opt --validate-each` holds it to that."""
    per_function: ClassVar[bool] = False
    """It does to a module what it does to each of its functions, so that `func.func(…)` of a pipeline may hold it."""

    @abstractmethod
    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        """Does the pass's work on `module`; it must leave IR that verifies. Raises `Error` naming op and location."""

    def run(self, module: ModuleOp, progress: Progress | None = None) -> PassReport:
        """Runs the pass and returns what it did; `progress` is told how far it is, and of how much."""
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

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """The pass as xDSL's own tools run it: constants of theirs come back as such."""
        theirs = take_up(op)
        try:
            self.run(op)
        finally:
            if theirs:
                give_back(op)


def described(op: Operation) -> str:
    """`tfl.add 'y'`: an op and the tensor that it makes."""
    return f"{op.name} '{place(op)}'"


def fail(what: str, op: Operation, hint: str = "", status: int = 1) -> Error:
    """The error of a pass at `op`."""
    error = Error(what, op=op.name, location=place(op), hint=hint, status=status)
    error.operation = op
    return error
