"""Collects the facts of a model that `tflir inspect` shows, as dataclasses from which JSON is made directly."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    Float32Type,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from tflir.files import load, load_bytes
from tflir.inspected_constants import CONSTANT_OPS, Constant, ConstantFacts, TypeGroup, type_name
from tflir.ir import control, names
from tflir.ir.associated_files import listed
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.placed_bytes import placed_bytes_of
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.schema import schema
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp, NumericVerifyOp
from tflir.ir.tfl.custom import TypedCustomOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.tfl.runtime_versions import latest, min_runtime_version
from tflir.ir.tfl.signature import needed_version
from tflir.ir.types import element_of, schema_name, shape_of

_MIN_RUNTIME = "min_runtime_version"
_FLEX = "Flex"
_CONVERSIONS = ("tfl.dequantize", "tfl.densify")
"""Ops between a stored constant and the op that uses it."""


@dataclass(frozen=True)
class Port:
    """An input or output of a subgraph or signature."""

    name: str
    type: str
    shape: tuple[int, ...] | None
    """-1 for a dynamic dimension; None if the rank is not known."""
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class Subgraph:
    name: str
    operators: int
    inputs: list[Port]
    outputs: list[Port]


@dataclass(frozen=True)
class Signature:
    key: str
    subgraph: str
    inputs: list[Port]
    outputs: list[Port]


@dataclass
class OperatorKind:
    """All uses of one operator; the name of a custom operator is its code."""

    name: str
    custom: bool = False
    flex: bool = False
    """A TensorFlow op that only the Flex delegate runs."""
    count: int = 0
    versions: list[int] = field(default_factory=list[int])
    constant_bytes: int = 0
    """Bytes of the constants whose first use is by this operator."""


@dataclass
class Quantization:
    """How much of the model is quantized, and how."""

    scheme: str = ""
    """In a few words: none, dynamic range, float16 weights, int8 …"""
    per_tensor: int = 0
    per_axis: int = 0
    blockwise: int = 0
    float16_constants: int = 0
    quantized_activations: int = 0
    hybrid_operators: int = 0
    """Operators with quantized weights and float activations."""
    weight_only: int = 0
    """Quantized constants that are dequantized before they are used."""
    float_operators: int = 0


@dataclass(frozen=True)
class Metadata:
    name: str
    bytes: int | None
    """None for metadata that is computed again when the model is written."""


@dataclass
class Inspection:
    """All facts of one model."""

    file: str
    bytes: int
    description: str = ""
    schema_version: int = 0
    min_runtime_version: str = ""
    """The first runtime that has all operators in these versions; empty if that is not known."""
    constant_bytes: int = 0
    metadata_bytes: int = 0
    quantization: Quantization = field(default_factory=Quantization)
    subgraphs: list[Subgraph] = field(default_factory=list[Subgraph])
    signatures: list[Signature] = field(default_factory=list[Signature])
    operators: list[OperatorKind] = field(default_factory=list[OperatorKind])
    types: list[TypeGroup] = field(default_factory=list[TypeGroup])
    constants: list[Constant] = field(default_factory=list[Constant])
    """Constants of at least 1 kB, the largest first."""
    variables: int = 0
    metadata: list[Metadata] = field(default_factory=list[Metadata])
    associated_files: list[str] = field(default_factory=list[str])
    """Names of the files in the zip archive after the model."""
    placed_bytes: int = 0
    """Bytes after the model that operators find by their position: code for an accelerator."""

    @property
    def operator_count(self) -> int:
        return sum(kind.count for kind in self.operators)


def inspect_file(model: str | os.PathLike[str] | bytes) -> Inspection:
    """The facts of a model at a path, or in memory. Raises `Error` if that is not a valid model."""
    if isinstance(model, bytes):
        return inspect_module(load_bytes(model), "", len(model))
    return inspect_module(load(model), os.fspath(model), pathlib.Path(model).stat().st_size)


def inspect_module(module: ModuleOp, file: str, size: int) -> Inspection:
    """The facts of a module that was read from `size` bytes of `file`."""
    inspection = Inspection(file, size)
    _ModuleFacts(module, inspection).gather()
    return inspection


class _ModuleFacts:
    """One walk over a module."""

    def __init__(self, module: ModuleOp, into: Inspection) -> None:
        self.module = module
        self.into = into
        self.functions = [op for op in module.ops if isinstance(op, FuncOp)]
        self.constants = ConstantFacts()
        self.kinds: dict[tuple[str, bool], OperatorKind] = {}
        self.scheme = _Scheme()
        self._unattributed: dict[SSAValue, int] = {}
        self._releases: set[tuple[str, int]] = set()

    def gather(self) -> None:
        into = self.into
        for function in self.functions:
            into.subgraphs.append(self._subgraph(function))
        into.signatures = list(self._signatures())
        into.operators = sorted(self.kinds.values(), key=lambda kind: (-kind.constant_bytes, -kind.count, kind.name))
        into.types = self.constants.groups()
        into.constants = self.constants.large()
        into.constant_bytes = self.constants.bytes
        into.variables = self.constants.variables
        into.quantization = self.scheme.summary(self.constants)
        self._model_facts()

    def _model_facts(self) -> None:
        into, attributes = self.into, self.module.attributes
        if isinstance(description := attributes.get(names.DESCRIPTION), StringAttr):
            into.description = description.data
        if isinstance(version := attributes.get(names.SCHEMA_VERSION), IntegerAttr):
            into.schema_version = cast("IntegerAttr[Any]", version).value.data
        into.min_runtime_version = latest(min_runtime_version(name, version) for name, version in self._releases)
        for name, value in metadata_of(attributes.get(names.METADATA)):
            held = value.blob.nbytes if isinstance(value, ArrayElementsAttr) else None
            into.metadata.append(Metadata(name, None if name == control.METADATA_NAME else held))
            into.metadata_bytes += held or 0
            if name == _MIN_RUNTIME and isinstance(value, ArrayElementsAttr):
                stated = value.blob.view().tobytes().rstrip(b"\0").decode(errors="replace")
                into.min_runtime_version = stated or into.min_runtime_version
        for value in metadata_buffers_of(self.module):
            into.metadata.append(Metadata("", value.blob.nbytes))
            into.metadata_bytes += value.blob.nbytes
        if isinstance(archive := attributes.get(names.ASSOCIATED_FILES), ArrayElementsAttr):
            into.associated_files = listed(archive.blob.view().tobytes())
            into.metadata_bytes += archive.blob.nbytes
        if (code := placed_bytes_of(self.module)) is not None:
            into.placed_bytes = code[1].blob.nbytes

    def _subgraph(self, function: FuncOp) -> Subgraph:
        outputs: list[Port] = []
        self._attached(function.attributes.get(names.UNUSED_TENSORS))
        for extras in function.arg_attrs or ():
            self._attached(extras)
        for argument in function.args:
            self._activation(argument)
        count = 0
        for op in function.body.block.ops:
            if isinstance(op, ReturnOp):
                outputs = [port_of(value) for value in op.arguments]
            elif isinstance(op, CONSTANT_OPS):
                self._unattributed[op.results[0]] = self.constants.add(op)
            elif isinstance(op, TflOp | CustomOp | BuiltinOp | NumericVerifyOp):
                count += 1
                self._operator(op)
        return Subgraph(subgraph_name(function), count, [port_of(value) for value in function.args], outputs)

    def _operator(self, op: Operation) -> None:
        name, custom = operator_name(op)
        version = _version(op)
        kind = self.kinds.setdefault((name, custom), OperatorKind(name, custom, custom and name.startswith(_FLEX)))
        kind.count += 1
        if version not in kind.versions:
            kind.versions = sorted([*kind.versions, version])
        if isinstance(op, TflOp) and not custom:
            self._releases.add((op.INFO.builtin, version))
        bytes_read = sum(self._unattributed.pop(value, 0) for value in op.operands)
        if op.name in _CONVERSIONS:
            self._unattributed[op.results[0]] = bytes_read
        else:
            kind.constant_bytes += bytes_read
        for key in (names.TENSOR, names.INTERMEDIATES):
            self._attached(op.attributes.get(key))
        for result in op.results:
            self._activation(result)
        self.scheme.operator(op)

    def _activation(self, value: SSAValue) -> None:
        if element_of(value.type) is not None:
            self.constants.count_activation(value.type)
            self.scheme.activation(value.type)

    def _attached(self, attr: Attribute | None) -> None:
        """Counts constants in attributes: scales of blocks, tensors that no op reads."""
        if isinstance(attr, ArrayElementsAttr):
            self.constants.add_attached(attr)
        elif isinstance(attr, DictionaryAttr):
            for part in attr.data.values():
                self._attached(part)
        elif isinstance(attr, ArrayAttr):
            for part in cast("ArrayAttr[Attribute]", attr):
                self._attached(part)

    def _signatures(self) -> Iterator[Signature]:
        ports = {
            function.sym_name.data: (subgraph.name, subgraph.inputs, subgraph.outputs)
            for function, subgraph in zip(self.functions, self.into.subgraphs, strict=True)
        }
        signatures = self.module.attributes.get(names.SIGNATURES)
        for entry in cast("ArrayAttr[DictionaryAttr]", signatures) if isinstance(signatures, ArrayAttr) else ():
            symbol = cast(SymbolRefAttr, entry.data["function"]).root_reference.data
            if symbol not in ports:
                continue
            name, inputs, outputs = ports[symbol]
            sides = (_aliased(entry.data[side], of) for side, of in (("inputs", inputs), ("outputs", outputs)))
            yield Signature(cast(StringAttr, entry.data["key"]).data, name, *sides)


class _Scheme:
    """Determines how a model is quantized."""

    def __init__(self) -> None:
        self.found = Quantization()
        self._activation_types: Counter[str] = Counter()

    def activation(self, value_type: Attribute) -> None:
        element = element_of(value_type)
        if isinstance(element, UniformQuantizedType):
            self.found.quantized_activations += 1
            self._activation_types[(schema_name(element) or "").lower()] += 1

    def operator(self, op: Operation) -> None:
        if op.name in ("tfl.quantize", "tfl.dequantize"):
            source = op.operands[0]
            quantized = isinstance(element_of(source.type), UniformQuantizedType)
            constant = isinstance(source, OpResult) and isinstance(source.op, CONSTANT_OPS)
            self.found.weight_only += isinstance(op, DequantizeOp) and quantized and constant
            return
        floats = any(isinstance(element_of(result.type), Float32Type) for result in op.results)
        self.found.float_operators += floats
        if isinstance(op, TflOp) and floats and op.INFO.hybrid:
            weights = (op.operands[i] for i in op.INFO.dynamic_range if i < len(op.operands))
            quantized = any(isinstance(element_of(value.type), UniformQuantizedType) for value in weights)
            self.found.hybrid_operators += quantized

    def summary(self, constants: ConstantFacts) -> Quantization:
        found = self.found
        found.per_tensor, found.per_axis = constants.per_tensor, constants.per_axis
        found.blockwise = constants.blockwise
        found.float16_constants = constants.float16
        found.scheme = self._words()
        return found

    def _words(self) -> str:
        found = self.found
        if self._activation_types:
            usual = self._activation_types.most_common(1)[0][0]
            kind = "int16 activations" if "int16" in self._activation_types else usual
            count = found.float_operators
            return f"{kind}, {count} operator{'s' * (count != 1)} in float" if count else kind
        words: list[str] = []
        if found.hybrid_operators:
            words.append("dynamic range")
        if found.weight_only:
            words.append("weight-only")
        if found.blockwise:
            words.append("blockwise weights")
        if found.float16_constants:
            words.append("float16 weights")
        if not words and found.per_axis + found.per_tensor:
            words.append("quantized constants")
        return ", ".join(words) or "none"


def operator_name(op: Operation) -> tuple[str, bool]:
    """The operator's name, and whether it is custom."""
    if isinstance(op, CustomOp):
        return op.custom_code.data, True
    if isinstance(op, BuiltinOp):
        number = op.code.value.data if op.code is not None else 0
        known = schema().enums["BuiltinOperator"].names.get(number)
        return known.lower() if known else f"builtin {number}", False
    if isinstance(op, TypedCustomOp):
        return op.INFO.custom_code, True
    return op.name.removeprefix("tfl."), isinstance(op, NumericVerifyOp)


