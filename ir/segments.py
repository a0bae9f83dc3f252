"""A function in parts that can be run one after the other, each as a model of its own."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    Float64Type,
    FunctionType,
    IntegerType,
    ModuleOp,
    SymbolRefAttr,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tflir.ir import names
from tflir.ir.constness import CONSTANTS, is_constant
from tflir.ir.functions import functions
from tflir.ir.types import element_of

_PLAIN: tuple[Attribute, ...] = (
    Float16Type(),
    Float32Type(),
    Float64Type(),
    *(IntegerType(n) for n in (1, 8, 16, 32, 64)),
)
"""The elements of tensors that can be given to a model and taken from it as they are."""


@dataclass(frozen=True)
class Segment:
    """Ops that follow each other in a function; constants belong to the ops that read them."""

    ops: tuple[Operation, ...]
    inputs: tuple[SSAValue, ...]
    """The values that the ops read and that are made before."""
    outputs: tuple[SSAValue, ...]
    """The values that the ops make and that are read after them."""
    last_reads: tuple[SSAValue, ...]
    """The inputs that nothing reads after the ops."""


def segments_of(function: FuncOp, starts: Collection[Operation]) -> list[Segment]:
    """The ops of a function in segments, of which each but the first begins with an op of `starts`.

    A function is not cut where a tensor that is not plain, such as a resource, or a variable would be passed on: then
    an op of `starts` is inside of a segment.
    """
    ops = [op for op in function.body.block.ops if not _is_stored(op)]
    last_read = {value: at for at, op in enumerate(ops) for value in _read(op)}
    cuts: list[int] = []
    if not any(names.CONTROL in op.attributes for op in ops):
        closed = _closed(function, ops, last_read)
        cuts = [at for at, op in enumerate(ops) if at and op in starts and not closed[at]]
    bounds = [0, *cuts, len(ops)]
    return [_segment(ops[start:stop], stop, last_read) for start, stop in itertools.pairwise(bounds)]


def _closed(function: FuncOp, ops: Sequence[Operation], last_read: dict[SSAValue, int]) -> list[bool]:
    """For each op whether the function can't be cut before it."""
    made: dict[SSAValue, int] = {value: -1 for value in function.body.block.args}
    made |= {value: at for at, op in enumerate(ops) for value in op.results}
    for at, op in enumerate(ops):
        for value in _read(op):
            made.setdefault(value, at)  # a variable, which the first op that reads it brings along
    change = [0] * (len(ops) + 1)
    for value, last in last_read.items():
        if _is_variable(value) or not _is_plain(value):
            change[made[value] + 1] += 1
            change[last + 1] -= 1
    return [depth > 0 for depth in itertools.accumulate(change)]


def _is_plain(value: SSAValue) -> bool:
    return element_of(value.type) in _PLAIN


def _is_stored(op: Operation) -> bool:
    """Whether an op only holds a constant or a variable, or changes how a constant is stored."""
    return isinstance(op, CONSTANTS) or (len(op.results) == 1 and is_constant(op.results[0]))


def _read(op: Operation) -> Iterator[SSAValue]:
    """What an op reads that is no constant."""
    return (value for value in _operands(op) if not is_constant(value))


def _operands(op: Operation) -> Iterator[SSAValue]:
    """The operands of an op and what its regions read from outside."""
    yield from op.operands
    for region in op.regions:
        for inner in region.walk():
            yield from (value for value in inner.operands if not op.is_ancestor(value.owner))


def _segment(ops: Sequence[Operation], stop: int, last_read: Mapping[SSAValue, int]) -> Segment:
    """The segment of some ops before op number `stop`; `last_read` has the number of the last op that reads a value."""
    made = {value for op in ops for value in op.results}
    inputs = dict.fromkeys(value for op in ops for value in _read(op) if value not in made and not _is_variable(value))
    body = tuple(op for op in ops if not isinstance(op, ReturnOp))
    outputs = tuple(value for op in body for value in op.results if last_read.get(value, -1) >= stop)
    return Segment(body, tuple(inputs), outputs, tuple(value for value in inputs if last_read[value] < stop))


def _is_variable(value: SSAValue) -> bool:
    return isinstance(value.owner, CONSTANTS)


def module_of(segment: Segment, whole: ModuleOp) -> ModuleOp:
    """A model that computes the outputs of a segment from its inputs, in their order.

    `whole` has the functions that ops of the segment call.
    """
    block = Block(arg_types=[value.type for value in segment.inputs])
    known: dict[SSAValue, SSAValue] = dict(zip(segment.inputs, block.args, strict=True))
    for at, argument in enumerate(block.args):
        argument.location = names.named(f"input_{at}")
    for op in segment.ops:
        _copy(op, known, block)
    results = [known[value] for value in segment.outputs]
    block.add_op(ReturnOp(*results))
    kind = FunctionType.from_lists(block.arg_types, [value.type for value in results])
    parent = segment.ops[0].parent_op()
    assert isinstance(parent, FuncOp)
    made: list[Operation] = [FuncOp(parent.sym_name.data, kind, Region(block))]
    if any(_calls(op) for op in segment.ops):
        made += [function.clone() for function in functions(whole) if function is not parent]
    return ModuleOp(made)


def _copy(op: Operation, known: dict[SSAValue, SSAValue], block: Block) -> None:
    """Adds a copy of an op and of the constants that it reads."""
    for value in _operands(op):
        if value not in known and isinstance(value.owner, Operation):
            _copy(value.owner, known, block)
    block.add_op(op.clone(known))


def _calls(op: Operation) -> bool:
    held = (attribute for one in op.walk() for attribute in (*one.properties.values(), *one.attributes.values()))
    return any(isinstance(attribute, SymbolRefAttr) for attribute in held)
