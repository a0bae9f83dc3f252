"""`--trace FILE`: every rewrite as a step of one HTML page, with the lines that it removed, added and changed."""

from __future__ import annotations

import json
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from tflir.backends.files import whole_file
from tflir.opt.lines import Lines
from tflir.opt.trace_page import page
from tflir.passes.base import described
from tflir.passes.rewriting.events import SWEEP, Event


class Trace:
    """Records the rewrites of one run as steps."""

    def __init__(self, module: ModuleOp, title: str) -> None:
        self.title = title
        self._lines = Lines(module)
        self._first = self._lines.all()
        self._steps: list[dict[str, Any]] = []

    def tell(self, event: Event) -> None:
        """Records a rewrite."""
        self._steps.append(
            {
                "pass": event.pass_name,
                "rule": event.rule,
                "root": "" if event.rule == SWEEP else described_root(event),
                "us": round(event.seconds * 1e6, 1),
                "edits": self._lines.after(event),
            }
        )

    def data(self) -> dict[str, Any]:
        """The lines of the program before, and what each step does to them."""
        return {"title": self.title, "lines": self._first, "steps": self._steps}

    def write(self, path: str) -> None:
        """Writes the page."""
        text = json.dumps(self.data(), ensure_ascii=False, separators=(",", ":"))
        with whole_file(path) as out:
            out.write(page(self.title, text.replace("</", "<\\/")).encode("utf-8", "replace"))


def described_root(event: Event) -> str:
    """The op that a rule was tried on, as messages name it."""
    return described(event.root.op)
