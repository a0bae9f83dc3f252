"""`tfl-fold-weights`: computes weights that ops make from constants alone, before weights are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue, Use
from xdsl.traits import Pure

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.evaluation import evaluate
from tflir.ir.functions import functions
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import shape_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.canonicalize.fold import (
    SMALL,
    array_of,
    fits,
    fold_constants,
    is_known,
    may_be_computed,
    replace_by_constants,
)
from tflir.passes.canonicalize.unused import remove_unused_ops
from tflir.passes.quantization.facts import KEEP_FLOAT, LEFT_OUT
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.recipes.read import load_recipe
from tflir.passes.recipes.recipe import Recipe
from tflir.passes.recipes.resolve import kind_for
from tflir.passes.rewriting.values import is_float

COMPUTED = "weights computed"
"""The count of weights that are constants now."""
_LARGEST, _LARGEST_MOVED = 1 << 24, 1 << 30
"""The most bytes of a weight that is computed here: by any op, and by ops that only move elements."""
_BYTES, _BITS = 4, 8
"""The bytes of a float or of an integer of a bias, and the bits of a weight for which nothing else is said."""
_LARGER = "stored as integers it would take more bytes than the constants that it is computed from"
_ALSO_FLOAT = "another op reads the constants that it is computed from as floats, so they would be stored beside it"
_RUNTIME = "runtimes may compute other bits"
_LONG = "it takes long to compute"


@dataclass(frozen=True)
class FoldWeightsPass(TflPass):
    """
    Replaces ops of constants whose results other ops read as weights by these weights, so that passes after it can
    store them as integers. Unlike `tfl-canonicalize`, it does so if the constants have other readers too, as the table
    has that a model looks up and multiplies by: the table and its transpose as integers take less than its floats.

    ```mlir
    %r = "tfl.gather"(%table, %i) …
    %w = "tfl.transpose"(%table, %p10) : (tensor<64x48xf32>, tensor<2xi32>) -> tensor<48x64xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) …
    ```
    becomes
    ```mlir
    %r = "tfl.gather"(%table, %i) …
    %w = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<48x64xf32>}> : () -> tensor<48x64xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) …
    ```
    A remark says which weights are computed from constants and stay so, and why.
    """

    name = "tfl-fold-weights"
    changes = "exact"
    per_function = True

    recipe: str = ""
    """The recipe that says which weights become integers; without one, all do that can."""
    min_elements: int = 0
    """Weights of fewer elements stay float, and so are not looked at."""
    integer: bool = False
    """Whether ops read all their operands as integers, and not their weights alone."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        recipe = load_recipe(self.recipe) if self.recipe else None
        readers = _Readers(recipe, self.min_elements, self.integer)
        kept = Counter[str]()
        for function in functions(module):
            fold_constants(function, usual := PassReport(self.name))  # what this leaves alone is looked at below
            report.counts += usual.counts
            _Weights(function, readers).fold(report, kept)
        for why, times in kept.items():
            stay = "1 weight stays" if times == 1 else f"{times} weights stay"
            report.remarks.append(f"{stay} float, computed from constants at each run: {why}")


@dataclass(frozen=True)
class _Readers:
    """Which uses of a float value will read it as integers, and how many bits these have."""

    recipe: Recipe | None
    min_elements: int
    integer: bool

    def bits(self, use: Use) -> int | None:
        """The bits of each element that a use will read as a weight or as a bias; None if it is neither or float."""
        op = use.operation
        if not isinstance(op, TflOp) or LEFT_OUT in op.attributes or KEEP_FLOAT in op.attributes:
            return None
        value = op.operands[use.index]
        if self.integer and op.INFO.bias is not None and use.index == op.INFO.bias[0] and is_float(value):
            return _BYTES * 8
        known = op.INFO.weight_operands if self.integer else op.INFO.dynamic_range
        elements = _elements(value)
        if use.index not in known or not is_float(value) or elements < max(self.min_elements, 1):
            return None
        if self.recipe is None:
            return _BITS
        kind = kind_for(self.recipe, op, elements)
        return None if kind is None else kind.bits

    def reads_integers(self, use: Use) -> bool:
        """Whether a use of a constant does not need it as floats."""
        op = use.operation
        if self.bits(use) is not None:
            return True
        left = LEFT_OUT in op.attributes or KEEP_FLOAT in op.attributes
        return self.integer and isinstance(op, TflOp) and op.INFO.quantizable and not left


@dataclass
class _Group:
    """Ops of constants with results that are read as weights, and the float constants that they share."""

    sources: set[SSAValue] = field(default_factory=set[SSAValue])
    ends: list[Operation] = field(default_factory=list[Operation])


