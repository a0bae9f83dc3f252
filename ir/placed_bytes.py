"""Bytes beside a model's tables that operators find by their position in the file.

A model that was compiled ahead of time for an accelerator has its machine code behind the tables. The options of its
`DISPATCH_OP` operators, or metadata, say at which byte of the file the code begins, in forms of the accelerator's own
that no pass knows. So these bytes keep their position: a module holds it beside them, and the writer puts them there.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute

from tflir.ir import names
from tflir.ir.blob import CHUNK, Blob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.errors import Error
from tflir.ir.types import element_type

FIND_BY_POSITION = frozenset({"DISPATCH_OP"})
"""Codes of the custom operators that refer to positions in their file."""


def placed_bytes_attribute(position: int, blob: Blob) -> Attribute:
    """The attribute of a module for bytes that stand at `position`."""
    return ArrayAttr([IntegerAttr(position, i64), from_blob(blob, (blob.nbytes,), element_type("UINT8"))])


def first_nonzero(data: memoryview, start: int) -> int:
    """The position of the first byte from `start` on that is not 0; the end of the data if there is none."""
    values = np.frombuffer(data, np.uint8)
    for at in range(start, len(values), CHUNK):
        if (found := values[at : at + CHUNK] != 0).any():
            return at + int(found.argmax())
    return len(values)


def placed_bytes_of(module: ModuleOp) -> tuple[int, ArrayElementsAttr] | None:
    """The position and the bytes; None if the module has none. Raises `Error` if the attribute has another form."""
    held = module.attributes.get(names.PLACED_BYTES)
    if held is None:
        return None
    parts: tuple[Any, ...] = cast("ArrayAttr[Attribute]", held).data if isinstance(held, ArrayAttr) else ()
    if [type(part) for part in parts] != [IntegerAttr, ArrayElementsAttr] or parts[0].value.data < 0:
        raise Error(f"{names.PLACED_BYTES} is no position and bytes", hint="leave it out, or as it was written")
    return parts[0].value.data, parts[1]
