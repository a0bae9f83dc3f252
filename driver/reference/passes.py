"""The documentation's page of passes, made from their classes: `python -m tflir.reference.passes`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator

from xdsl.passes import ModulePass

from tflir.pass_options import default_text, option_help, option_type, pass_options
from tflir.passes.registry import load_pass, pass_names

_HEAD = """# Passes

Made from the classes in `passes/`. `tflir-opt MODEL -p 'NAME{option=value}'` runs one, `tflir-opt --explain NAME` shows
what stands here, and `tflir compile … --print-pipeline` prints the passes that options mean.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for name in pass_names() for line in _pass(load_pass(name)))])


def _pass(pass_class: type[ModulePass]) -> Iterator[str]:
    yield f"## `{pass_class.name}`"
    yield ""
    yield inspect.cleandoc(pass_class.__doc__ or "")
    yield ""
    options = list(pass_options(pass_class))
    if options:
        help_of = option_help(pass_class)
        yield "| option | type | default | |"
        yield "|---|---|---|---|"
        for each in options:
            default = "" if each.default is dataclasses.MISSING else f"`{default_text(each.default) or ' '}`"
            text = " ".join(help_of.get(each.name, "").split()).replace("|", "\\|")
            kind = option_type(each).replace("|", "\\|")
            yield f"| `{each.name.replace('_', '-')}` | {kind} | {default} | {text} |"
        yield ""


if __name__ == "__main__":
    print(page())
