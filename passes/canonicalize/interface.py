"""Replacing a value by another one that holds the same elements, without renaming an output of a function."""

from __future__ import annotations

from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.traits import ConstantLike

from tflir.ir import names
from tflir.passes.rewriting.carrying import carry_name
from tflir.passes.rewriting.values import is_returned


def can_replace(old: SSAValue, new: SSAValue) -> bool:
    """Whether `new` may stand for `old`.

    The name of an output is that of the op that makes it. Where `old` is an output, the op of `new` takes its name:
    it must be an op of one result that is no constant and no output itself.
    """
    if not is_returned(old):
        return True
    if not isinstance(new, OpResult) or len(new.op.results) != 1 or new.op.has_trait(ConstantLike()):
        return False
    return not is_returned(new) and not new.op.regions and new.op.parent is not None


def replace(old: OpResult, new: SSAValue) -> None:
    """Has `new` stand for `old`, which `can_replace` has allowed; the op of `old` stays."""
    if is_returned(old):
        carry_name(old, new)
    old.replace_all_uses_with(new)


def may_change(op: Operation) -> bool:
    """Whether the order in which the op runs is free: neither a control edge nor a variable holds it."""
    return names.CONTROL not in op.attributes and names.IS_VARIABLE not in op.attributes
