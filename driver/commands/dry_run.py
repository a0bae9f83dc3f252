"""`tflir compile --dry-run`: says what would be done, and writes nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence

from tflir.commands.inputs import check_there
from tflir.converter import Converter
from tflir.data.user_code import file_of, names_function
from tflir.ir.errors import printable
from tflir.options import Options
from tflir.remarks import idle_mode


def plan(converter: Converter, options: Options, outputs: Sequence[str], *, verify: bool) -> Iterator[str]:
    """The lines: the mode, warnings, passes, and what would be written. No data is read and nothing is measured.

    Raises `Error` where the conversion would before it begins.
    """
    for source in (options.representative_dataset, *options.stats):
        if isinstance(source, str):
            check_there(source if not names_function(source) else os.fspath(file_of(source) or os.curdir))
    passes = converter.pipeline()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter.without_trials().choose()
    if not any(remark.startswith("mode: ") for remark in converter.remarks):
        yield f"mode: {idle_mode(options)}"
    yield from converter.remarks
    yield f"passes: {passes or 'none'}"
    if verify:
        yield "would run both models in LiteRT"
    for output in outputs:
        there = " (which is there already)" if os.path.isfile(output) else ""
        yield f"would write {printable(output)}{there}"
