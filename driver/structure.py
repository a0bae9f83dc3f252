"""What differs in the structure of two models: operators, tensors, signatures, metadata and types.

An operator is known by the tensor that it makes. Operators and tensors are matched by name, then by name without what
quantization appends (`x_i8` is `x`), those of the same kind first, then by kind and shape in program order; what has no
match is added or removed.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from tflir.backends.litert.layers import unquantized
from tflir.inspected_constants import CONSTANT_OPS, TypeGroup
from tflir.inspection import (
    Inspection,
    Port,
    inspect_module,
    metadata_buffers_of,
    metadata_of,
    operator_name,
    port_of,
)
from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.placed_bytes import placed_bytes_of
from tflir.ir.tfl.constants import SparseConstOp, SparseQConstOp
from tflir.ir.types import element_of

ADDED, REMOVED, CHANGED, SAME = "added", "removed", "changed", "same"
OPERATOR, TENSOR, SIGNATURE, METADATA = "operator", "tensor", "signature", "metadata"
KINDS = (OPERATOR, TENSOR, SIGNATURE, METADATA)
_TYPE, _SHAPE, _KIND, _VALUES = "type", "shape", "kind", "crc32"
_LONGEST = 60
"""The most characters of a property's value that are kept."""


@dataclass(frozen=True)
class Change:
    """One part of a model that the other lacks, or has otherwise."""

    what: str
    """One of `KINDS`."""
    how: str
    """`added`, `removed` or `changed`."""
    name: str
    """The name in the model that has it; in the first, if both do."""
    before: Mapping[str, str]
    """What it is in the first model; of a change, only what differs. Empty where it is added."""
    after: Mapping[str, str]


@dataclass(frozen=True)
class TypeChange:
    """How many tensors of a type both models have, and the bytes of the constants among them."""

    type: str
    constants: tuple[int, int]
    activations: tuple[int, int]
    bytes: tuple[int, int]


@dataclass(frozen=True)
class Structure:
    """What differs between two models, and what they have in common."""

    changes: list[Change]
    counts: dict[str, dict[str, int]]
    """How many of each of `KINDS` are `same`, `changed`, `added` and `removed`."""
    operators: dict[str, tuple[int, int]]
    """How many operators of each kind both models have."""
    types: list[TypeChange]
    sizes: tuple[int, int]
    """Bytes of both models."""

    @property
    def differing_operators(self) -> dict[str, tuple[int, int]]:
        """The kinds of operators of which both models have different numbers."""
        return {kind: both for kind, both in self.operators.items() if both[0] != both[1]}

    @property
    def differing_types(self) -> list[TypeChange]:
        """The types of which the numbers or the bytes of constants differ."""
        return [one for one in self.types if one.bytes[0] != one.bytes[1] or one.constants[0] != one.constants[1]]

    def changes_of(self, what: str) -> list[Change]:
        """The changes of one of `KINDS`."""
        return [change for change in self.changes if change.what == what]


def plural(what: str) -> str:
    """One of `KINDS` in the plural."""
    return what if what == METADATA else f"{what}s"


@dataclass(frozen=True)
class _Part:
    """An operator, a tensor, a signature or an entry of metadata."""

    where: int
    """The place of its subgraph; 0 for what has none."""
    name: str
    group: Hashable
    """Parts without a name in common match only within a group; None if they never do."""
    facts: dict[str, str] = field(hash=False)
    op: Operation | None = field(default=None, hash=False, compare=False, repr=False)
    """Of an operator."""


@dataclass(frozen=True)
class OperatorPair:
    """An operator of the first model and the one of the second that it is matched with; None where there is none."""

    before: Operation | None
    after: Operation | None
    how: str
    """`same`, `changed`, `added` or `removed`, by their kinds and options."""


def compare_structure(before: ModuleOp, after: ModuleOp, sizes: tuple[int, int] = (0, 0)) -> Structure:
    """The differences of two models of `sizes` bytes."""
    facts = [inspect_module(module, "", size) for module, size in zip((before, after), sizes, strict=True)]
    sides = [_parts(module, inspection) for module, inspection in zip((before, after), facts, strict=True)]
    changes: list[Change] = []
    counts: dict[str, dict[str, int]] = {}
    for what in KINDS:
        counts[what] = dict.fromkeys((SAME, CHANGED, ADDED, REMOVED), 0)
        for mine, its in _matched(sides[0][what], sides[1][what]):
            change = _change(what, mine, its)
            counts[what][change.how if change is not None else SAME] += 1
            if change is not None:
                changes.append(change)
    return Structure(changes, counts, _operators(*facts), list(_types(*facts)), sizes)


