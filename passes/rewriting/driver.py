"""Runs rules on a program until none of them applies.

A sweep looks up the rules for the type of each op in a dictionary, and tries the rules in program order on the ops that
have any. After a rewrite, rules are tried again on the ops near it: the new ops, the users of changed values and the
producers of their operands. When no op is left, another sweep checks that no rule applies anywhere, since a rule may
depend on ops that are farther away.
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
"""The limit of rewrites: 10,000, and 16 for each op that rules are tried on. More rewrites mean that they never end."""
_YOUNG = 50_000
"""The number of new objects after which the garbage collector runs, during rewriting."""
_WATCHED = 64
"""The rules that fire in this number of rewrites beyond the limit are named in the error."""


def rewrite(scope: Operation, patterns: Iterable[RewritePattern], report: PassReport | None = None) -> int:
    """Rewrites the ops inside `scope` by rules until none applies; returns the number of rewrites.

    `patterns` are tried on an op in their order until one rewrites something. What they did, and why they declined, is
    added to `report`. An op without side effects is removed when a rewrite removes its last user.
    Raises `Error` that names the rule if a rule fails, or the rules if they never stop rewriting.
    """
    return _Run(scope, RuleTable(patterns), report or PassReport("rewriting")).to_fixpoint()


@contextmanager
def collector_at_rest() -> Generator[None]:
    """Lets the garbage collector run less often while many objects are made and dropped.

    Removed ops refer to each other, so that it can't be turned off; at its usual rate it takes half of the time.
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
        """Runs sweeps until one changes nothing; returns the number of rewrites."""
        with collector_at_rest():
            try:
                while self._sweep():
                    pass
            finally:
                self._tell()
        return self.rewrites

    def _sweep(self) -> bool:
        """Tries rules on all ops, and again on the ops near each rewrite; returns whether anything changed."""
        before = self.rewrites
        self._stack = self._candidates()
        self._queued = set(map(id, self._stack))
        self._limit = max(self._limit, _LEAST + _PER_OP * len(self._stack))
        self._process()
        return self.rewrites != before

    def _candidates(self) -> list[Operation]:
        """The ops whose type has rules, in reverse program order, as a stack."""
        ops: list[Operation] = []
        table = self.table

        def collect(block: Block) -> None:
            for op in block.ops:
                if table[type(op)]:
                    ops.append(op)
                if op.regions:
                    for region in op.regions:
                        for inner in region.blocks:
                            collect(inner)

        for region in self.scope.regions:
            for block in region.blocks:
                collect(block)
        ops.reverse()
        return ops

    def _enqueue(self, op: Operation) -> None:
        """Puts an op on the stack if its type has rules and it is not there yet."""
        if self.table[type(op)] and id(op) not in self._queued:
            self._queued.add(id(op))
            self._stack.append(op)

    def _process(self) -> None:
        """Tries rules on the ops of the stack until it is empty."""
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
        """The same as `_visit`, and records times and events."""
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
        """Counts a rewrite, and removes the ops that it left without users."""
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
        """Removes ops without side effects that have no user since the rewrite, and those that only these read."""
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
        """Raises an error that names the rules which still fire, after some more rewrites beyond the limit."""
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
        """The error to raise for an exception in a rule; it names the rule."""
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
