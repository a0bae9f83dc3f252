"""Prints while passes run: the program before and after them, times, statistics, tables of analyses."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tflir.backends.files import made_folder, whole_file
from tflir.backends.mlir import module_text
from tflir.commands.terminal import say
from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.passes.base import PassReport, RuleReport

_ROOT = "builtin_module_no-symbol-name"
"""The folder of the printed modules, with the name that `mlir-opt` gives it."""


class Watcher:
    """The hooks around each pass, and the output at the end. `text` converts a program to text."""

    def __init__(
        self, arguments: argparse.Namespace, passes: list[ModulePass], text: Callable[[ModuleOp], str]
    ) -> None:
        self.arguments = arguments
        self.times: list[tuple[str, float]] = []
        self._rules: dict[int, dict[str, RuleReport]] = {}
        """The reports on the rules of a pass, by the position of the pass among the times."""
        self._untold: list[int] = []
        self._text = text
        self._before_change = arguments.print_ir_before_change
        self._after_change = arguments.print_ir_after_change
        self._before_names: list[str] = arguments.print_ir_before or []
        self._after_names: list[str] = arguments.print_ir_after or []
        self._refuse_unknown([each.name for each in passes])
        kinds = ("before_all", "after_all", "before_change", "after_change", "after_failure")
        asked = any(getattr(arguments, f"print_ir_{kind}") for kind in kinds) or self._before_names or self._after_names
        self._folder: str | None = arguments.print_ir_tree_dir
        self._after_all = arguments.print_ir_after_all or (self._folder is not None and not asked)
        if self._folder is not None and passes:
            made_folder(pathlib.Path(self._folder, _ROOT))
        self._number = -1
        self._full_text = self._printed = ""
        self._started = 0.0

    def _refuse_unknown(self, names: list[str]) -> None:
        for name in (*self._before_names, *self._after_names):
            if name not in names:
                raise Error(f"the pipeline has no pass '{name}'{near(name, names)}", status=USAGE)

    def before(self, each: ModulePass, module: ModuleOp) -> None:
        """Called before each pass."""
        self._number += 1
        if self.arguments.print_ir_before_all or each.name in self._before_names:
            self._dump(each, "Before", "_before", self._text(module))
        if self._before_change or self._after_change:
            self._full_text = module_text(module, locations=True)
            self._printed = self._text(module) if self._before_change else ""
        self._started = time.perf_counter()

    def after(self, each: ModulePass, module: ModuleOp) -> None:
        """Called after each pass, once its result is verified."""
        self._untold.append(len(self.times))
        self.times.append((each.name, time.perf_counter() - self._started))
        watched = self._before_change or self._after_change
        changed = watched and module_text(module, locations=True) != self._full_text
        if changed and self._before_change:
            self._dump(each, "Before", "_before", self._printed)
        if self._after_all or each.name in self._after_names or (changed and self._after_change):
            self._dump(each, "After", "", self._text(module))

    def failed(self, each: ModulePass, module: ModuleOp) -> None:
        """Called after a pass that failed."""
        if self.arguments.print_ir_after_failure:
            self._dump(each, "After", "_failed", self._text(module), " Failed")

    def _dump(self, each: ModulePass, when: str, ending: str, text: str, how: str = "") -> None:
        if self._folder is None:
            print(f"// -----// IR Dump {when} {each.name}{how} //----- //\n{text}", file=sys.stderr)
            return
        path = pathlib.Path(self._folder, _ROOT, f"{self._number}_{each.name}{ending}.mlir")
        with whole_file(str(path)) as out:
            out.write(f"// -----// IR Dump {when} {each.name}{how} //----- //\n{text}".encode())

    # Output at the end.

    def note_rules(self, reports: list[PassReport]) -> None:
        """Keeps the reports on the rules of the passes that ran last, for `say_times`."""
        self._rules.update(zip(self._untold, (report.rules for report in reports), strict=True))
        self._untold.clear()

    def say_statistics(self, reports: list[PassReport]) -> None:
        """Prints what each pass did and declined, with `--pass-statistics`."""
        if self.arguments.pass_statistics:
            for report in reports:
                for line in _statistics(report):
                    say(line)

    @contextmanager
    def timed(self, what: str) -> Generator[None]:
        """Records how long a step other than a pass took."""
        start = time.perf_counter()
        yield
        self.times.append((what, time.perf_counter() - start))

    def say_times(self) -> None:
        """Prints how long each step took, with `--timing`."""
        if not self.arguments.timing:
            return
        total = sum(seconds for _, seconds in self.times)
        print(f"{'seconds':>10}  {'':>6}  step", file=sys.stderr)
        for number, (what, seconds) in enumerate(self.times):
            print(f"{seconds:10.4f}  {seconds / total if total else 0:6.1%}  {what}", file=sys.stderr)
            for name, rule in self._rules.get(number, {}).items():
                part = rule.seconds / total if total else 0
                times = f"  ({rule.fired} rewrites)" if rule.fired else ""
                print(f"{rule.seconds:10.4f}  {part:6.1%}    {name}{times}", file=sys.stderr)
        print(f"{total:10.4f}  {1:6.1%}  in all", file=sys.stderr)


def _statistics(report: PassReport) -> Iterator[str]:
    yield f"{report.name}:"
    for what, times in report.counts.items():
        yield f"  {times:8} {what}"
    for why, times in report.declined.most_common():
        example = report.examples.get(why)
        yield f"  {times:8} left alone: {why}{f' (first: {example})' if example else ''}"
