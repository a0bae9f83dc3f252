"""The functions of a module that a caller can run: its entry points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.dialects.func import FuncOp

from tflir.ir import names
from tflir.ir.functions import functions


def entry_functions(module: ModuleOp) -> Iterator[FuncOp]:
    """The functions that signatures name; the module's first function if there are no signatures."""
    signatures = module.attributes.get(names.SIGNATURES)
    records = cast("ArrayAttr[Any]", signatures) if isinstance(signatures, ArrayAttr) else ()
    named = {record.data["function"].root_reference.data for record in records}
    for number, function in enumerate(functions(module)):
        if function.sym_name.data in named or (not named and number == 0):
            yield function
