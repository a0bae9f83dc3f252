"""Follows single rewrites: stops after some of them, records a trace and times, and explains the rules of a pass."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tflir.commands.terminal import say
from tflir.ir.errors import Error
from tflir.passes.base import described
from tflir.passes.rewriting.events import SWEEP, Event, Observer, Stop, observing
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.opt.trace import Trace
    from tflir.opt.validation import Validation


class Rewrites:
    """The listeners to the rewrites of one run of the command."""

    def __init__(self, arguments: argparse.Namespace, name: str) -> None:
        self.limit: int | None = arguments.stop_after_rewrite
        self.trace_path: str | None = arguments.trace
        self._times: bool = arguments.timing
        self._name = name
        if self.trace_path is not None and arguments.split_input_file:
            raise Error("--trace follows one program", hint="leave out --split-input-file", status=USAGE)

    def within_limit(self, passes: list[ModulePass]) -> list[ModulePass]:
        """The passes to run: none if the program before the first rewrite is requested."""
        return [] if self.limit == 0 else passes

    @contextmanager
    def followed(self, module: ModuleOp, validation: Validation | None = None) -> Generator[None]:
        """Listens while passes run on `module`, validates rewrites, and stops after the rewrite that was requested."""
        trace = self._trace(module)
        told = 0

        def tell(event: Event) -> None:
            nonlocal told
            told = event.number
            if validation is not None:
                validation.after_rewrite(event, module)
            if trace is not None:
                trace.tell(event)
            if event.number == self.limit:
                say(f"note: stopped after rewrite {event.number}: {event_text(event)}")
                raise Stop

        if trace is None and self.limit is None and not self._times and validation is None:
            yield
            return
        try:
            with stopping(tell):
                yield
        finally:
            if trace is not None and self.trace_path is not None:
                trace.write(self.trace_path)
        if self.limit and told < self.limit:
            say(f"warning: --stop-after-rewrite {self.limit}: there are {told} rewrites in all")

    def _trace(self, module: ModuleOp) -> Trace | None:
        if self.trace_path is None:
            return None
        from tflir.opt.trace import Trace

        return Trace(module, f"rewrites of {self._name}")


@contextmanager
def stopping(tell: Observer) -> Generator[None]:
    """Passes rewrites to `tell`, which may stop them by an exception; that ends this block."""
    try:
        with observing(tell):
            yield
    except Stop:
        return


def event_text(event: Event) -> str:
    """`FuseActivation of tfl-optimize on tfl.relu 'y'`."""
    if event.rule == SWEEP:
        return f"all that {event.pass_name} does"
    return f"{event.rule} of {event.pass_name} on {described(event.root.op)}"


def event_lines(event: Event) -> Iterator[str]:
    """The ops before and after the rewrite."""
    yield event_text(event)
    for sign, lines in (("-", event.before()), ("+", event.after())):
        yield from (f"{sign} {line}" for line in lines)