class _Weights:
    """The weights of a function that ops compute from constants."""

    def __init__(self, function: FuncOp, readers: _Readers) -> None:
        self.function = function
        self.readers = readers
        self.sources: dict[Operation, set[SSAValue]] = {}
        """For each op that computes from constants alone: the float constants from which its results follow."""
        for op in function.body.block.ops:
            if op.operands and op.results and not op.regions and op.has_trait(Pure()) and self._of_constants(op):
                self.sources[op] = {source for value in op.operands for source in self._sources_of(value)}

    def _sources_of(self, value: SSAValue) -> set[SSAValue]:
        if isinstance(value, OpResult) and value.op in self.sources:
            return self.sources[value.op]
        return {value} if is_float(value) else set()

    def _of_constants(self, op: Operation) -> bool:
        if all(map(is_constant, op.results)):
            return False  # it restores a constant from the form in which it is stored
        return all(is_constant(value) or value.owner in self.sources for value in op.operands)

    @cached_property
    def leads(self) -> set[Operation]:
        """The ops all of whose results are read as weights, or by such ops."""
        found: set[Operation] = set()
        for op in reversed(self.sources):
            uses = [use for result in op.results for use in result.uses]
            if uses and all(use.operation in found or self.readers.bits(use) is not None for use in uses):
                found.add(op)
        return found

    def fold(self, report: PassReport, kept: Counter[str]) -> None:
        """Replaces the ops of each group by constants, or says why not."""
        folded = False
        for group in self._groups():
            results: dict[Operation, Sequence[Any]] = {}
            if (why := self._why_not(group) or self._compute(group, results)) is not None:
                for op in group.ends:
                    report.decline(why, op)
                    kept[why] += 1
                continue
            for op in group.ends:
                replace_by_constants(op, results[op])
                report.count(COMPUTED)
            folded = True
        if folded:
            remove_unused_ops(self.function, report)

    def _groups(self) -> list[_Group]:
        """The ops whose results are read as weights, grouped by the float constants that they have in common."""
        groups: list[_Group] = []
        for op, sources in self.sources.items():
            if not self._is_end(op):
                continue
            joined = _Group(set(sources), [op])
            for other in [group for group in groups if group.sources & sources]:
                joined.sources |= other.sources
                joined.ends = [*other.ends, *joined.ends]
                groups.remove(other)
            groups.append(joined)
        return groups

    def _is_end(self, op: Operation) -> bool:
        return any(self.readers.bits(use) is not None for result in op.results for use in result.uses)

    def _why_not(self, group: _Group) -> str | None:
        """Why the file would be larger with the weights of a group than with what they are computed from."""
        if not all(op in self.leads for op in group.ends):
            return "another op reads its result as floats"
        freed = [value for value in group.sources if self._is_freed(value)]
        made = sum(map(self._bytes_made, group.ends))
        if made <= max(SMALL, sum(constant.stored_bytes for value in freed if (constant := constant_of(value)))):
            return None
        return _LARGER if len(freed) == len(group.sources) else _ALSO_FLOAT

    def _is_freed(self, value: SSAValue) -> bool:
        """Whether a constant need not be stored as floats if what is computed from it is not computed any more."""
        return all(use.operation in self.leads or self.readers.reads_integers(use) for use in value.uses)

    def _bytes_made(self, op: Operation) -> float:
        """The bytes of the results of an op in the widest of the forms in which they are read."""
        widest = [max((self.readers.bits(use) or 0 for use in result.uses), default=0) for result in op.results]
        return sum(_elements(result) * bits / 8 for result, bits in zip(op.results, widest, strict=True))

    def _compute(self, group: _Group, results: dict[Operation, Sequence[Any]]) -> str | None:
        """Computes the results of the ops of a group, and of those that they read; gives a reason why not."""
        for op in self.sources:
            if op not in self.leads or not (self.sources[op] & group.sources or op in group.ends):
                continue
            moves = isinstance(op, TflOp) and (op.INFO.same_scale or op.INFO.moves_elements)
            if sum(_BYTES * _elements(result) for result in op.results) > (_LARGEST_MOVED if moves else _LARGEST):
                return _LONG
            if not may_be_computed(op):
                return "a control edge or a variable fixes when it is computed"
            arrays = [self._array(value, results) for value in op.operands]
            made = None if any(array is NotImplemented for array in arrays) else evaluate(op, arrays)
            if made is None or not fits(op, made):
                return _RUNTIME
            results[op] = made
        return None

    def _array(self, value: SSAValue, results: dict[Operation, Sequence[Any]]) -> Any:
        """The elements of an operand, None for one that is absent; `NotImplemented` if they are not known."""
        if isinstance(value, OpResult) and value.op in results:
            return results[value.op][value.index]
        if is_known(value.owner):
            return array_of(value.owner)
        constant = constant_of(value)
        if constant is None or names.CONTROL in constant.source.attributes:
            return NotImplemented
        return np.frombuffer(constant.blob.view(), np.float32).reshape(constant.shape)


def _elements(value: SSAValue) -> int:
    """The number of elements of a value; 0 if it is not known."""
    shape = shape_of(value.type)
    return 0 if shape is None or -1 in shape else int(np.prod(shape, dtype=np.int64))