def matched_operators(before: ModuleOp, after: ModuleOp) -> Iterator[OperatorPair]:
    """The operators of both models, matched as `compare_structure` matches them."""
    sides = [_parts(module, inspect_module(module, "", 0))[OPERATOR] for module in (before, after)]
    for mine, its in _matched(*sides):
        change = _change(OPERATOR, mine, its)
        how = SAME if change is None else change.how
        yield OperatorPair(None if mine is None else mine.op, None if its is None else its.op, how)


def _change(what: str, mine: _Part | None, its: _Part | None) -> Change | None:
    if mine is None or its is None:
        part = mine or its
        assert part is not None
        facts = part.facts if _KIND not in part.facts else {_KIND: part.facts[_KIND]}
        return Change(what, REMOVED if its is None else ADDED, part.name, facts if mine else {}, facts if its else {})
    before, after = mine.facts, its.facts
    keys = [key for key in before | after if before.get(key, "") != after.get(key, "")]
    for first in (_KIND, _TYPE):  # what differs besides follows from it, as bytes from a shape do
        if first in keys:
            keys = [key for key in keys if key in (first, _SHAPE)]
    if _SHAPE in keys:
        keys = [key for key in keys if key != _VALUES]
    if not keys:
        return None
    return Change(
        what, CHANGED, mine.name, {key: before.get(key, "") for key in keys}, {key: after.get(key, "") for key in keys}
    )


def _matched(before: Sequence[_Part], after: Sequence[_Part]) -> Iterator[tuple[_Part | None, _Part | None]]:
    """Pairs of parts in the order of the first model; then what only the second has."""
    partner: dict[int, _Part] = {}
    left = list(range(len(before)))
    rest = list(after)
    rules: tuple[Callable[[_Part], Hashable], ...] = (
        lambda part: (part.where, part.name, part.facts.get(_KIND)) if part.name else None,
        lambda part: (part.where, unquantized(part.name), part.facts.get(_KIND)) if part.name else None,
        lambda part: (part.where, part.name) if part.name else None,
        lambda part: (part.where, unquantized(part.name)) if part.name else None,
        lambda part: None if part.group is None else (part.where, part.group),
    )
    for rule in rules:
        waiting: dict[Hashable, list[_Part]] = defaultdict(list)
        for part in rest:
            waiting[rule(part)].append(part)
        waiting.pop(None, None)
        for at in left:
            if found := waiting.get(rule(before[at])):
                partner[at] = found.pop(0)
        left = [at for at in left if at not in partner]
        taken = {id(part) for part in partner.values()}
        rest = [part for part in rest if id(part) not in taken]
    yield from ((part, partner.get(at)) for at, part in enumerate(before))
    yield from ((None, part) for part in rest)


def _parts(module: ModuleOp, inspection: Inspection) -> dict[str, list[_Part]]:
    parts: dict[str, list[_Part]] = {what: [] for what in KINDS}
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    for where, function in enumerate(functions):
        for argument in function.args:
            parts[TENSOR].append(_tensor(where, argument))
        for op in function.body.block.ops:
            if isinstance(op, ReturnOp):
                continue
            constant = isinstance(op, CONSTANT_OPS)
            if not constant:
                parts[OPERATOR].append(_operator(where, op))
            parts[TENSOR] += [
                _tensor(where, value, op if constant else None)
                for value in op.results
                if element_of(value.type) is not None
            ]
    parts[SIGNATURE] = list(_signatures(inspection))
    parts[METADATA] = list(_metadata(module))
    return parts


def _operator(where: int, op: Operation) -> _Part:
    kind, _ = operator_name(op)
    made = port_of(op.results[0]) if op.results else None
    facts = {_KIND: kind.upper()} | {key: _short(value) for key, value in op.properties.items()}
    return _Part(
        where, made.name if made is not None else "", (kind, made.shape if made is not None else None), facts, op
    )


