"""Exports a module as a model's record with its buffers, ready for the writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from tflir.backends.tflite.graph import GraphExport
from tflir.backends.tflite.writer import Writer, lies_outside
from tflir.ir import control, names
from tflir.ir.blob import ArrayBlob, Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.errors import Error
from tflir.ir.placed_bytes import placed_bytes_of
from tflir.ir.records import attribute_to_record
from tflir.ir.schema import VERSION
from tflir.ir.tfl.attributes import ExternalBufferAttr
from tflir.ir.tfl.runtime_versions import latest, min_runtime_version

Record = dict[str, Any]
_MIN_RUNTIME = "min_runtime_version"
_LOCATION = "buffer_location"
_OUTSIDE = b"outside flatbuffers"
_LONGEST_VERSION = 16
_MALFORMED = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""Exceptions from reading malformed attributes, since users can edit text."""


def export_model(module: ModuleOp, *, one_code_per_op: bool = False) -> Writer:
    """The model of `module`, laid out and ready to be written.

    `one_code_per_op` gives all uses of an operator the highest version among them, as TensorFlow does.
    Raises `Error` if the format can't express the module.
    """
    try:
        return ModelExport(module, one_code_per_op).writer()
    except _MALFORMED as error:
        raise Error(
            f"an attribute of the module has not the form it must have ({type(error).__name__}: {error})",
            hint="fix the tfl.… attributes that were edited by hand; --debug shows where it is read",
        ) from error


