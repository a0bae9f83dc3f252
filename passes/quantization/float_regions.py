"""`tfl-float-regions`: leaves normalizations and the inside of attention in float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from tflir.ir.constness import is_constant
from tflir.ir.functions import functions
from tflir.ir.groups import Groups
from tflir.ir.names import first_name
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, is_quantizable
from tflir.passes.rewriting.values import is_float

_LEAST = 3
"""A region has at least so many ops that do more than move elements: fewer are not worth their conversions."""
# fmt: off
_WIDE = frozenset((
    "BATCH_MATMUL", "DIV", "EXP", "L2_NORMALIZATION", "LOG", "LOG_SOFTMAX", "POW", "RSQRT", "SOFTMAX", "SQRT", "SQUARE",
    "SQUARED_DIFFERENCE", "SUM",
))
# fmt: on
"""Kinds of ops of which a region has at least one: their results spread over many octaves, or cancel."""
NO_REGION = "no region has three ops without weights that float would help"
_WHY = "its region computes in float"
_SHOWN = 3


@dataclass(frozen=True)
class Regions:
    """Regions whose ops are of the same kinds, such as the attention of each layer of a transformer."""

    kinds: tuple[str, ...]
    """The kinds of their ops that do more than move elements, the most frequent ones first."""
    regions: Sequence[Sequence[TflOp]]
    """The ops of each in program order."""

    @property
    def ends(self) -> tuple[str, ...]:
        """The name of the last op of each."""
        return tuple(first_name(region[-1]) for region in self.regions)

    def __str__(self) -> str:
        more = ", …" if len(self.kinds) > _SHOWN else ""
        count = f"{len(self.regions)} x " if len(self.regions) > 1 else ""
        return f"{count}{len(self.regions[0])} ops ({', '.join(self.kinds[:_SHOWN])}{more})"


@dataclass(frozen=True)
class FloatRegionsPass(TflPass):
    """
    Marks ops to stay float in static int8: regions of at least three connected ops without constant weights, one of
    which is a softmax, a square, a reciprocal or the like. As integers each of their results is rounded, while in float
    they add no noise, and no bytes but for the conversions around them.

    ```mlir
    %d = "tfl.squared_difference"(%x, %m) …
    %v = "tfl.mean"(%d, %axes) …
    %r = "tfl.rsqrt"(%v) …
    ```
    becomes
    ```mlir
    %d = "tfl.squared_difference"(%x, %m) {tfl.keep_float = "its region computes in float"} …
    %v = "tfl.mean"(%d, %axes) {tfl.keep_float = "its region computes in float"} …
    %r = "tfl.rsqrt"(%v) {tfl.keep_float = "its region computes in float"} …
    ```
    """

    name = "tfl-float-regions"
    changes = "lossy"

    ends: tuple[str, ...] = ()
    """Only regions that have an op with one of these names; without, all of them."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for region in (region for group in regions_of(module) for region in group.regions):
            if not self.ends or any(first_name(op) in self.ends for op in region):
                for op in region:
                    op.attributes.setdefault(KEEP_FLOAT, StringAttr(_WHY))
                    report.decline(_WHY, op)
                report.count("regions left float")
                report.count("ops left float", len(region))
        if not report.counts["regions left float"]:
            report.remarks.append(f"--float-regions: {NO_REGION}")


def regions_of(module: ModuleOp) -> list[Regions]:
    """The regions of a float module, in the order of their first ops; those of the same kinds of ops are together."""
    found: dict[frozenset[str], list[Sequence[TflOp]]] = {}
    for function in functions(module):
        for region in _connected(op for op in function.body.block.ops if isinstance(op, TflOp) and _belongs(op)):
            kinds = [op.INFO.builtin for op in _computing(region)]
            if len(kinds) >= _LEAST and not _WIDE.isdisjoint(kinds):
                found.setdefault(frozenset(kinds), []).append(region)
    return [_described(regions) for regions in found.values()]


def _described(regions: Sequence[Sequence[TflOp]]) -> Regions:
    kinds = Counter(op.INFO.builtin for region in regions for op in _computing(region))
    return Regions(tuple(kind for kind, _ in kinds.most_common()), regions)


def _computing(region: Iterable[TflOp]) -> Iterator[TflOp]:
    return (op for op in region if not op.INFO.same_scale)


def _belongs(op: TflOp) -> bool:
    """Whether an op has no constant weights, computes on floats, may become an integer op or is beside such ones, and
    has a name.
    """
    floats = any(map(is_float, op.operands)) and any(map(is_float, op.results))
    weights = (op.operands[at] for at in op.INFO.weight_operands if at < len(op.operands))
    known = is_quantizable(op) or op.INFO.builtin in _WIDE
    return floats and known and bool(first_name(op)) and not any(map(is_constant, weights))


def _connected(ops: Iterable[TflOp]) -> Iterator[list[TflOp]]:
    """Groups of ops that read each other's results, each in program order."""
    found = list(ops)
    places: dict[Operation, int] = {op: at for at, op in enumerate(found)}
    groups = Groups(len(found))
    for at, op in enumerate(found):
        for owner in (value.owner for value in op.operands):
            if isinstance(owner, Operation) and owner in places:
                groups.join(places[owner], at)
    return ([found[at] for at in group] for group in groups.all(range(len(found))))
