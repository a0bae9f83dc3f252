"""All quirks in one table. `python -m tflir.passes.quirks.table` prints the table of `docs/quirks.md`."""

from __future__ import annotations

from collections.abc import Iterator

from tflir.passes.quirks.calibration import CALIBRATION
from tflir.passes.quirks.int8 import INT8
from tflir.passes.quirks.int16x8 import INT16X8
from tflir.passes.quirks.quirk import Quirk
from tflir.passes.quirks.sparsity import SPARSITY
from tflir.passes.quirks.weights import WEIGHTS

QUIRKS: tuple[Quirk, ...] = (*CALIBRATION, *INT8, *INT16X8, *WEIGHTS, *SPARSITY)


def table() -> Iterator[str]:
    """The quirks as the rows of a Markdown table."""
    yield "| quirk | rule | TensorFlow | what is right | default | where |"
    yield "|---|---|---|---|---|---|"
    for quirk in QUIRKS:
        section = f"[{quirk.section}](semantics.md#{quirk.section.lower().replace(' ', '-')})"
        rule = f"`tflir.{quirk.rule.replace(':', '.')}`"
        yield f"| `{quirk.name}` | {section} | {quirk.tensorflow} | {quirk.right} | {quirk.default} | {rule} |"


if __name__ == "__main__":
    print("\n".join(table()))
