"""`--bisect CHECK`: the first rewrite after which a check fails, found by running the pipeline up to some of them.

The check compares outputs on random inputs in the reference interpreter, or it is a command that fails if it ends with
another status than for the original program. If a program in the middle of a pass can't be checked, one near it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tflir.ir.errors import Error
from tflir.opt.interesting import by_command
from tflir.opt.rewrites import event_lines, event_text, stopping
from tflir.pass_manager import run_pipeline
from tflir.passes.rewriting.events import Event, Stop
from tflir.pipeline_text import USAGE
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

Check = Callable[["ModuleOp"], bool | None]
"""Whether a program passes; None if it can't be checked."""
_OUTPUTS = "outputs"
_TOLERANCE = 1e-5
_TRIES = 8
"""How many other programs are tried if one can't be checked."""


def check_of(text: str, module: ModuleOp, *, as_model: bool) -> Check:
    """The check for `outputs`, `outputs=TOLERANCE` or a command, with `module` as the original program."""
    word, equals, tolerance = text.partition("=")
    if word.strip() != _OUTPUTS:
        return by_command(text, module, as_model=as_model, option="--bisect")
    from tflir.opt.outputs_check import outputs_check

    try:
        allowed = float(tolerance) if equals else _TOLERANCE
    except ValueError:
        what = f"--bisect {text}: '{tolerance}' is no number"
        raise Error(what, hint="write outputs=1e-3", status=USAGE) from None
    return outputs_check(module, allowed)


class Bisection:
    """The search for the rewrite in a run of one pipeline on one program."""

    def __init__(self, module: ModuleOp, passes: Sequence[ModulePass], context: Context, check: Check) -> None:
        self.module = module
        self.passes = passes
        self.context = context
        self.check = check
        self.runs = 0

    def answer(self) -> list[str]:
        """The result in words. Raises `Error` if the check does not fail after all rewrites, or fails before them."""
        last = self._after(None)[1]
        if last is None:
            raise Error("the passes rewrite nothing: there is nothing to bisect", status=USAGE)
        total = last.number
        if self._good(total) is not False:
            hint = "name a pipeline after which the check fails"
            raise Error(
                f"the check passes after all {total} rewrites: there is nothing to bisect", hint=hint, status=USAGE
            )
        good, bad = 0, total
        while bad - good > 1 and (tried := self._between(good, bad)) is not None:
            at, passed = tried
            good, bad = (at, bad) if passed else (good, at)
        event = self._after(bad)[1]
        assert event is not None
        if bad - good > 1:
            first = f"between rewrite {good} and rewrite {bad} of {total}, where no program could be checked"
        else:
            first = f"rewrite {bad} of {total}"
        return [
            f"the check fails first after {first} ({self.runs} runs): {event_text(event)}",
            *list(event_lines(event))[1:],
        ]

    def _between(self, good: int, bad: int) -> tuple[int, bool] | None:
        """A rewrite near the middle between two, and whether the check passes after it."""
        middle = (good + bad) // 2
        near = sorted(range(max(good + 1, middle - _TRIES), min(bad, middle + _TRIES)), key=lambda at: abs(at - middle))
        for at in near[:_TRIES]:
            if (passed := self._good(at)) is not None:
                return at, passed
        return None

    def _good(self, count: int) -> bool | None:
        self.runs += 1
        return self.check(self._after(count)[0])

    def _after(self, count: int | None) -> tuple[ModuleOp, Event | None]:
        """The program after `count` rewrites (None: after all), and the last of them."""
        module = snapshot(self.module)
        last: list[Event] = []

        def tell(event: Event) -> None:
            last[:] = [event]
            if event.number == count:
                raise Stop

        with stopping(tell):
            run_pipeline(module, self.passes, verify_each=False, context=self.context)
        return module, last[0] if last else None
