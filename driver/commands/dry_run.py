"""`tflir compile --dry-run`: says what would be done, and writes nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tflir.commands.inputs import check_there
from tflir.commands.outputs import shown_name
from tflir.converter import Converter
from tflir.data.user_code import file_of, names_function
from tflir.ir.errors import printable
from tflir.options import Options
from tflir.remarks import idle_mode


@dataclass(frozen=True)
class Plan:
    """What a conversion would do."""

    remarks: list[str]
    """The mode and warnings, a line each."""
    passes: str
    """The pipeline in the `-p` syntax; '' for none."""

    def lines(self, outputs: Sequence[str], *, verify: bool) -> Iterator[str]:
        """All of it in words, with the files that would be written."""
        yield from self.remarks
        yield f"passes: {self.passes or 'none'}"
        if verify:
            yield "would run both models in LiteRT"
        for output in outputs:
            there = " (which is there already)" if os.path.isfile(output) else ""
            yield f"would write {printable(shown_name(output))}{there}"


def plan(converter: Converter, options: Options) -> Plan:
    """What the conversion would do. No data is read and nothing is measured.

    Raises `Error` where the conversion would before it begins.
    """
    for source in options.sources:
        if isinstance(source, str):
            check_there(source if not names_function(source) else os.fspath(file_of(source) or os.curdir))
    passes = converter.pipeline()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter.without_trials().choose()
    known = any(remark.startswith("mode: ") for remark in converter.remarks)
    return Plan([*([] if known else [f"mode: {idle_mode(options)}"]), *converter.remarks], passes)
