"""Adds reductions to functions, and carries their results out of branches and loops.

A branch returns vectors that hold its own ranges and nothing in the places of the other branch's. A loop carries
vectors that its body widens at each turn; what its condition computes is computed again by the body and after the loop,
since a condition has no results of its own. Each call gets a copy of the function that it calls: its results change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tflir.ir import names
from tflir.ir.constness import CONSTANTS
from tflir.ir.functions import functions
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.control_flow import IfOp, WhileOp, YieldOp
from tflir.passes.calibration.emit import Emitter
from tflir.passes.calibration.logged import MAY_MAKE_NAN, REORDERS, logged
from tflir.passes.calibration.slots import Slot, Vectors
from tflir.passes.rewriting.edit import insert_before

Pair = tuple[SSAValue, SSAValue]


def at_end(function: FuncOp) -> Emitter:
    """Puts ops before the function's return."""
    return Emitter(function, function.body.block.last_op)


def results_of(function: FuncOp) -> list[SSAValue]:
    """What the function returns."""
    last = function.body.block.last_op
    return list(last.operands) if isinstance(last, ReturnOp) else []


def set_results(function: FuncOp, values: Sequence[SSAValue]) -> None:
    """Has the function return `values`."""
    last = function.body.block.last_op
    assert isinstance(last, ReturnOp)
    last.operands = values
    function.update_function_type()
    function.res_attrs = None


def _add_arguments(function: FuncOp, types: Sequence[Attribute]) -> Sequence[SSAValue]:
    block = function.body.block
    for added in types:
        block.insert_arg(added, len(block.args))
    if function.arg_attrs is not None:
        function.arg_attrs = ArrayAttr([*function.arg_attrs.data, *[DictionaryAttr({})] * len(types)])
    set_results(function, results_of(function))
    return block.args[-len(types) :]


