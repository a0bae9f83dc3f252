"""Removes what is not used: pure ops that nothing reads, and functions that nothing calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from tflir.ir.entries import entry_functions
from tflir.ir.functions import functions
from tflir.passes.base import PassReport
from tflir.passes.dead_code import remove_dead_ops


def remove_unused_ops(function: FuncOp, report: PassReport) -> None:
    """Removes the pure ops that nothing reads, and the pure ops that only these read."""
    if removed := remove_dead_ops(function):
        report.count("ops that nothing reads", removed)


def remove_unused_functions(module: ModuleOp, report: PassReport) -> None:
    """Removes private functions that no signature names and to which no other needed function refers."""
    by_name = {function.sym_name.data: function for function in functions(module)}
    wanted = [*entry_functions(module), *(function for function in by_name.values() if not _is_private(function))]
    needed: set[str] = set()
    while wanted:
        function = wanted.pop()
        if function.sym_name.data not in needed:
            needed.add(function.sym_name.data)
            wanted += [by_name[name] for name in _names_in(function) if name in by_name]
    for name, function in by_name.items():
        if name not in needed:
            function.detach()
            function.erase()
            report.count("functions that nothing calls")


def _is_private(function: FuncOp) -> bool:
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def _names_in(function: FuncOp) -> Iterator[str]:
    """Every symbol and every string in the attributes of the function's ops."""
    for op in function.walk():
        if op is not function:
            for attribute in (*op.properties.values(), *op.attributes.values()):
                yield from _names_of(attribute)


def _names_of(attribute: Attribute) -> Iterator[str]:
    if isinstance(attribute, SymbolRefAttr):
        yield attribute.root_reference.data
    elif isinstance(attribute, StringAttr):
        yield attribute.data
    elif isinstance(attribute, ArrayAttr):
        for part in cast("ArrayAttr[Attribute]", attribute).data:
            yield from _names_of(part)
    elif isinstance(attribute, DictionaryAttr):
        for part in attribute.data.values():
            yield from _names_of(part)
