"""Replaces a value by another one that has the same elements, without renaming an output of a function."""

from __future__ import annotations

from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.traits import ConstantLike

from tflir.ir import names
from tflir.passes.rewriting.carrying import carry_name
from tflir.passes.rewriting.values import is_returned


def can_replace(old: SSAValue, new: SSAValue) -> bool:
    """Whether `old` may be replaced by `new`.

    The name of an output is that of the op that makes it. So if `old` is an output, the op of `new` must take its name.
    This is only possible for an op that has one result, is not a constant, and does not make an output already.
    """
    if not is_returned(old):
        return True
    if not isinstance(new, OpResult) or len(new.op.results) != 1 or new.op.has_trait(ConstantLike()):
        return False
    return not is_returned(new) and not new.op.regions and new.op.parent is not None


def replace(old: OpResult, new: SSAValue) -> None:
    """Replaces `old` by `new`, which `can_replace` must allow; the op of `old` is not erased."""
    if is_returned(old):
        carry_name(old, new)
    old.replace_all_uses_with(new)


def may_change(op: Operation) -> bool:
    """Whether the op may be moved or removed: neither a control edge nor a variable fixes when it runs."""
    return names.CONTROL not in op.attributes and names.IS_VARIABLE not in op.attributes
