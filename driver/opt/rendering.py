"""Prints errors as compilers do: the line of the source, a caret below it, and notes.

```
error: a.mlir:3:8: tfl-require-integer: has no integer form (tfl.cos 'y')
    %y = "tfl.cos"(%x) : (tensor<4xf32>) -> tensor<4xf32>
         ^
note: a.mlir:1:1: in function @main
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.utils.lexer import Span

from tflir.ir.errors import Error, printable
from tflir.ir.names import op_names, place, text_place

_AT = re.compile(r"^(.*):(\d+):(\d+)$", re.DOTALL)
_WIDEST = 120
"""Columns of a source line that are shown."""

Places = Mapping[Operation, Span]
"""The position of each op in the text."""


def give_place(error: Error, places: Places) -> None:
    """Adds the position in the text and the function to an error about an op that was read from text."""
    if _AT.match(error.file) or (op := _operation(error, places)) is None:
        return
    at = text_place(op) if op not in places else _of_name(op, places[op])
    if not at:
        return
    error.file = at
    function = op
    while function is not None and not isinstance(function, FuncOp):
        function = function.parent_op()
    if function is not None and function is not op and function in places:
        error.notes.append(f"{places[function].get_location()}: in function @{function.sym_name.data}")


def rendered(error: Error, source: bytes | None) -> str:
    """The error with its source line and its notes, ready to be printed after `error: `."""
    lines = [str(error), *(_source_lines(error.file, source) if source is not None else ())]
    return "\n".join([*lines, *(f"note: {printable(note)}" for note in error.notes)])


def _operation(error: Error, places: Places) -> Operation | None:
    """The op that an error is about: itself if it was read from the text, else the op there with the same
    tensor name.
    """
    op = error.operation if isinstance(error.operation, Operation) else None
    if op is not None and (op in places or text_place(op)):
        return op
    name = error.location or (place(op) if op is not None else "")
    if not name:
        return None
    same = (each for each in places if name in op_names(each) and each.name == error.op)
    return next(same, None) or next((each for each in places if name in op_names(each)), None)


def _of_name(op: Operation, span: Span) -> str:
    """The position of an op's name in its line, after the names of its results."""
    at = span.get_location()
    line_end = span.input.content.find("\n", span.start)
    line = span.input.content[span.start : line_end if line_end >= 0 else None]
    generic = f'"{op.name}"' in line
    return f"{at.file}:{at.line}:{at.col + max(line.find(op.name) - generic, 0)}"


def _source_lines(where: str, source: bytes) -> Iterator[str]:
    if (match := _AT.match(where)) is None:
        return
    lines = source.split(b"\n")
    number, column = int(match[2]), int(match[3])
    if not 1 <= number <= len(lines):
        return
    line = lines[number - 1].decode("utf-8", "replace").rstrip("\r").replace("\t", " ")
    start = max(0, column - _WIDEST) if column > _WIDEST else 0
    yield f"  {printable(line[start : start + _WIDEST + _WIDEST // 2])}"
    yield f"  {' ' * (column - 1 - start)}^"
