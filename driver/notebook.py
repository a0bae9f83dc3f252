"""Shows a module in a notebook: the first lines of its IR, without the bytes of constants and without locations."""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_MOST_LINES = 200
_STYLE = "max-height:32em;overflow:auto;line-height:1.35;white-space:pre"


def as_html(module: ModuleOp) -> Callable[[], str]:
    """A function that returns the HTML of the current state of `module`."""
    reference = weakref.ref(module)  # the module refers to this function, so a strong reference would be a cycle

    def shown() -> str:
        held = reference()
        return "" if held is None else module_html(held)

    return shown


def module_html(module: ModuleOp) -> str:
    """The short IR of `module` as HTML; a module that does not verify is shown too."""
    from tflir.backends.mlir.text import module_text

    lines = module_text(module).splitlines()
    text = html.escape("\n".join(islice(lines, _MOST_LINES)))
    left = len(lines) - _MOST_LINES
    rest = f"\n<i>… {left} more lines: print(module), or tflir.save(module, 'model.mlir')</i>" if left > 0 else ""
    return f'<pre style="{_STYLE}">{text}{rest}</pre>'