def _short(value: Attribute) -> str:
    text = str(value).removeprefix("#tfl<").removeprefix('"').removesuffix('"')
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 9]} {zlib.crc32(text.encode()):08x}"


def _tensor(where: int, value: SSAValue, constant: Operation | None = None) -> _Part:
    port = port_of(value)
    facts = {_TYPE: port.type, _SHAPE: _shape(port)}
    if port.scale is not None:
        facts["scale"], facts["zero point"] = f"{port.scale:.6g}", str(port.zero_point)
    if constant is not None:
        if isinstance(constant, SparseConstOp | SparseQConstOp):
            facts[_TYPE] += " sparse"
        held = constant.properties.get("value")
        facts[_VALUES] = _checksum(held) if isinstance(held, ArrayElementsAttr) else ""
    return _Part(where, port.name, (constant is not None, port.type, port.shape), facts)


def _checksum(value: ArrayElementsAttr) -> str:
    found = 0
    for chunk in value.blob.chunks():
        found = zlib.crc32(chunk.data, found)
    return f"{found:08x}"


def _shape(port: Port) -> str:
    if port.shape is None:
        return "any"
    return "x".join("?" if size < 0 else str(size) for size in port.shape) or "scalar"


def _signatures(inspection: Inspection) -> Iterator[_Part]:
    """The signatures; of a model without any what its first subgraph takes and gives, whose names do not matter."""
    for signature in inspection.signatures:
        yield _Part(0, signature.key, None, {"inputs": _ports(signature.inputs), "outputs": _ports(signature.outputs)})
    if not inspection.signatures and inspection.subgraphs:
        first = inspection.subgraphs[0]
        facts = {"inputs": _ports(first.inputs, named=False), "outputs": _ports(first.outputs, named=False)}
        yield _Part(0, "", "", facts)


def _ports(ports: Iterable[Port], *, named: bool = True) -> str:
    """`x: float32 1x4, y: int8 per-tensor 1`, without names `float32 1x4, …`"""
    return ", ".join(f"{f'{port.name}: ' if named else ''}{port.type} {_shape(port)}" for port in ports)


def _metadata(module: ModuleOp) -> Iterator[_Part]:
    if isinstance(description := module.attributes.get(names.DESCRIPTION), StringAttr):
        yield _Part(0, "description", None, {"text": _short(description)})
    for name, value in metadata_of(module.attributes.get(names.METADATA)):
        if isinstance(value, ArrayElementsAttr):
            yield _Part(0, name, None, _content(value))
        else:
            yield _Part(0, name, None, {})
    for value in metadata_buffers_of(module):
        yield _Part(0, "(no name)", None, _content(value))
    if isinstance(archive := module.attributes.get(names.ASSOCIATED_FILES), ArrayElementsAttr):
        yield _Part(0, "associated files", None, _content(archive))
    if (code := placed_bytes_of(module)) is not None:
        yield _Part(0, "compiled code", None, {"position": str(code[0])} | _content(code[1]))


def _content(value: ArrayElementsAttr) -> dict[str, str]:
    """A short text as it is, else size and checksum."""
    if value.blob.nbytes <= _LONGEST:
        text = value.blob.view().tobytes().rstrip(b"\0").decode("ascii", "replace")
        if text.isprintable() and "\ufffd" not in text:
            return {"text": text}
    return {"bytes": str(value.blob.nbytes), _VALUES: _checksum(value)}


def _operators(before: Inspection, after: Inspection) -> dict[str, tuple[int, int]]:
    mine, its = ({kind.name.upper(): kind.count for kind in side.operators} for side in (before, after))
    return {name: (mine.get(name, 0), its.get(name, 0)) for name in sorted(mine | its)}


def _types(before: Inspection, after: Inspection) -> Iterator[TypeChange]:
    mine, its = ({group.type: group for group in side.types} for side in (before, after))
    for name in mine | its:
        both = [side.get(name, TypeGroup(name)) for side in (mine, its)]
        yield TypeChange(
            name,
            (both[0].constants, both[1].constants),
            (both[0].activations, both[1].activations),
            (both[0].bytes, both[1].bytes),
        )
