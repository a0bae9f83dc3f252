"""Variables as XNNPACK's delegate takes them: it knows one kind and shape for all that is read and assigned."""

from __future__ import annotations

from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.targets.kinds import kind_of
from tflir.ir.targets.site import Site, shape_in_file
from tflir.ir.targets.target import Need


def _first_access(handle: SSAValue, site: Site) -> Operation | None:
    """The first op, in the order of the file, that reads or assigns the variable and is taken."""
    users = {use.operation for use in handle.uses}
    block = site.op.parent_block()
    if block is None:
        return None
    return next((op for op in block.ops if op in users and _accessed(op) is not None), None)


def _accessed(op: Operation) -> SSAValue | None:
    """What an op reads from a variable or assigns to it."""
    value = op.operands[1] if op.name == "tfl.assign_variable" else op.results[0] if op.results else None
    fits = value is not None and kind_of(value) in ("f32", "f16", "qi8", "qu8")
    unranked_read = op.name == "tfl.read_variable" and value is not None and not shape_in_file(value)
    return value if fits and not unranked_read else None


def _same_as_first(site: Site) -> bool:
    mine, first = _accessed(site.op), _first_access(site.op.operands[0], site)
    theirs = None if first is None else _accessed(first)
    if mine is None or theirs is None or not isinstance(site.op.operands[0], OpResult):
        return False
    return kind_of(mine) == kind_of(theirs) and shape_in_file(mine) == shape_in_file(theirs)


SAME_AS_FIRST = Need("a shape or element type that other ops on the variable do not have", _same_as_first)
ACCESSED = Need(
    "no op of the delegate reads or assigns it", lambda site: _first_access(site.op.results[0], site) is not None
)
