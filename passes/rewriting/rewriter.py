"""The rewriter through which rules change a program: xDSL's `PatternRewriter`, which also keeps names and ranges.

A model's tensors have names, recorded ranges and marks, which are locations and attributes of the ops that make them.
The rewriter copies them from an op to its replacement, and tells the driver on which ops to try rules again.
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
"""The replacement of an op: another op, several ops of which the last makes the results, or a value."""


class PatternRewriter(XdslRewriter):
    """The rewriter of tflir's rules; there is one for a whole run of the driver.

    When an op is inserted, the ops that make its operands and are in no block yet are inserted before it.
    """

    def __init__(self, root: Operation, enqueue: Callable[[Operation], None]) -> None:
        super().__init__(InsertPoint(Block()))
        self.root = root
        self._enqueue = enqueue
        self.declined: Decline | None = None
        """Why the rule that is being tried has declined; None if it has not declined."""
        self._fresh: dict[Operation, bool] = {}
        """The ops that the rule has inserted, and whether each had no name."""
        self.suspects: list[Operation] = []
        """Ops that lost a user, and may have none now."""
        self.recorder: Recorder | None = None

    @property
    def insertion_point(self) -> InsertPoint:
        """Where ops are inserted by default: before the op that the rule is tried on."""
        return self._point or InsertPoint.before(self.root)

    @insertion_point.setter
    def insertion_point(self, point: InsertPoint | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride] -- a field in xDSL
        self._point = point

    def start(self, root: Operation) -> None:
        """Prepares for rules to be tried on `root`."""
        self.root = self._current_operation = root
        self._point = None
        self.has_done_action = False
        if self._fresh:
            self._fresh = {}

    # Reasons.

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
        """Inserts a constant tensor with this name before the op that the rule is tried on.

        `value` is an array, or an elements attribute. `element` is the element type if the array's dtype does not
        determine it, such as a quantized type for stored integers, or int4 for an int8 array.
        """
        stored = None if element is None else storage_type(element)
        attribute: Any = value if isinstance(value, Attribute) else elements(np.asarray(value), stored)
        if isinstance(element, UniformQuantizedType):
            kind = tensor_type(tuple(attribute.type.get_shape()), element)
            made = qconst_op(kind, attribute)
        else:
            made = ConstOp.create(result_types=[attribute.get_type()], properties={"value": attribute})
        if name is not None:
            made.location = names.named(name)
        self.insert(made)
        return made.results[0]

    # Changes.

    def insert(self, op: Any, insertion_point: InsertPoint | None = None) -> Any:
        """Inserts one op or several, by default before the op that the rule is tried on."""
        self.has_done_action = True
        point = insertion_point or self._point
        block, before = (self.root.parent, self.root) if point is None else (point.block, point.insert_before)
        assert block is not None
        for new in (op,) if isinstance(op, Operation) else op:
            if before is not None:
                self._put(new, before)
            else:
                self._append(new, block)
        return op

    def _append(self, op: Operation, block: Block) -> None:
        """Inserts an op, after the ops of its operands that are in no block, at the end of a block."""
        for value in op.operands:
            if isinstance(value, OpResult) and value.op.parent is None:
                self._append(value.op, block)
        block.add_op(op)
        self._note_new(op)

    def _put(self, op: Operation, before: Operation) -> None:
        """Inserts an op, after the ops of its operands that are in no block, before another."""
        for value in op.operands:
            if isinstance(value, OpResult) and value.op.parent is None:
                self._put(value.op, before)
        assert before.parent is not None
        before.parent.insert_op_before(op, before)
        self._note_new(op)

    def _note_new(self, op: Operation) -> None:
        """Registers an inserted op. If it has no name, its location is derived from the op that is rewritten."""
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
        """Replaces `op` by another op, by several ops of which the last makes the results, or by a value.

        The replacement gets the names of the op's tensors, their recorded ranges, and the op's marks. `fused` are
        further ops whose work the new op does: their locations become part of its location, and they are removed if
        nothing reads them any more.
        """
        self.has_done_action = True
        made, values = self._parted(new_ops, new_results)
        olds = op.results
        if len(values) != len(olds):
            raise ValueError(f"{op.name} has {len(olds)} results, and is replaced with {len(values)} values")
        successor = made[-1] if made and values is made[-1].results else self._inserted_op_of(values)
        if successor is not None:
            if self._fresh.get(successor):
                successor.location = names.UNNAMED
            carrying.carry(op, successor, fused)
        for new in made:
            if new.parent is None:
                self._put(new, op)
        for old, value in zip(olds, values, strict=True):
            if value is not None and successor is None and carrying.takes_name(old, value):
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
        """The replacement of an op as ops to insert, and a value for each of the op's results."""
        if isinstance(new, Operation):
            return (new,) if new.parent is None else (), new.results if results is None else results
        if isinstance(new, SSAValue):
            return (), (new,)
        return new, results if results is not None else new[-1].results if new else ()

    def _inserted_op_of(self, values: Sequence[SSAValue | None]) -> Operation | None:
        """The op that the rule has inserted and whose results are exactly these values; None if there is none."""
        first = values[0] if values else None
        if not isinstance(first, OpResult) or first.op not in self._fresh or tuple(values) != tuple(first.op.results):
            return None
        return first.op

    def fuse(self, op: Operation, into: Operation, **options: Any) -> None:
        """Fuses `op` into `into`, whose only result it reads, by setting options of `into`.

        For example, with `rewriter.fuse(relu, into=conv, activation="RELU")` the convolution's result takes the type,
        the name and the recorded range of the activation's result, and the activation is removed.
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
        """Sets options of an op by name, such as `rewriter.modify(conv, padding="SAME")`."""
        self._before(op)
        for name, value in options.items():
            cast(TflOp, op).set_option(name, value)
        self._modified(op)

    def set_operand(self, op: Operation, index: int, value: SSAValue) -> None:
        """Replaces the operand number `index` of an op by `value`."""
        self._before(op)
        old = op.operands[index]
        op.operands[index] = value
        if isinstance(old, OpResult):
            self.suspects.append(old.op)
        self._modified(op)

    def erase(self, op: Operation, safe_erase: bool = True) -> None:
        """Removes an op that nothing reads; the driver then removes the ops without side effects that only it read."""
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
        op.drop_all_references()  # like `op.erase`, which would also replace results, but these have no users

    def replace_all_uses_with(self, from_value: SSAValue, to_value: SSAValue | None, safe_erase: bool = True) -> None:
        """Replaces a value by another in all its users."""
        if from_value is to_value:
            return
        if to_value is None:
            from_value.erase(safe_erase=safe_erase)
            return
        uses = tuple(from_value.uses)
        enqueue = self._enqueue
        for use in uses:
            user = use.operation
            user.operands[use.index] = to_value
            enqueue(user)
        if uses:
            self.has_done_action = True
        if to_value.name_hint is None and from_value.name_hint is not None:
            to_value.name_hint = from_value.name_hint
        if self.recorder is not None:
            self.recorder.rewired([use.operation for use in uses])

    def replace_uses_with_if(self, from_value: SSAValue, to_value: SSAValue, predicate: Callable[[Use], bool]) -> None:
        """Replaces a value by another in the uses for which `predicate` holds."""
        uses = [use for use in from_value.uses if predicate(use)]
        for use in uses:
            self.set_operand(use.operation, use.index, to_value)

    def replace_value_with_new_type(self, val: SSAValue, new_type: Attribute) -> SSAValue:
        """Gives a value another type; this removes the version that the file recorded for its op."""
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
        """Called by `notify_op_modified`: rules are tried again on the op and its users."""
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
