"""Runs rules on a program until none of them has anything left to do.

Every op is looked at once for whether any rule is about ops of its type: a dictionary look-up. Those of which some is
are tried in the order of the program. After a rewrite only what is near it is tried again: the new ops, the readers of
changed values and the ops that make what they read. When nothing is left, a last sweep makes sure that no rule applies,
also one that looks further.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from xdsl.ir import Block, Operation
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import NoMemoryEffect
from xdsl.utils.exceptions import DiagnosticException

from tflir.ir import names
from tflir.ir.errors import Error
from tflir.ir.names import place
from tflir.passes.base import PassReport
from tflir.passes.rewriting.declines import Declines
from tflir.passes.rewriting.dispatch import Rule, RuleTable
from tflir.passes.rewriting.events import Recorder
from tflir.passes.rewriting.rewriter import PatternRewriter

_LEAST, _PER_OP = 10_000, 16
"""Rewrites that may happen, and so many for each op that rules are tried on; more mean that rules never settle."""
_YOUNG = 50_000
"""Objects made since the garbage collector last looked."""
_WATCHED = 64
"""Rewrites beyond that by which the rules are named that keep each other going."""


def rewrite(scope: Operation, patterns: Iterable[RewritePattern], report: PassReport | None = None) -> int:
    """Rewrites the ops inside `scope` by rules until none applies; returns how many rewrites that took.

    `patterns` are tried on an op in their order until one rewrites something. What they did, and why they declined, is
    added to `report`. Ops without effects of which a rewrite removed the last reader are removed.
    Raises `Error` naming the rule where one fails, or where rules never come to an end.
    """
    return _Run(scope, RuleTable(patterns), report or PassReport("rewriting")).to_fixpoint()


@contextmanager
def collector_at_rest() -> Generator[None]:
    """Lets the garbage collector look at more objects at a time while many are made and dropped.

    Ops that were removed hold each other, so that it can't be left out; at its usual pace it takes half of the time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _YOUNG), *usual[1:]) if usual[0] else None
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class _Run:
    """One run over one scope."""

    def __init__(self, scope: Operation, table: RuleTable, report: PassReport) -> None:
        self.scope = scope
        self.table = table
        self.report = report
        self.rewrites = 0
        self._limit = 0
        self._late: Counter[str] = Counter()
        self._stack: list[Operation] = []
        self._queued: set[int] = set()
        self._pure: dict[type[Operation], bool] = {}
        self._fired: dict[Rule, int] = {}
        self._seconds: dict[Rule, float] = {}
        self._declines = Declines()
        self._rewriter = PatternRewriter(scope, self._enqueue)
        self._rewriter.recorder = Recorder.now(report.name)

    def to_fixpoint(self) -> int:
        """Sweeps until a sweep changes nothing."""
        with collector_at_rest():
            try:
                while self._sweep():
                    pass
            finally:
                self._tell()
        return self.rewrites

    def _sweep(self) -> bool:
        """Tries rules on all ops, and on what that changes."""
        before = self.rewrites
        self._stack = self._candidates()
        self._queued = set(map(id, self._stack))
        self._limit = max(self._limit, _LEAST + _PER_OP * len(self._stack))
        self._process()
        return self.rewrites != before

    def _candidates(self) -> list[Operation]:
        """The ops of which some rule may be about, the first one last."""
        found: list[Operation] = []
        table = self.table

        def collect(block: Block) -> None:
            for op in block.ops:
                if table[type(op)]:
                    found.append(op)
                if op.regions:
                    for region in op.regions:
                        for inner in region.blocks:
                            collect(inner)

        for region in self.scope.regions:
            for block in region.blocks:
                collect(block)
        found.reverse()
        return found

    def _enqueue(self, op: Operation) -> None:
        """Has rules tried on an op, if any is about ops of its type."""
        if self.table[type(op)] and id(op) not in self._queued:
            self._queued.add(id(op))
            self._stack.append(op)

    def _process(self) -> None:
        """Tries rules until no op is left to be tried."""
        stack, queued, table, rewriter = self._stack, self._queued, self.table, self._rewriter
        visit = self._visit if rewriter.recorder is None else self._visit_recorded
        while stack:
            op = stack.pop()
            queued.discard(id(op))
            if op.parent is not None:
                rewriter.start(op)
                visit(op, table[type(op)])

    def _visit(self, op: Operation, rules: tuple[Rule, ...]) -> None:
        """Tries the rules of an op's type in their order until one rewrites something."""
        rewriter = self._rewriter
        rule = rules[0]
        try:
            for rule in rules:
                rule.match(op, rewriter)
                if rewriter.has_done_action:
                    break
                if rewriter.declined is not None:
                    self._declines.note(rule.name, op, rewriter.declined)
                    rewriter.declined = None
            else:
                return
        except Exception as error:
            raise self._failed(rule, op, error) from error
        self._rewritten(rule, op)

    def _visit_recorded(self, op: Operation, rules: tuple[Rule, ...]) -> None:
        """As `_visit`, with time and events."""
        recorder = self._rewriter.recorder
        assert recorder is not None
        recorder.look_at(op)
        before = self.rewrites
        for rule in rules:
            self._visit(op, (rule,))
            seconds = recorder.lap()
            self._seconds[rule] = self._seconds.get(rule, 0.0) + seconds
            if self.rewrites != before:
                recorder.done(rule.name, seconds)
                return

    def _rewritten(self, rule: Rule, op: Operation) -> None:
        """A rule has rewritten something."""
        rewriter = self._rewriter
        rewriter.declined = None
        self.rewrites += 1
        if (fired := self._fired.get(rule)) is None:
            self._fired[rule] = 1
        else:
            self._fired[rule] = fired + 1
        self._declines.fired(rule.name, op)
        if rewriter.suspects:
            self._remove_dead()
        if self.rewrites > self._limit:
            self._check_settling(rule, op)

    def _remove_dead(self) -> None:
        """Removes ops without effects that nothing reads since the rewrite, and what only they read."""
        rewriter = self._rewriter
        suspects = rewriter.suspects
        while suspects:
            op = suspects.pop()
            if op.parent is None:
                continue
            uses = [result.first_use for result in op.results if result.first_use is not None]
            if uses:
                self._enqueue(op)
                if len(op.results) == 1 and op.results[0].has_one_use():
                    self._enqueue(uses[0].operation)
            elif op.results and self._is_pure(op):
                rewriter.erase(op)

    def _is_pure(self, op: Operation) -> bool:
        kind = type(op)
        pure = self._pure.get(kind)
        if pure is None:
            pure = self._pure[kind] = op.has_trait(NoMemoryEffect, value_if_unregistered=False)
        return pure and names.IS_VARIABLE not in op.attributes and names.CONTROL not in op.attributes

    def _check_settling(self, rule: Rule, op: Operation) -> None:
        """Ends what would never end, naming the rules that fired last."""
        self._late[rule.name] += 1
        if self._late.total() < _WATCHED:
            return
        rules = [f"'{name}'" for name, _ in self._late.most_common(3)]
        who = f"rule {rules[0]} does" if len(rules) == 1 else f"rules {', '.join(rules[:-1])} and {rules[-1]} do"
        raise Error(
            f"{who} not settle: after {self.rewrites} rewrites there is still something to do",
            op=op.name,
            location=place(op),
            hint="a rule must not match what it, or another rule, makes",
        )

    def _failed(self, rule: Rule, op: Operation, error: Exception) -> Error:
        """The error of a rule that raised one, naming it."""
        if isinstance(error, Error):
            return error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = lines[0] if lines else type(error).__name__
        known = isinstance(error, DiagnosticException)
        hint = "" if known else f"this {type(error).__name__} is a bug in the rule; --debug shows where"
        return Error(f"rule {rule.name}: {what}", op=op.name, location=place(op), hint=hint)

    def _tell(self) -> None:
        """Adds to the report what the rules did."""
        self._declines.tell(self.report, [rule.name for rule in self.table.rules])
        for rule, fired in self._fired.items():
            self.report.count(rule.does, fired)
            self.report.rules[rule.name].fired += fired
        for rule, seconds in self._seconds.items():
            self.report.rules[rule.name].seconds += seconds
