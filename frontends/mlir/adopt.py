"""Converts a module as MLIR and TensorFlow write it: names, signatures and metadata become attributes of tflir.

The original attributes are removed, so that each fact is stored in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    CallSiteLoc,
    DictionaryAttr,
    FusedLoc,
    IntegerAttr,
    LocationAttr,
    ModuleOp,
    NameLoc,
    StringAttr,
    SymbolRefAttr,
    i32,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, OpResult

from tflir.ir import names
from tflir.ir.blob import ArrayBlob
from tflir.ir.builtin_constants import is_tensor_constant, take_constant
from tflir.ir.constants import from_blob
from tflir.ir.types import element_type

_ENTRY = "tf.entry_function"
_EXPORTED = "tf_saved_model.exported_names"
_PATH = "tf_saved_model.index_path"
_SEMANTICS = "tf_saved_model.semantics"


def adopt(module: ModuleOp) -> None:
    """Converts `module`, as it was parsed, to the form that the rest of tflir reads."""
    _take_metadata(module)
    details = _details(module)
    signatures: list[Attribute] = []
    for op in list(module.walk()):
        for key, value in details.get(op.name, {}).items():
            op.attributes.setdefault(key, value)
        if isinstance(op, FuncOp):
            signatures += _take_interface(op)
        elif is_tensor_constant(op):
            take_constant(op)
        elif len(op.results) == 1 and isinstance(op.location, FusedLoc | CallSiteLoc):
            op.location = _one_name(op.location)
    if names.SIGNATURES not in module.attributes and signatures:
        module.attributes[names.SIGNATURES] = ArrayAttr(signatures)
    module.attributes.pop(_SEMANTICS, None)


def _details(module: ModuleOp) -> Mapping[str, Mapping[str, Attribute]]:
    """The details that the module states for all ops of a kind, by the op's name."""
    said = module.attributes.pop(names.OP_DETAILS, None)
    if not isinstance(said, DictionaryAttr):
        return {}
    return {name: details.data for name, details in said.data.items() if isinstance(details, DictionaryAttr)}


def _one_name(location: LocationAttr) -> LocationAttr:
    """The name of a tensor with a fused location: the names of the ops in it, joined as in TensorFlow's exporter."""
    parts = list(dict.fromkeys(_name_parts(location)))
    return names.named(";".join(parts)) if parts else location


def _name_parts(location: Attribute) -> Iterator[str]:
    if isinstance(location, NameLoc) and not location.desc.data.endswith(":"):
        yield location.desc.data
    elif isinstance(location, FusedLoc):
        for part in cast("ArrayAttr[Attribute]", location.locations):
            yield from _name_parts(part)
    elif isinstance(location, CallSiteLoc):
        yield from _name_parts(location.callee)


def _take_metadata(module: ModuleOp) -> None:
    """`{name = "bytes"}` becomes `[["name", dense<…>], …]`, which keeps the order and can hold any bytes."""
    metadata = module.attributes.get(names.METADATA)
    if isinstance(metadata, DictionaryAttr):
        module.attributes[names.METADATA] = ArrayAttr(
            [ArrayAttr([StringAttr(name), _bytes(value)]) for name, value in metadata.data.items()]
        )


def _bytes(value: Attribute) -> Attribute:
    if not isinstance(value, StringAttr):
        return value
    data = np.frombuffer(value.data.encode("utf-8", "surrogateescape"), np.uint8)
    return from_blob(ArrayBlob(data), (data.size,), element_type("UINT8"))


def _take_interface(function: FuncOp) -> Iterator[Attribute]:
    """Names the tensors of an entry function; returns its signatures if it is exported."""
    entry = function.attributes.pop(_ENTRY, None)
    inputs, outputs = _entry_names(entry, "inputs"), _entry_names(entry, "outputs")
    if not function.is_declaration:
        _name_arguments(function, inputs)
        _name_results(function, outputs)
    exported = function.attributes.pop(_EXPORTED, None)
    aliases = (_aliases(function, "arg_attrs", inputs), _aliases(function, "res_attrs", outputs))
    if isinstance(exported, ArrayAttr):
        for key in cast("ArrayAttr[StringAttr]", exported):
            yield DictionaryAttr(
                {
                    "key": key,
                    "function": SymbolRefAttr(function.sym_name),
                    "inputs": aliases[0],
                    "outputs": aliases[1],
                }
            )


def _entry_names(entry: Attribute | None, which: str) -> list[str]:
    found = entry.data.get(which) if isinstance(entry, DictionaryAttr) else None
    return [name.strip() for name in found.data.split(",")] if isinstance(found, StringAttr) and found.data else []


def _name_arguments(function: FuncOp, inputs: Sequence[str]) -> None:
    if len(inputs) == len(function.args):
        for argument, name in zip(function.args, inputs, strict=True):
            argument.location = names.named(name)


def _name_results(function: FuncOp, outputs: Sequence[str]) -> None:
    last = function.body.blocks[0].last_op
    if isinstance(last, ReturnOp) and len(outputs) == len(last.operands):
        for value, name in zip(last.operands, outputs, strict=True):
            if isinstance(value, OpResult) and len(value.op.results) == 1:
                value.op.location = names.named(name)


def _aliases(function: FuncOp, which: str, fallback: Sequence[str]) -> ArrayAttr[Attribute]:
    """`[["alias", position], …]` of the arguments or results, whose index paths are removed."""
    attribute = function.properties.get(which)
    entries = list(cast("ArrayAttr[DictionaryAttr]", attribute)) if isinstance(attribute, ArrayAttr) else []
    aliases: list[Attribute] = []
    for position, entry in enumerate(entries):
        path = entry.data.get(_PATH)
        parts = list(cast("ArrayAttr[Any]", path)) if isinstance(path, ArrayAttr) else []
        if parts:
            aliases.append(_alias(str(parts[0].data), position))
    if aliases:
        left = [DictionaryAttr({k: v for k, v in entry.data.items() if k != _PATH}) for entry in entries]
        function.properties.pop(which)
        if any(entry.data for entry in left):
            function.properties[which] = ArrayAttr(left)
        return ArrayAttr(aliases)
    return ArrayAttr([_alias(name, position) for position, name in enumerate(fallback)])


def _alias(name: str, position: int) -> Attribute:
    return ArrayAttr([StringAttr(name), IntegerAttr(position, i32)])
