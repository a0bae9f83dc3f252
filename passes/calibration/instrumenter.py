"""Adds reductions to functions, and passes their results out of branches and loops.

The two branches of an IF return vectors of the same length: each branch has its own ranges in its part of the vectors,
and the values of "not observed" in the other branch's part. A WHILE carries vectors that its body widens in each
iteration. A condition can't return ranges, so the body and the code after the loop compute the condition's values
again. Each call gets a copy of the function that it calls, since the results of the function change.
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
    """An emitter that inserts ops before the function's return."""
    return Emitter(function, function.body.block.last_op)


def results_of(function: FuncOp) -> list[SSAValue]:
    """The values that the function returns."""
    last = function.body.block.last_op
    return list(last.operands) if isinstance(last, ReturnOp) else []


def set_results(function: FuncOp, values: Sequence[SSAValue]) -> None:
    """Makes the function return `values`."""
    last = function.body.block.last_op
    assert isinstance(last, ReturnOp)
    last.operands = values
    function.update_function_type()
    function.res_attrs = None


def _add_arguments(function: FuncOp, types: Sequence[Attribute]) -> Sequence[SSAValue]:
    """Appends arguments to a function and returns them."""
    block = function.body.block
    for type_ in types:
        block.insert_arg(type_, len(block.args))
    if function.arg_attrs is not None:
        function.arg_attrs = ArrayAttr([*function.arg_attrs.data, *[DictionaryAttr({})] * len(types)])
    set_results(function, results_of(function))
    return block.args[-len(types) :]