class ModelExport:
    """The export of one module."""

    def __init__(self, module: ModuleOp, one_code_per_op: bool) -> None:
        self.module = module
        self.one_code_per_op = one_code_per_op
        self.functions = [op for op in module.ops if isinstance(op, FuncOp)]
        if not self.functions:
            raise Error("the module has no function", hint="a model needs at least one func.func")
        self.symbols = {f.sym_name.data: i for i, f in enumerate(self.functions)}
        self.buffers: list[Blob | None] = [None]
        self.codes: list[Record] = []
        self._buffer_indices: dict[Blob, int] = {}
        self._code_indices: dict[Any, int] = {}
        self._metadata_at: dict[int, int] = {}
        """The buffers of the entries of metadata, by their position."""
        self._releases: set[tuple[str, int]] = set()
        self._fields = self._model_fields()

    def _model_fields(self) -> Record:
        fields = self.module.attributes.get(names.MODEL_FIELDS)
        return attribute_to_record("Model", fields) if isinstance(fields, DictionaryAttr) else {}

    def buffer(self, blob: Blob | None, *, keep_empty: bool = False) -> int:
        """The index of a buffer with these bytes; equal bytes share one.

        Without bytes, it is the buffer that marks "no constant", unless `keep_empty` asks for one of no bytes.
        """
        if blob is None or not (blob.nbytes or keep_empty):
            return 0
        index = self._buffer_indices.get(blob)
        if index is None:
            self.buffers.append(blob)
            index = self._buffer_indices[blob] = len(self.buffers) - 1
        return index

    def opcode(self, builtin: str, number: int, custom_code: str | None, version: int) -> int:
        """The index of the operator code of this operator and version."""
        self._releases.add((builtin, version))
        key = (number, custom_code, None if self.one_code_per_op else version)
        index = self._code_indices.get(key)
        if index is None:
            record: Record = {
                "deprecated_builtin_code": min(number, 127),
                "builtin_code": number,
                "version": version,
            }
            if custom_code is not None:
                record["custom_code"] = custom_code
            self.codes.append(record)
            index = self._code_indices[key] = len(self.codes) - 1
        self.codes[index]["version"] = max(self.codes[index]["version"], version)
        return index

    def subgraph(self, symbol: str) -> int:
        """The index of the function `symbol`."""
        index = self.symbols.get(symbol)
        if index is None:
            raise Error(f"no function @{symbol} to call", location=symbol)
        return index

    def external_buffer(self, buffer: ExternalBufferAttr) -> int:
        """The id of an external buffer, which is added to the model if it is new."""
        wanted = buffer.data
        groups = self._fields.setdefault("external_buffer_groups", [])
        listed = self._fields.setdefault("external_buffers", [])
        group = next((i for i, g in enumerate(groups) if g.get("name", "") == wanted.group_name), None)
        if group is None:
            groups.append({"name": wanted.group_name})
            group = len(groups) - 1
        fields = {"group": group, "offset": wanted.offset, "length": wanted.length, "packing": wanted.packing}
        for record in listed:
            if all((record.get(k) or type(v)()) == v for k, v in fields.items()):
                return record["id"]
        identity = max((record.get("id", 0) for record in listed), default=0x80000000) + 1
        listed.append({"id": identity, **fields})
        return identity

    def writer(self) -> Writer:
        graphs = [GraphExport(function, self) for function in self.functions]
        model: Record = {"version": VERSION, "subgraphs": [graph.record() for graph in graphs]}
        model["operator_codes"] = self.codes
        description = self.module.attributes.get(names.DESCRIPTION)
        if isinstance(description, StringAttr):
            model["description"] = description.data
        model |= self._fields
        signatures = self.module.attributes.get(names.SIGNATURES)
        if isinstance(signatures, ArrayAttr):
            model["signature_defs"] = [self._signature(s, model) for s in cast("ArrayAttr[DictionaryAttr]", signatures)]
        if metadata := self._metadata(graphs):
            model["metadata"] = metadata
        if unnamed := self._unnamed_metadata():
            model["metadata_buffer"] = unnamed
        model["buffers"] = self.buffers
        code = placed_bytes_of(self.module)
        return Writer(model, self._associated_files(), None if code is None else (code[0], code[1].blob))

    def _associated_files(self) -> bytes:
        """The zip archive to append; empty for none."""
        archive = self.module.attributes.get(names.ASSOCIATED_FILES)
        if archive is None:
            return b""
        if not isinstance(archive, ArrayElementsAttr):
            raise Error(f"{names.ASSOCIATED_FILES} is no tensor of bytes", hint="leave it out, or as it was written")
        return archive.blob.view().tobytes()

    def _signature(self, attr: DictionaryAttr, model: Record) -> Record:
        entries = attr.data
        function = cast(SymbolRefAttr, entries["function"]).root_reference.data
        index = self.subgraph(function)
        record: Record = {"subgraph_index": index}
        if "no_key" not in entries:
            record["signature_key"] = cast(StringAttr, entries["key"]).data
        if isinstance(tag := entries.get("tag"), StringAttr):
            record["deprecated_tag"] = tag.data
        for field in ("inputs", "outputs"):
            tensors = model["subgraphs"][index][field]
            record[field] = [_alias(item, tensors) for item in cast("ArrayAttr[ArrayAttr[Any]]", entries[field])]
        return record

    def _metadata(self, graphs: list[GraphExport]) -> list[Record]:
        attr = self.module.attributes.get(names.METADATA)
        entries = [
            (cast(StringAttr, pair.data[0]).data, pair.data[1] if len(pair.data) > 1 else None)
            for pair in (cast("ArrayAttr[ArrayAttr[Any]]", attr) if isinstance(attr, ArrayAttr) else ())
        ]
        outside = lies_outside(self.buffers)
        records: list[Record] = []
        for position, (name, value) in enumerate(entries):
            if name == _LOCATION and not outside:
                continue
            records.append({"name": name, "buffer": self._metadata_buffer(name, value, graphs)})
            self._metadata_at[position] = records[-1]["buffer"]
        if outside and not any(name == _LOCATION for name, _ in entries):
            records.append({"name": _LOCATION, "buffer": self._own_buffer(_OUTSIDE)})
        return records

    def _unnamed_metadata(self) -> list[int]:
        """The buffers of metadata without names."""
        found: list[int | None] = []
        held = self.module.attributes.get(names.METADATA_BUFFERS)
        for value in cast("ArrayAttr[Attribute]", held) if isinstance(held, ArrayAttr) else ():
            if isinstance(value, ArrayElementsAttr):
                found.append(self.buffer(value.blob))
            else:
                found.append(self._metadata_at.get(cast("IntegerAttr[Any]", value).value.data))
        return [index for index in found if index]

    def _metadata_buffer(self, name: str, value: Attribute | None, graphs: list[GraphExport]) -> int:
        if name == control.METADATA_NAME and value is None:
            return self._own_buffer(control.encode_edges([graph.edges for graph in graphs]))
        if name == _MIN_RUNTIME:
            least = latest(min_runtime_version(builtin, version) for builtin, version in sorted(self._releases))
            if least:
                return self._own_buffer(least.encode().ljust(_LONGEST_VERSION, b"\0"))
        if isinstance(value, StringAttr):
            return self._own_buffer(value.data.encode("utf-8", "surrogateescape"))
        return self.buffer(value.blob) if isinstance(value, ArrayElementsAttr) else 0

    def _own_buffer(self, data: bytes) -> int:
        return self.buffer(ArrayBlob(np.frombuffer(data, np.uint8)))


def _alias(item: Any, tensors: list[int]) -> Mapping[str, Any]:
    name, position = item.data
    if not 0 <= position.value.data < len(tensors):
        raise Error(f"signature alias '{name.data}' is of position {position.value.data} of {len(tensors)}")
    return {"name": name.data, "tensor_index": tensors[position.value.data]}
