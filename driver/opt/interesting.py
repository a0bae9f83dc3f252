"""Checks for reduction: whether a pipeline fails on a smaller module in the same way, or a command ends the
same way."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tflir.backends.mlir import write_text
from tflir.ir.errors import Error, said_by_system
from tflir.pass_manager import run_pipeline
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

Interesting = Callable[["ModuleOp"], bool]
_NAMES = re.compile(r"(?<!\w)'[^']*'|s\b|\"[^\"]*\"|@[\w.]+|[-+]?\d[\w.+-]*|tensor<[^ ]*>")
"""Parts of a message that may differ although the failure is the same: names, numbers, types, plurals."""
_SAME = 2
"""How many clauses of the message must be equal: the first two of `tfl-quantize: no scale: at …`."""


def by_pipeline(passes: Sequence[ModulePass], module: ModuleOp, context: Context, *, verify_each: bool) -> Interesting:
    """A check whether the pipeline fails as it does on `module`; the message may differ in names and numbers."""

    def failure(candidate: ModuleOp) -> str | None:
        try:
            run_pipeline(candidate.clone(), passes, verify_each=verify_each, context=context)
        except Error as error:
            clauses = _NAMES.sub("", error.what).split(": ")
            return f"{error.status} {': '.join(clauses[:_SAME])}"
        return None

    expected = failure(module)
    if expected is None:
        hint = "reduce a module on which it does not, or give a test with --reduce-test"
        raise Error("the pipeline does not fail: there is nothing to reduce", hint=hint, status=USAGE)
    return lambda candidate: failure(candidate) == expected


def by_command(command: str, module: ModuleOp, *, as_model: bool, option: str = "--reduce-test") -> Interesting:
    """A check whether `command FILE` ends with the same status as for `module`; FILE is text, or a `.tflite`."""
    words = shlex.split(command)

    def status(candidate: ModuleOp) -> int | None:
        with tempfile.TemporaryDirectory(prefix="tflir-reduce-") as folder:
            path = os.path.join(folder, "candidate.tflite" if as_model else "candidate.mlir")
            try:
                _write(candidate, path, as_model)
            except Error:
                return None
            try:
                return subprocess.run([*words, path], capture_output=True, check=False).returncode
            except OSError as error:
                what = f"{option} {words[0]}: {said_by_system(error)}"
                raise Error(what, hint="name a command", status=USAGE) from None

    expected = status(module)
    if expected is None:
        raise Error("the module can't be written as a .tflite", hint="reduce it as text", status=1)
    return lambda candidate: status(candidate) == expected


def _write(module: ModuleOp, path: str, as_model: bool) -> None:
    if as_model:
        from tflir.files import write

        write(module, path)
        return
    with open(path, "wb") as file:
        write_text(module, file)