class Instrumenter:
    """Adds reductions to the functions of one module."""

    def __init__(self, module: ModuleOp) -> None:
        self._module = module
        called = {_callee(op) for op in module.walk() if isinstance(op, CallOp)}
        self._originals = {f.sym_name.data: f.clone() for f in functions(module) if f.sym_name.data in called}
        self._copies = 0

    def observe(self, function: FuncOp, name: str) -> Vectors:
        """Adds the reductions of every logged value of `function`, which is the function `name` or a copy of it."""
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
            current = self._control_flow(function, op, vectors) if isinstance(op, IfOp | WhileOp) else op
            results: dict[SSAValue, Slot] = {
                result: slot for result, slot in zip(current.results, slots, strict=False) if slot is not None
            }
            self._observe(vectors, places, emit, results, current.results)
        return vectors

    def _observe(
        self,
        vectors: Vectors,
        places: dict[SSAValue, int],
        emit: Emitter,
        wanted: Mapping[SSAValue, Slot],
        values: Iterable[SSAValue],
    ) -> None:
        """Adds the reductions of those `values` that have a slot in `wanted`.

        `places` has the index of each reduced value in the vectors.
        """
        for value in values:
            if (slot := wanted.get(value)) is None:
                continue
            op = value.owner if isinstance(value.owner, Operation) else None
            if op is not None and op.name in REORDERS and op.operands[0] in places:
                places[value] = places[op.operands[0]]
                vectors.singles[places[value]].append(slot)
                continue
            places[value] = vectors.add(slot, *emit.extremes(value))
            if op is not None and op.name in MAY_MAKE_NAN:
                flag = emit.has_nan(value)
                vectors.add(Slot(slot.function, slot.position, is_nan_flag=True), flag, flag)

    def _control_flow(self, function: FuncOp, op: IfOp | WhileOp, vectors: Vectors) -> Operation:
        """Adds the ranges of the op's regions to `vectors`; returns the op, or the op that replaces it."""
        calls = [_only_call(region) for region in op.regions]
        if None in calls:
            return op
        first, second = (self._originals[_callee(call)] for call in cast("list[CallOp]", calls))
        if isinstance(op, IfOp):
            return self._branch(op, (first, second), vectors)
        return self._loop(function, op, first, second, vectors)

    def _copy(self, function: FuncOp) -> FuncOp:
        """Adds a copy of a function to the module, under a name of its own."""
        copy = function.clone()
        self._copies += 1
        copy.sym_name = type(copy.sym_name)(f"{copy.sym_name.data}_observed_{self._copies}")
        copy.attributes.pop(names.SUBGRAPH_NAME, None)
        self._module.body.block.add_op(copy)
        return copy

    def _branch(self, op: IfOp, callees: Sequence[FuncOp], vectors: Vectors) -> Operation:
        copies = [self._copy(callee) for callee in callees]
        observed = [self.observe(copy, callee.sym_name.data) for copy, callee in zip(copies, callees, strict=True)]
        lengths = [len(branch.meanings) for branch in observed]
        if not any(lengths):
            return op
        for side, (copy, branch) in enumerate(zip(copies, observed, strict=True)):
            emit = at_end(copy)
            own = branch.pack(emit) if lengths[side] else None
            other = emit.nothing(lengths[1 - side]) if lengths[1 - side] else None
            order = [pair for pair in ((own, other) if side == 0 else (other, own)) if pair is not None]
            pair = [emit.joined((), [vector[i] for vector in order]) for i in range(2)]
            set_results(copy, [*results_of(copy), *pair])
        made = _with_calls(op, copies, list(op.operands))
        vectors.add_part([*observed[0].meanings, *observed[1].meanings], *made.results[-2:])
        _replace(op, made)
        return made

    def _loop(self, function: FuncOp, op: WhileOp, cond: FuncOp, body: FuncOp, vectors: Vectors) -> Operation:
        new_cond, new_body = self._copy(cond), self._copy(body)
        in_body = self.observe(new_body, body.sym_name.data)
        in_cond = Vectors()
        if _can_repeat(cond):
            self._repeat(cond, new_body.body.block.args, Emitter(new_body), in_cond)
        meanings = [*in_cond.meanings, *in_body.meanings]
        if not meanings:
            return op
        before = Emitter(function, op)
        start = before.nothing(len(meanings))
        types = [value.type for value in start]
        _add_arguments(new_cond, types)
        carried = _add_arguments(new_body, types)
        emit = at_end(new_body)
        pairs = [observed.pack(emit) for observed in (in_cond, in_body) if observed.meanings]
        new = emit.joined((), [pair[0] for pair in pairs]), emit.joined((), [pair[1] for pair in pairs])
        set_results(new_body, [*results_of(new_body), *emit.merged((carried[0], carried[1]), new)])
        made = _with_calls(op, [new_cond, new_body], [*op.operands, *start])
        following = op.next_op
        _replace(op, made)
        vectors.add_part(meanings, *made.results[-2:])
        if in_cond.meanings:
            last = Vectors()
            self._repeat(cond, made.results[:-2], Emitter(function, following), last)
            vectors.add_part(last.meanings, *last.pack(Emitter(function, following)))
        return made

    def _repeat(self, cond: FuncOp, values: Sequence[SSAValue], emit: Emitter, vectors: Vectors) -> None:
        """Inserts a copy of the ops of `cond` with `emit`, with `values` as arguments, and adds their reductions."""
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
    """The call, if the region consists of one call and a yield; else None."""
    first = region.block.first_op
    return first if isinstance(first, CallOp) and isinstance(first.next_op, YieldOp) else None


def _can_repeat(cond: FuncOp) -> bool:
    """Whether `cond` has no side effects, so that it may be computed again."""
    return all(
        isinstance(op, (*CONSTANTS, ReturnOp)) or (isinstance(op, TflOp) and op.INFO.pure) for op in cond.body.block.ops
    )


def _with_calls(op: IfOp | WhileOp, callees: Sequence[FuncOp], operands: Sequence[SSAValue]) -> Operation:
    """A copy of the op with these operands, whose regions call other functions.

    Its results are those of the last function. The regions of a WHILE have arguments like the operands.
    """
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