class Instrumenter:
    """Adds the reductions of one module."""

    def __init__(self, module: ModuleOp) -> None:
        self._module = module
        called = {_callee(op) for op in module.walk() if isinstance(op, CallOp)}
        self._pristine = {f.sym_name.data: f.clone() for f in functions(module) if f.sym_name.data in called}
        self._copies = 0

    def observe(self, function: FuncOp, name: str) -> Vectors:
        """Adds the reductions of every logged value of `function`, which is, or is a copy of, the one called `name`."""
        vectors = Vectors()
        emit = Emitter(function)
        wanted = {value: Slot(name, position) for position, value in logged(function)}
        places: dict[SSAValue, int] = {}
        self._observe(vectors, places, emit, wanted, function.body.block.args)
        for op in list(function.body.block.ops):
            if isinstance(op, (*CONSTANTS, ReturnOp)):
                continue
            following = op.next_op
            assert following is not None
            emit.at = following
            slots = [wanted.get(result) for result in op.results]
            done = self._control_flow(function, op, vectors) if isinstance(op, IfOp | WhileOp) else op
            here: dict[SSAValue, Slot] = {
                result: slot for result, slot in zip(done.results, slots, strict=False) if slot is not None
            }
            self._observe(vectors, places, emit, here, done.results)
        return vectors

    def _observe(
        self,
        vectors: Vectors,
        places: dict[SSAValue, int],
        emit: Emitter,
        wanted: Mapping[SSAValue, Slot],
        values: Iterable[SSAValue],
    ) -> None:
        for value in values:
            if (slot := wanted.get(value)) is None:
                continue
            maker = value.owner if isinstance(value.owner, Operation) else None
            if maker is not None and maker.name in REORDERS and maker.operands[0] in places:
                places[value] = places[maker.operands[0]]
                vectors.singles[places[value]].append(slot)
                continue
            places[value] = vectors.add(slot, *emit.extremes(value))
            if maker is not None and maker.name in MAY_MAKE_NAN:
                flag = emit.has_nan(value)
                vectors.add(Slot(slot.function, slot.position, is_nan_flag=True), flag, flag)

    def _control_flow(self, function: FuncOp, op: IfOp | WhileOp, vectors: Vectors) -> Operation:
        """Carries what happens in the op's regions into `vectors`; returns the op, or what replaces it."""
        calls = [_only_call(region) for region in op.regions]
        if None in calls:
            return op
        first, second = (self._pristine[_callee(call)] for call in cast("list[CallOp]", calls))
        if isinstance(op, IfOp):
            return self._branch(function, op, (first, second), vectors)
        return self._loop(function, op, first, second, vectors)

    def _copy(self, function: FuncOp) -> FuncOp:
        made = function.clone()
        self._copies += 1
        made.sym_name = type(made.sym_name)(f"{made.sym_name.data}_observed_{self._copies}")
        made.attributes.pop(names.SUBGRAPH_NAME, None)
        self._module.body.block.add_op(made)
        return made

    def _branch(self, function: FuncOp, op: IfOp, callees: Sequence[FuncOp], vectors: Vectors) -> Operation:
        copies = [self._copy(callee) for callee in callees]
        found = [self.observe(copy, callee.sym_name.data) for copy, callee in zip(copies, callees, strict=True)]
        lengths = [len(each.meanings) for each in found]
        if not any(lengths):
            return op
        for side, (copy, each) in enumerate(zip(copies, found, strict=True)):
            emit = at_end(copy)
            own = each.pack(emit) if lengths[side] else None
            other = emit.nothing(lengths[1 - side]) if lengths[1 - side] else None
            order = [pair for pair in ((own, other) if side == 0 else (other, own)) if pair is not None]
            pair = [emit.joined((), [each[i] for each in order]) for i in range(2)]
            set_results(copy, [*results_of(copy), *pair])
        made = _with_calls(op, copies, list(op.operands))
        vectors.add_part([*found[0].meanings, *found[1].meanings], *made.results[-2:])
        _replace(op, made)
        return made

    def _loop(self, function: FuncOp, op: WhileOp, cond: FuncOp, body: FuncOp, vectors: Vectors) -> Operation:
        carries = [self._copy(cond), self._copy(body)]
        turn = self.observe(carries[1], body.sym_name.data)
        decision = Vectors()
        if _can_repeat(cond):
            self._repeat(cond, carries[1], carries[1].body.block.args, Emitter(carries[1]), decision)
        meanings = [*decision.meanings, *turn.meanings]
        if not meanings:
            return op
        before = Emitter(function, op)
        start = before.nothing(len(meanings))
        types = [value.type for value in start]
        _add_arguments(carries[0], types)
        held = _add_arguments(carries[1], types)
        emit = at_end(carries[1])
        pairs = [each.pack(emit) for each in (decision, turn) if each.meanings]
        new = emit.joined((), [pair[0] for pair in pairs]), emit.joined((), [pair[1] for pair in pairs])
        set_results(carries[1], [*results_of(carries[1]), *emit.merged((held[0], held[1]), new)])
        made = _with_calls(op, carries, [*op.operands, *start])
        following = op.next_op
        _replace(op, made)
        vectors.add_part(meanings, *made.results[-2:])
        if decision.meanings:
            last = Vectors()
            self._repeat(cond, function, made.results[:-2], Emitter(function, following), last)
            vectors.add_part(last.meanings, *last.pack(Emitter(function, following)))
        return made

    def _repeat(self, cond: FuncOp, into: FuncOp, values: Sequence[SSAValue], emit: Emitter, vectors: Vectors) -> None:
        """Computes in `into`, from `values`, what `cond` computes, and observes it."""
        copy = cond.clone()
        wanted = {value: Slot(cond.sym_name.data, position) for position, value in logged(copy)}
        if not wanted:
            return
        arguments = {
            value: wanted[argument]
            for argument, value in zip(copy.body.block.args, values, strict=True)
            if argument in wanted
        }
        for argument, value in zip(copy.body.block.args, values, strict=True):
            argument.replace_all_uses_with(value)
        places: dict[SSAValue, int] = {}
        self._observe(vectors, places, emit, arguments, arguments)
        for op in list(copy.body.block.ops):
            if not isinstance(op, ReturnOp):
                op.detach()
                emit.insert(op)
                self._observe(vectors, places, emit, wanted, op.results)


def _callee(call: CallOp) -> str:
    return call.callee.root_reference.data


def _only_call(region: Region) -> CallOp | None:
    first = region.block.first_op
    return first if isinstance(first, CallOp) and isinstance(first.next_op, YieldOp) else None


def _can_repeat(cond: FuncOp) -> bool:
    """Whether computing `cond` once more changes nothing."""
    return all(
        isinstance(op, (*CONSTANTS, ReturnOp)) or (isinstance(op, TflOp) and op.INFO.pure) for op in cond.body.block.ops
    )


def _with_calls(op: IfOp | WhileOp, callees: Sequence[FuncOp], operands: Sequence[SSAValue]) -> Operation:
    """The op over calls of other functions, with the results that the last of these has; its region's arguments too."""
    results = list(callees[-1].function_type.outputs.data)
    regions: list[Region] = []
    for region, callee in zip(op.regions, callees, strict=True):
        call = _only_call(region)
        assert call is not None
        block = Block(arg_types=[value.type for value in operands] if isinstance(op, WhileOp) else [])
        passed = block.args if isinstance(op, WhileOp) else call.operands
        made = CallOp(callee.sym_name.data, list(passed), list(callee.function_type.outputs.data))
        block.add_ops([made, YieldOp.create(operands=made.results)])
        regions.append(Region(block))
    attributes: dict[str, Any] = dict(op.attributes)
    attributes.pop(names.TENSOR, None)
    return type(op).create(
        operands=operands, result_types=results, properties=op.properties, attributes=attributes, regions=regions
    )


def _replace(op: Operation, made: Operation) -> None:
    insert_before(op, made)
    for old, new in zip(op.results, made.results, strict=False):
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()
