"""Passes besides those that the options select: `-p 'a,DEFAULT,b'`, `--before PASS=PIPELINE`, `--after PASS=PIPELINE`.

```
options give          tfl-optimize,tfl-quantize,tfl-post-quantize
-p 'a,DEFAULT'        a,tfl-optimize,tfl-quantize,tfl-post-quantize
--after tfl-quantize='b{x=1},c'
                      tfl-optimize,tfl-quantize,b{x=1},c,tfl-post-quantize
```
If a pass occurs several times in the pipeline, passes are added at each occurrence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.option import shown
from tflir.pipeline_text import DEFAULT, MODULE, USAGE, Step, read_pipeline, written

_PASS_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*+")
Additions = Sequence[tuple[str, str]]
"""Names of passes, each with the pipeline to add next to it."""


def names_default(value: Any) -> bool:
    """Whether a pipeline contains the word DEFAULT as a pass."""
    if not isinstance(value, str) or DEFAULT not in value:
        return False
    try:
        return any(step.name == DEFAULT for step in read_pipeline(value))
    except Error:  # the error is raised when the pipeline is run
        return False


def additions(value: Any) -> tuple[tuple[str, str], ...]:
    """Accepts `PASS=PIPELINE`, a pair of both, a dictionary, or several of these."""
    if isinstance(value, str):
        name, equals, pipeline = value.partition("=")
        if not (equals and _PASS_NAME.fullmatch(name.strip()) and pipeline.strip()):
            raise ValueError(f"{shown(value)} is no PASS=PIPELINE such as tfl-quantize=my-pass{{x=1}}")
        return ((name.strip(), pipeline.strip()),)
    if isinstance(value, Mapping):
        value = list(cast("Mapping[Any, Any]", value).items())
    if not isinstance(value, Iterable):
        raise ValueError(f"{shown(value)} is no PASS=PIPELINE")
    items = list(cast("Iterable[Any]", value))
    if len(items) == 2 and all(isinstance(item, str) and "=" not in item.partition("{")[0] for item in items):
        return additions(f"{items[0]}={items[1]}")
    return tuple(pair for item in items for pair in additions(item))


def extended(first: str, rest: str, passes: str | None, before: Additions, after: Additions) -> tuple[str, str]:
    """The two parts of a pipeline with the added passes: `first` runs before calibration, `rest` after it.

    What precedes DEFAULT in `passes` runs first of all. Raises `Error` (status 2) if the pipeline does not contain a
    pass that another should be added next to.
    """
    parts = [read_pipeline(part) if part else [] for part in (first, rest)]
    if passes is not None:
        leading, trailing = _around_default(passes)
        parts[0 if parts[0] else 1][:0] = leading
        parts[1] += trailing
    names = [step.name for part in parts for step in part]
    for flag, added in (("--before", before), ("--after", after)):
        for name, _ in added:
            if name not in names:
                hint = "tflir compile --print-pipeline prints it"
                raise Error(f"{flag} {name}: the pipeline has no such pass{near(name, names)}", hint=hint, status=USAGE)
    return written(_with(parts[0], before, after)), written(_with(parts[1], before, after))


def extended_first(first: str, passes: str | None, before: Additions, after: Additions) -> str:
    """The first part only, while the rest is not known yet."""
    leading = [] if passes is None else _around_default(passes)[0]
    return written(_with([*leading, *read_pipeline(first)], before, after))


def _around_default(passes: str) -> tuple[list[Step], list[Step]]:
    steps = read_pipeline(passes)
    positions = [number for number, step in enumerate(steps) if step.name == DEFAULT]
    if len(positions) != 1:
        raise Error("--passes names DEFAULT twice", hint="name it once", status=USAGE)
    word = steps[positions[0]]
    if word.options or word.anchor != MODULE:
        hint = "write it by itself: a,DEFAULT,b"
        raise Error(
            f"{DEFAULT} stands for a pipeline: it has no options, and works on the module", hint=hint, status=USAGE
        )
    return steps[: positions[0]], steps[positions[0] + 1 :]


def _with(steps: list[Step], before: Additions, after: Additions) -> list[Step]:
    steps_added: list[Step] = []
    for step in steps:
        steps_added += [each for name, pipeline in before if name == step.name for each in read_pipeline(pipeline)]
        steps_added.append(step)
        steps_added += [each for name, pipeline in after if name == step.name for each in read_pipeline(pipeline)]
    return steps_added
