"""Imports a whole model: its subgraphs become functions, its other fields attributes of the module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i32,
    i64,
)
from xdsl.ir import Attribute

from tflir.frontends.tflite.graph import GraphImport
from tflir.frontends.tflite.mapping import ModelFile
from tflir.frontends.tflite.operators import Operators
from tflir.frontends.tflite.reader import Reader, Record, malformed
from tflir.frontends.tflite.tensors import TensorTypes
from tflir.ir import control, names
from tflir.ir.associated_files import placed, zip_start
from tflir.ir.blob import ArrayBlob, Blob
from tflir.ir.budget import Budget
from tflir.ir.constants import from_blob
from tflir.ir.placed_bytes import FIND_BY_POSITION, first_nonzero, placed_bytes_attribute
from tflir.ir.records import record_to_attribute, refuse_unknown
from tflir.ir.schema import VERSION, schema
from tflir.ir.tfl.attributes import ExternalBuffer
from tflir.ir.tfl.control_flow import SUBGRAPH_FIELDS
from tflir.ir.types import element_type

Signature = tuple[str, Sequence[Attribute], Sequence[Attribute]]
_PLAIN_FIELDS = ("external_buffer_groups", "external_buffers")


def import_model(file: ModelFile) -> ModuleOp:
    """The module of the model in `file`. Raises `Error` if the file is not a valid model."""
    return ModelImport(file).build()


class ModelImport:
    """The import of one file."""

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self._reader = Reader(file.data)
        self._budget = Budget(len(file.data))
        self.model = self._reader.root()
        self.buffers: list[Record] = self.model.get("buffers", [])
        self.subgraphs: list[Record] = self.model.get("subgraphs", [])
        self._base = np.frombuffer(file.data, np.uint8).__array_interface__["data"][0]
        self._signatures: dict[int, Signature] = {}
        self._positions: dict[tuple[int, str], dict[int, int]] = {}
        self._check()
        self.symbols = _symbols(self.subgraphs)

    def _check(self) -> None:
        version = self.model.get("version", 0)
        if version != VERSION:
            raise malformed(f"schema version {version} where {VERSION} must stand")
        if not self.subgraphs:
            raise malformed("the model has no subgraph")
        types = schema().enums["TensorType"].names
        for subgraph in self.subgraphs:
            refuse_unknown("SubGraph", subgraph)
            for index, tensor in enumerate(subgraph.get("tensors", [])):
                self._check_tensor(index, tensor, types)
        refuse_unknown("Model", self.model)

    def _check_tensor(self, index: int, tensor: Record, types: dict[int, str]) -> None:
        name = tensor.get("name", str(index))
        if tensor.get("type", 0) not in types:
            raise malformed(f"tensor '{name}' has unknown type {tensor.get('type')}")
        if tensor.get("buffer", 0) >= max(1, len(self.buffers)):
            raise malformed(f"tensor '{name}' names buffer {tensor['buffer']} of {len(self.buffers)}")
        for field, least in (("shape", 0), ("shape_signature", -1)):
            shape = tensor.get(field)
            if shape is not None and shape.size:
                if int(shape.min()) < least:
                    raise malformed(f"tensor '{name}' has a dimension of {int(shape.min())}")
                if float(np.prod(np.maximum(shape, 1), dtype=np.float64)) > 2**48 or shape.size > 255:
                    raise malformed(f"tensor '{name}' has more elements than any file holds")
        signature, shape = tensor.get("shape_signature"), tensor.get("shape")
        if signature is not None and signature.size and shape is not None and shape.size not in (0, signature.size):
            raise malformed(f"tensor '{name}' has a shape of rank {shape.size} and one of rank {signature.size}")

    def buffer(self, index: int, needed: int | None = None) -> Blob | None:
        """The bytes of buffer `index`, at most the first `needed` ones; None if it has none."""
        if index == 0 or index >= len(self.buffers):
            return None
        record = self.buffers[index]
        refuse_unknown("Buffer", record)
        if (offset := record.get("offset", 0)) > 1:
            size = record.get("size", 0)
            if offset + size > len(self.file.data):
                raise malformed(f"buffer {index} lies at {offset} with {size} bytes, outside the file")
        else:
            data = record.get("data")
            if data is None or not data.size:
                return None
            offset, size = data.__array_interface__["data"][0] - self._base, data.size
        length = size if needed is None else min(size, needed)
        self._budget.spend(length)
        return self.file.blob(offset, length)

    def _bytes_at(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.file.data):
            raise malformed(f"custom options at {offset} with {size} bytes lie outside the file")
        self._reader.spend(size)
        return bytes(self.file.data[offset : offset + size])

    def build(self) -> ModuleOp:
        """The complete module."""
        edges = self._control_edges()
        operators = Operators(self.model.get("operator_codes", []), self._signature, self._bytes_at)
        externals = self._external_buffers()
        self._graphs = [
            GraphImport(
                subgraph,
                TensorTypes(subgraph.get("tensors", []), self.buffer),
                operators,
                externals,
                edges[i] if edges is not None else {},
            )
            for i, subgraph in enumerate(self.subgraphs)
        ]
        public = self._public()
        functions = [
            graph.build(symbol, private=i not in public)
            for i, (graph, symbol) in enumerate(zip(self._graphs, self.symbols, strict=True))
        ]
        return ModuleOp(list(functions), self._attributes(edges is not None))

    def _public(self) -> set[int]:
        """The subgraphs that a caller can run: those of signatures, or, without signatures, those that no
        operator calls.
        """
        signed = {int(record.get("subgraph_index", 0)) for record in self.model.get("signature_defs") or ()}
        return {0, *signed} - self._called() if signed else set(range(len(self.subgraphs))) - self._called()

    def _signature(self, index: int) -> Signature:
        """Name, argument and result types of the function of subgraph `index`."""
        known = self._signatures.get(index)
        if known is None:
            known = self._signatures[index] = self._signature_of(index)
        return known

    def _signature_of(self, index: int) -> Signature:
        if not 0 <= index < len(self._graphs):
            raise malformed(f"an operator calls subgraph {index} of {len(self._graphs)}")
        graph = self._graphs[index]
        return self.symbols[index], graph.input_types(), graph.output_types()

    def _called(self) -> set[int]:
        """The subgraphs that operators call; the others are entry points."""
        called: set[int] = set()
        fields = _subgraph_fields()
        for subgraph in self.subgraphs:
            for operator in subgraph.get("operators", []):
                for field in ("builtin_options", "builtin_options_2"):
                    table, options = operator.get(field) or ("", None)
                    for key in fields.get(table, ()):
                        value: Any = cast(Record, options or {}).get(key, 0)
                        called.update(np.atleast_1d(value).tolist())
        return called - {0}

    def _external_buffers(self) -> dict[int, ExternalBuffer]:
        groups = self.model.get("external_buffer_groups", [])
        found: dict[int, ExternalBuffer] = {}
        for record in self.model.get("external_buffers", []):
            group = record.get("group", 0)
            if group >= len(groups):
                raise malformed(f"external buffer {record.get('id', 0)} is of group {group} of {len(groups)}")
            found[record.get("id", 0)] = ExternalBuffer(
                groups[group].get("name", ""),
                record.get("offset", 0),
                record.get("length", 0),
                record.get("packing", ""),
            )
        return found

    def _metadata(self) -> list[tuple[str, Blob | None]]:
        entries: list[tuple[str, Blob | None]] = []
        for record in self.model.get("metadata", []):
            refuse_unknown("Metadata", record)
            index = record.get("buffer", 0)
            if index >= max(1, len(self.buffers)):
                raise malformed(f"metadata '{record.get('name', '')}' names buffer {index} of {len(self.buffers)}")
            entries.append((record.get("name", ""), self.buffer(index)))
        return entries

    def _unnamed_metadata(self) -> list[Attribute]:
        entries: list[Record] = self.model.get("metadata", [])
        positions: dict[int, int] = {}
        for position, record in enumerate(entries):
            positions.setdefault(record.get("buffer", 0), position)
        listed: npt.NDArray[np.int32] | None = self.model.get("metadata_buffer")
        found: list[Attribute] = []
        for index in () if listed is None else listed.tolist():
            if index in positions:
                found.append(IntegerAttr(positions[index], i64))
            elif index > 0 and (blob := self.buffer(index)) is not None:
                found.append(from_blob(blob, (blob.nbytes,), element_type("UINT8")))
        return found

    def _control_edges(self) -> list[dict[int, list[int]]] | None:
        """For each subgraph, operator → those that must run before it; None if there is no (readable)
        metadata of them.
        """
        blobs = [blob for name, blob in self._metadata() if name == control.METADATA_NAME]
        if len(blobs) != 1 or blobs[0] is None:
            return None
        decoded = control.decode_edges(blobs[0].view().tobytes())
        if decoded is None or len(decoded) != len(self.subgraphs):
            return None
        edges: list[dict[int, list[int]]] = []
        for subgraph, pairs in zip(self.subgraphs, decoded, strict=True):
            count = len(subgraph.get("operators", []))
            if any(not (0 <= first < count and 0 <= second < count) for first, second in pairs):
                return None
            after: dict[int, list[int]] = {}
            for first, second in pairs:
                after.setdefault(second, []).append(first)
            edges.append(after)
        return edges

    def _attributes(self, has_edges: bool) -> dict[str, Attribute]:
        model = self.model
        attributes: dict[str, Attribute] = {names.SCHEMA_VERSION: IntegerAttr(VERSION, i32)}
        if "description" in model:
            attributes[names.DESCRIPTION] = StringAttr(model["description"])
        if model.get("metadata"):
            attributes[names.METADATA] = ArrayAttr(
                [
                    ArrayAttr([StringAttr(name), *_metadata_value(name, blob, has_edges)])
                    for name, blob in self._metadata()
                ]
            )
        if unnamed := self._unnamed_metadata():
            attributes[names.METADATA_BUFFERS] = ArrayAttr(unnamed)
        if signatures := model.get("signature_defs"):
            attributes[names.SIGNATURES] = ArrayAttr([self._signature_def(s) for s in signatures])
        plain = {k: model[k] for k in _PLAIN_FIELDS if k in model and len(model[k])}
        if plain:
            attributes[names.MODEL_FIELDS] = record_to_attribute("Model", plain)
        if (archive := self._associated_files()) is not None:
            attributes[names.ASSOCIATED_FILES] = from_blob(ArrayBlob(archive), archive.shape, element_type("UINT8"))
        if (code := self._placed_bytes()) is not None:
            attributes[names.PLACED_BYTES] = code
        return attributes

    def _placed_bytes(self) -> Attribute | None:
        """What lies between the last byte that a table refers to and the associated files, if operators may refer to
        it by its position; other models have remains of their tables there.
        """
        if not any(code.get("custom_code") in FIND_BY_POSITION for code in self.model.get("operator_codes", [])):
            return None
        options = [
            operator.get("large_custom_options_offset", 0) + operator.get("large_custom_options_size", 0)
            for subgraph in self.subgraphs
            for operator in subgraph.get("operators", [])
        ]
        after = max(self._reader.end, *self._buffer_ends(), *options)
        start, end = first_nonzero(self.file.data, after), zip_start(self.file.data) or len(self.file.data)
        if start >= end:
            return None
        self._budget.spend(end - start)
        return placed_bytes_attribute(start, self.file.blob(start, end - start))

    def _associated_files(self) -> npt.NDArray[np.uint8] | None:
        """The zip archive after the model; one inside a buffer of the model is part of that buffer."""
        start = zip_start(self.file.data)
        if start is None or any(end > start for end in self._buffer_ends()):
            return None
        return np.frombuffer(placed(bytes(self.file.data[start:]), 0), np.uint8)

    def _buffer_ends(self) -> Iterator[int]:
        """The positions in the file where the bytes of the buffers end."""
        for record in self.buffers:
            if record.get("offset", 0) > 1:
                yield record["offset"] + record.get("size", 0)
            elif (data := record.get("data")) is not None and data.size:
                yield data.__array_interface__["data"][0] - self._base + data.size

    def _signature_def(self, record: Record) -> DictionaryAttr:
        refuse_unknown("SignatureDef", record)
        index: int = record.get("subgraph_index", 0)
        key = record.get("signature_key", "")
        if index >= len(self.subgraphs):
            raise malformed(f"signature '{key}' is of subgraph {index} of {len(self.subgraphs)}")
        entries: dict[str, Attribute] = {
            "key": StringAttr(key),
            "function": SymbolRefAttr(self.symbols[index]),
        }
        if "signature_key" not in record:
            entries["no_key"] = UnitAttr()
        if "deprecated_tag" in record:
            entries["tag"] = StringAttr(record["deprecated_tag"])
        for field in ("inputs", "outputs"):
            positions = self._interface(index, field)
            entries[field] = ArrayAttr([_alias(item, positions, key) for item in record.get(field, [])])
        return DictionaryAttr(entries)

    def _interface(self, index: int, field: str) -> dict[int, int]:
        """Tensor → its first position in `field` (inputs or outputs) of subgraph `index`."""
        known = self._positions.get((index, field))
        if known is None:
            known = self._positions[index, field] = {}
            interface = cast(Any, self.subgraphs[index].get(field))
            for position, tensor in enumerate(() if interface is None else interface.tolist()):
                known.setdefault(tensor, position)
        return known


def _alias(record: Record, positions: dict[int, int], key: str) -> Attribute:
    tensor = record.get("tensor_index", 0)
    if tensor not in positions:
        raise malformed(f"signature '{key}': '{record.get('name', '')}' is tensor {tensor}, no input or output")
    return ArrayAttr([StringAttr(record.get("name", "")), IntegerAttr(positions[tensor], i32)])


def _metadata_value(name: str, blob: Blob | None, has_edges: bool) -> list[Attribute]:
    """The bytes of a metadata entry; empty for control edges, which are attributes of the ops."""
    if name == control.METADATA_NAME and has_edges:
        return []
    value: Any = blob if blob is not None else ArrayBlob(np.zeros(0, np.uint8))
    return [from_blob(value, (value.nbytes,), element_type("UINT8"))]


def _symbols(subgraphs: list[Record]) -> list[str]:
    """A symbol for each subgraph: its name, or a new one if the name is empty or already used."""
    symbol_names = [cast(str, subgraph.get("name", "")) for subgraph in subgraphs]
    taken = set(symbol_names)
    used: set[str] = set()
    symbols: list[str] = []
    for index, name in enumerate(symbol_names):
        symbol = name
        if not symbol or symbol in used or not symbol.isprintable():
            symbol = "main" if index == 0 else f"fn_{index}"
            while symbol in taken or symbol in used:
                symbol += "_"
        used.add(symbol)
        symbols.append(symbol)
    return symbols


def _subgraph_fields() -> dict[str, list[str]]:
    """Options table → its fields with indices of subgraphs."""
    fields_of: dict[str, list[str]] = {}
    for key in SUBGRAPH_FIELDS:
        table, field = key.split(".")
        fields_of.setdefault(table, []).append(field)
    return fields_of
