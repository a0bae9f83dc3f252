"""The lines of a program, updated while rewrites change it: each rewrite becomes a list of edits of single lines.

A line is an op, including its regions. Values keep their names; a value that replaces another takes over its name if
that is free, so that only the lines of changed ops change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tflir.backends.mlir.printer import TextPrinter
from tflir.passes.rewriting.events import SWEEP, Event

Edit = tuple[str, int, int, str]
"""`("+", line, line before it or -1, text)`, `("-", line, -1, "")` or `("~", line, -1, text)`."""


class Lines:
    """The lines of one module."""

    def __init__(self, module: ModuleOp) -> None:
        self.module = module
        self._printer = TextPrinter(locations=False, elide=True)
        self._numbers: dict[Operation, int] = {}
        self._texts: dict[int, str] = {}
        self._next = 0
        for op in self._ops():
            self._number(op)

    def all(self) -> list[tuple[int, str]]:
        """All lines, in order."""
        return [(self._numbers[op], self._texts[self._numbers[op]]) for op in self._ops()]

    def after(self, event: Event) -> list[Edit]:
        """The edits of the rewrite that was just done."""
        if event.rule == SWEEP:
            return self._swept()
        removed = [state.op for state in event.removed]
        edits = list(self._removed(removed))
        renamed = [user for _, op in event.changed for user in self._renamed(op)]
        edits += self._added(self._line_of(op) for op in event.added)
        kept = [*event.added, *(op for _, op in event.changed), *event.rewired, *renamed, event.root.op]
        edits += self._changed(line for op in kept if (line := self._line_of(op)) is not None)
        return edits

    def _renamed(self, op: Operation) -> Iterator[Operation]:
        """Renames the results of a changed op; returns the ops that read them."""
        for result in op.results:
            self._printer.forget(result)
            yield from (use.operation for use in result.uses)

    def _swept(self) -> list[Edit]:
        """The edits since the last call, by comparing every line."""
        now = list(self._ops())
        present = set(now)
        edits = list(self._removed([op for op in self._numbers if op not in present]))
        edits += self._added(op for op in now)
        return edits + list(self._changed(now))

    def _ops(self) -> Iterator[Operation]:
        """The ops that have a line: those of the module, and those of its functions."""
        for op in self.module.ops:
            yield op
            if isinstance(op, FuncOp):
                for block in op.body.blocks:
                    yield from block.ops

    def _line_of(self, op: Operation) -> Operation | None:
        """The op whose line contains `op`; None if it is no longer in the module."""
        line: Operation | None = op
        while line is not None:
            owner = line.parent_op()
            if owner is self.module or isinstance(owner, FuncOp):
                return line
            line = owner
        return None

    def _number(self, op: Operation) -> int:
        number = self._numbers[op] = self._next
        self._next += 1
        self._texts[number] = self._text(op)
        return number

    def _removed(self, ops: Iterable[Operation]) -> Iterator[Edit]:
        for op in ops:
            number = self._numbers.pop(op, None)
            if number is not None:
                for result in op.results:
                    self._printer.forget(result)
                del self._texts[number]
                yield "-", number, -1, ""

    def _added(self, ops: Iterable[Operation | None]) -> list[Edit]:
        """Edits that add lines, ordered so that the line before each already exists."""
        edits: list[Edit] = []
        for op in ops:
            new: list[Operation] = []
            while op is not None and op not in self._numbers:
                new.append(op)
                op = _before(op)
            before = -1 if op is None else self._numbers[op]
            for each in reversed(new):
                number = self._number(each)
                edits.append(("+", number, before, self._texts[number]))
                before = number
        return edits

    def _changed(self, ops: Iterable[Operation]) -> Iterator[Edit]:
        for op in dict.fromkeys(ops):
            number = self._numbers[op]
            text = self._text(op)
            if text != self._texts[number]:
                self._texts[number] = text
                yield "~", number, -1, text

    def _text(self, op: Operation) -> str:
        printer = self._printer
        printer.parts.clear()
        if isinstance(op, FuncOp):
            return self._header(op)
        printer.print_op(op)
        text = "".join(printer.parts)
        return f"  {text}" if isinstance(op.parent_op(), FuncOp) else text

    def _header(self, function: FuncOp) -> str:
        """The first line of a function."""
        printer = self._printer
        arguments = [f"%{printer.print_ssa_value(value)}: {printer.text_of(value.type)}" for value in function.args]
        given = [printer.text_of(kind) for kind in function.function_type.outputs]
        results = given[0] if len(given) == 1 else f"({', '.join(given)})"
        return f"func.func @{function.sym_name.data}({', '.join(arguments)}) -> {results}"


def _before(op: Operation) -> Operation | None:
    """The op of the line before: the last in the block, else the function."""
    if op.prev_op is not None:
        before = op.prev_op
        last = before.body.block.last_op if isinstance(before, FuncOp) and before.body.blocks else None
        return last or before
    owner = op.parent_op()
    return owner if isinstance(owner, FuncOp) else None
