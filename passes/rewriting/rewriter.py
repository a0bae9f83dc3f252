"""What a rule changes the program with: xDSL's `PatternRewriter`, with what every rewrite of a model has to keep.

A model's tensors have names, recorded ranges and marks; they are locations and attributes of the ops that make them.
The rewriter carries them from what it replaces to what it puts there, and tells the driver what to look at again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import UnknownLoc
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue, Use
from xdsl.pattern_rewriter import PatternRewriter as XdslRewriter
from xdsl.rewriter import InsertPoint, Rewriter

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import storage_type, tensor_type
from tflir.passes.rewriting import carrying
from tflir.passes.rewriting.declines import Decline
from tflir.passes.rewriting.values import qconst_op

if TYPE_CHECKING:
    from tflir.passes.rewriting.events import Recorder

_RULE = "match_and_rewrite"
New = Operation | SSAValue | Sequence[Operation]
"""What an op is replaced with: the op that makes its results anew, several of which the last does, or a value."""


class PatternRewriter(XdslRewriter):
    """The rewriter that rules of tflir get; one serves a whole run.

    Ops that are put into the program need not be in order: what an op reads and is in no block yet goes before it.
    """

    def __init__(self, root: Operation, enqueue: Callable[[Operation], None]) -> None:
        super().__init__(InsertPoint(Block()))
        self.root = root
        self._enqueue = enqueue
        self.declined: Decline | None = None
        """Why the rule that is being tried has declined; None where it has not said so."""
        self._fresh: dict[Operation, bool] = {}
        """The ops that the rule put into the program, and whether they had no name."""
        self.suspects: list[Operation] = []
        """Ops of which a reader went, and that may be read by nothing now."""
        self.recorder: Recorder | None = None

    @property
    def insertion_point(self) -> InsertPoint:
        """Where ops are put by default: before the op that the rule is tried on."""
        return self._point or InsertPoint.before(self.root)

    @insertion_point.setter
    def insertion_point(self, point: InsertPoint | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] -- a field in xDSL
        self._point = point

    def start(self, root: Operation) -> None:
        """Prepares for a rule on `root`."""
        self.root = self._current_operation = root
        self._point = None
        self.has_done_action = False
        if self._fresh:
            self._fresh = {}

    # What a rule says.

    def decline(self, reason: str, op: Operation | None = None) -> None:
        """Says why the rule does not apply, as in `return rewriter.decline("weight used by two ops")`."""
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] -- CPython's way to ask for the caller's line
        while frame.f_code.co_name != _RULE and frame.f_back is not None:
            frame = frame.f_back
        self.declined = Decline(reason, op or self.root, frame.f_lineno)

    # New values.

    def constant(
        self, value: npt.ArrayLike | Attribute, name: str | None = None, element: Attribute | None = None
    ) -> OpResult:
        """A constant tensor of this name before the op that the rule is tried on.

        `value` is an array, or an attribute of elements. `element` is the element type where the array does not say
        it: a quantized type for stored integers, int4 for an int8 array.
        """
        stored = None if element is None else storage_type(element)
        held: Any = value if isinstance(value, Attribute) else elements(np.asarray(value), stored)
        if isinstance(element, UniformQuantizedType):
            kind = tensor_type(tuple(held.type.get_shape()), element)
            made = qconst_op(kind, held)
        else:
            made = ConstOp.create(result_types=[held.get_type()], properties={"value": held})
        if name is not None:
            made.location = names.named(name)
        self.insert(made)
        return made.results[0]

    # Changes.

    def insert(self, op: Any, insertion_point: InsertPoint | None = None) -> Any:
        """Puts one op or several into the program, by default before the op that the rule is tried on."""
        self.has_done_action = True
        point = insertion_point or self._point
        block, before = (self.root.parent, self.root) if point is None else (point.block, point.insert_before)
        assert block is not None
        for each in (op,) if isinstance(op, Operation) else op:
            if before is not None:
                self._put(each, before)
            else:
                self._append(each, block)
        return op

    def _append(self, op: Operation, block: Block) -> None:
        """Puts an op, and what it reads that is in no block, at the end of a block."""
        for value in op.operands:
            if isinstance(value, OpResult) and value.op.parent is None:
                self._append(value.op, block)
        block.add_op(op)
        self._note_new(op)

    def _put(self, op: Operation, before: Operation) -> None:
        """Puts an op, and what it reads that is in no block, before another."""
        for value in op.operands:
            if isinstance(value, OpResult) and value.op.parent is None:
                self._put(value.op, before)
        assert before.parent is not None
        before.parent.insert_op_before(op, before)
        self._note_new(op)

    def _note_new(self, op: Operation) -> None:
        """Tells of an op that was put into the program; one without a name gets the place that it was made for."""
        unnamed = isinstance(op.location, UnknownLoc)
        if unnamed:
            op.location = carrying.derived(self.root.location)
        self._fresh[op] = unnamed
        self._enqueue(op)
        if self.recorder is not None:
            self.recorder.added(op)

    def replace(
        self,
        op: Operation,
        new_ops: New,
        new_results: Sequence[SSAValue | None] | None = None,
        safe_erase: bool = True,
        *,
        fused: Iterable[Operation] = (),
    ) -> None:
        """Replaces `op` with another op, several of which the last makes its results, or a value.

        The names of its tensors, their recorded ranges, and what was decided about the op go to what replaces it.
        `fused` are further ops whose work the new one does: their locations become part of its own, and those that
        nothing reads any more are removed.
        """
        self.has_done_action = True
        made, values = self._parted(new_ops, new_results)
        olds = op.results
        if len(values) != len(olds):
            raise ValueError(f"{op.name} has {len(olds)} results, and is replaced with {len(values)} values")
        maker = made[-1] if made and values is made[-1].results else self._maker_of(values)
        if maker is not None:
            if self._fresh.get(maker):
                maker.location = names.UNNAMED
            carrying.carry(op, maker, fused)
        for each in made:
            if each.parent is None:
                self._put(each, op)
        for old, value in zip(olds, values, strict=True):
            if value is not None and maker is None and carrying.takes_name(old, value):
                self._before(value.owner)
                carrying.carry_name(old, value)
                self._modified(value.owner)
            if old.first_use is not None:
                self.replace_all_uses_with(old, value, safe_erase)
        self.suspects += fused
        self.erase(op, safe_erase)

    def _parted(
        self, new: New, results: Sequence[SSAValue | None] | None
    ) -> tuple[Sequence[Operation], Sequence[SSAValue | None]]:
        """What an op is replaced with: ops to put in its place, and a value for each of its results."""
        if isinstance(new, Operation):
            return (new,) if new.parent is None else (), new.results if results is None else results
        if isinstance(new, SSAValue):
            return (), (new,)
        return new, results if results is not None else new[-1].results if new else ()

    def _maker_of(self, values: Sequence[SSAValue | None]) -> Operation | None:
        """The op that the rule put into the program and whose results these are, where they are all of them."""
        first = values[0] if values else None
        if not isinstance(first, OpResult) or first.op not in self._fresh or tuple(values) != tuple(first.op.results):
            return None
        return first.op

    def fuse(self, op: Operation, into: Operation, **options: Any) -> None:
        """Lets `into`, whose only result `op` reads, do what `op` does as well, by these options.

        `rewriter.fuse(relu, into=conv, activation="RELU")`: the convolution's result takes the type, the name and
        the recorded range of the activation's, which is removed.
        """
        self._before(into)
        for name, value in options.items():
            cast(TflOp, into).set_option(name, value)
        carrying.take_over(into, op)
        result = into.results[0]
        if result.type != op.results[0].type:
            result = Rewriter.replace_value_with_new_type(result, op.results[0].type)
        self.replace_all_uses_with(op.results[0], result)
        self.erase(op)
        self._modified(into)

    def modify(self, op: Operation, **options: Any) -> None:
        """Sets options of an op by name: `rewriter.modify(conv, padding="SAME")`."""
        self._before(op)
        for name, value in options.items():
            cast(TflOp, op).set_option(name, value)
        self._modified(op)

    def set_operand(self, op: Operation, index: int, value: SSAValue) -> None:
        """Lets an op read `value` as its operand number `index`."""
        self._before(op)
        old = op.operands[index]
        op.operands[index] = value
        if isinstance(old, OpResult):
            self.suspects.append(old.op)
        self._modified(op)

    def erase(self, op: Operation, safe_erase: bool = True) -> None:
        """Removes an op that nothing reads; so go the ops without effects that only it read."""
        self.has_done_action = True
        if self.recorder is not None:
            self.recorder.removing(op)
        suspects = self.suspects
        for value in op.operands:
            if isinstance(value, OpResult):
                suspects.append(value.op)
        if op.parent is not None:
            op.parent.detach_op(op)
        for result in op.results:
            if result.first_use is not None:
                op.erase(safe_erase)
                return
        op.drop_all_references()  # as `erase` does it, without values to stand for results that nothing reads

    def replace_all_uses_with(self, from_value: SSAValue, to_value: SSAValue | None, safe_erase: bool = True) -> None:
        """Lets everything that reads one value read another."""
        if from_value is to_value:
            return
        if to_value is None:
            from_value.erase(safe_erase=safe_erase)
            return
        uses = tuple(from_value.uses)
        enqueue = self._enqueue
        for use in uses:
            reader = use.operation
            reader.operands[use.index] = to_value
            enqueue(reader)
        if uses:
            self.has_done_action = True
        if to_value.name_hint is None and from_value.name_hint is not None:
            to_value.name_hint = from_value.name_hint
        if self.recorder is not None:
            self.recorder.rewired([use.operation for use in uses])

    def replace_uses_with_if(self, from_value: SSAValue, to_value: SSAValue, predicate: Callable[[Use], bool]) -> None:
        """Lets the readers for which `predicate` holds read another value."""
        uses = [use for use in from_value.uses if predicate(use)]
        for use in uses:
            self.set_operand(use.operation, use.index, to_value)

    def replace_value_with_new_type(self, val: SSAValue, new_type: Attribute) -> SSAValue:
        """Gives a value another type; the op's version in the file is then no longer its own."""
        self.has_done_action = True
        owner = val.block.parent_op() if isinstance(val, BlockArgument) else val.owner
        if isinstance(val, OpResult):
            self._before(val.op)
            val.op.attributes.pop(names.VERSION, None)
        made = Rewriter.replace_value_with_new_type(val, new_type)
        for use in made.uses:
            self._enqueue(use.operation)
        if owner is not None:
            self._modified(owner)
        return made

    def handle_operation_modification(self, op: Operation) -> None:
        """What `notify_op_modified` tells: the op, its readers and what it reads are looked at again."""
        self._modified(op)

    def _before(self, op: Operation | Block) -> None:
        if self.recorder is not None and isinstance(op, Operation) and op is not self.root:
            self.recorder.modifying(op)

    def _modified(self, op: Operation | Block) -> None:
        self.has_done_action = True
        if not isinstance(op, Operation):
            return
        self._enqueue(op)
        for result in op.results:
            for use in result.uses:
                self._enqueue(use.operation)
        if self.recorder is not None:
            self.recorder.modified(op)
