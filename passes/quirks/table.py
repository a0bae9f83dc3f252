"""All quirks in one table. `python -m tflir.passes.quirks.table` prints it as it stands in `docs/quirks.md`."""

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
    for one in QUIRKS:
        anchor = one.section.lower().replace(" ", "-")
        yield (
            f"| `{one.name}` | [{one.section}](semantics.md#{anchor}) | {one.tensorflow} | {one.right} | {one.default} "
            f"| `tflir.{one.rule.replace(':', '.')}` |"
        )


if __name__ == "__main__":
    print("\n".join(table()))
