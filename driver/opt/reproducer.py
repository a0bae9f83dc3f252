"""Reproducers: files with the program before a pass that failed, and the pipeline that makes it fail again.

`tflir-opt FILE --run-reproducer` runs one of tflir or of `mlir-opt`, which stores the pipeline in resources:
`{-# external_resources: { mlir_reproducer: { pipeline: "builtin.module(…)" } } #-}`.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from tflir.backends.files import whole_file
from tflir.backends.mlir import write_text
from tflir.commands.terminal import say
from tflir.content import STDIN
from tflir.ir.errors import Error
from tflir.pass_options import pass_text
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

_HEAD = "tflir reproducer"
_COMMAND = re.compile(rb"^// (?:tflir-opt|configuration:) ([^\n]*)$", re.MULTILINE)
"""A line of tflir, or of an older `mlir-opt`: `// configuration: -pass-pipeline='…' -verify-each=true`."""
_FLAG = "pass-pipeline="
_MLIR = re.compile(rb"\bmlir_reproducer\s*+:\s*+\{([^{}\"]*+(?:\"(?:[^\"\\]|\\.)*+\"[^{}\"]*+)*+)\}")
_PIPELINE = re.compile(rb'\bpipeline\s*+:\s*+"((?:[^"\\]|\\.)*+)"')
_VERIFY_EACH = re.compile(rb"\bverify_each\s*+:\s*+(true|false)")


def write_reproducer(path: str, source: str, command: str, each: ModulePass, module: ModuleOp) -> None:
    """Writes `module` and the command with which `each` fails on it to `path`, unless another file is there;
    prints a note.
    """
    if not _may_take(path, source):
        say(f"note: no reproducer at {path}: another file is there: name one with --reproducer")
        return
    lines = (f"{_HEAD}: {command}", f"tflir-opt {path} -p {shlex.quote(pass_text(each))}")
    head = "".join(f"// {' '.join(line.splitlines())}\n" for line in lines)
    try:
        with whole_file(path) as out:
            out.write(head.encode("utf-8", "surrogateescape"))
            write_text(module, out)
    except Error as error:
        say(f"note: no reproducer at {path}: {error.what}")
    else:
        say(f"note: the program before {each.name} is in {path}: run it with --run-reproducer")


def pipeline_of(data: bytes, file: str) -> tuple[str, bool | None]:
    """The pipeline in a reproducer, and whether to verify after each pass (None if it does not say)."""
    if (section := _MLIR.search(data)) is not None and (match := _PIPELINE.search(section[1])) is not None:
        verify = _VERIFY_EACH.search(section[1])
        text = match[1].replace(b'\\"', b'"').replace(b"\\22", b'"').replace(b"\\\\", b"\\")
        return _text(text), None if verify is None else verify[1] == b"true"
    for line in _COMMAND.finditer(data):
        try:
            words = shlex.split(_text(line[1]))
        except ValueError:
            continue
        if "-p" in words[:-1]:
            return words[words.index("-p") + 1], None
        for word in words:
            if word.lstrip("-").startswith(_FLAG):
                return word.partition("=")[2], None
    hint = "run its pipeline with -p"
    raise Error("is no reproducer: it names no pipeline", file=file, hint=hint, status=USAGE)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _may_take(path: str, source: str) -> bool:
    """Whether a reproducer may be written to `path`: there is no file, or an older reproducer that is not the input."""
    if not os.path.isfile(path):
        return True
    if source != STDIN and os.path.exists(source) and os.path.samefile(path, source):
        return False
    head = f"// {_HEAD}".encode()
    try:
        with open(path, "rb") as file:
            return file.read(len(head)) == head
    except OSError:
        return False