def _version(op: Operation) -> int:
    """The operator's version."""
    if isinstance(op, BuiltinOp):
        return op.version.value.data if op.version else 1
    version = needed_version(op)
    if isinstance(kept := op.attributes.get(names.VERSION), IntegerAttr):
        version = max(version, cast("IntegerAttr[Any]", kept).value.data)
    return version


def subgraph_name(function: FuncOp) -> str:
    name = function.attributes.get(names.SUBGRAPH_NAME)
    return (name.data if isinstance(name, StringAttr) else "") or function.sym_name.data


def port_of(value: SSAValue) -> Port:
    """The facts of the tensor of a value."""
    element = element_of(value.type)
    scale = point = None
    if isinstance(element, UniformQuantizedType) and element.layout.scales.ndim == 0:
        scale, point = float(element.layout.scales), int(element.layout.zero_points)
    name = names.name_of(value) or (f"input {value.index}" if isinstance(value, BlockArgument) else "")
    return Port(name, type_name(value.type), shape_of(value.type), scale, point)


def _aliased(pairs: Attribute, ports: list[Port]) -> list[Port]:
    """The ports with the names that a signature gives them."""
    ports_found: list[Port] = []
    for pair in cast("ArrayAttr[ArrayAttr[Any]]", pairs):
        name, position = pair.data
        at = int(position.value.data)
        if 0 <= at < len(ports):
            port = ports[at]
            ports_found.append(Port(name.data, port.type, port.shape, port.scale, port.zero_point))
    return ports_found


def metadata_buffers_of(module: ModuleOp) -> list[ArrayElementsAttr]:
    """The contents of the metadata without a name, but for those of entries with one."""
    held = module.attributes.get(names.METADATA_BUFFERS)
    values = cast("ArrayAttr[Attribute]", held).data if isinstance(held, ArrayAttr) else ()
    return [value for value in values if isinstance(value, ArrayElementsAttr)]


def metadata_of(attr: Attribute | None) -> Iterable[tuple[str, Attribute | None]]:
    """The names and contents in the attribute `names.METADATA`; None for what is computed when the model is written."""
    for pair in cast("ArrayAttr[ArrayAttr[Attribute]]", attr) if isinstance(attr, ArrayAttr) else ():
        name, *value = pair.data
        yield cast(StringAttr, name).data, value[0] if value else None
