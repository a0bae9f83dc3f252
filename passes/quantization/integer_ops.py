"""Forms integer ops: an op between dequantizes and quantizes becomes one on the integers themselves.

See docs/semantics.md, Integer ops.
"""

from __future__ import annotations

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import (
    FIRST_USE_FIRST,
    INT16,
    is_preserved,
    kind_of,
    may_be_integer,
    positions,
    uses_in_order,
)
from tflir.passes.quantization.int16_facts import takes_any_type
from tflir.passes.quantization.int16_layers import bias_position, finish_int16
from tflir.passes.quantization.integer_kernels import why_no_integer_kernel
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.stored_weights import why_not_stored
from tflir.passes.reasons import OPERAND_WITHOUT_RANGE
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import is_float, is_returned, producer


def form_integer_ops(function: FuncOp, report: PassReport, *, tf_compat: bool) -> None:
    """Rewrites every op of the function that can be integer; with `tf_compat`, not those TensorFlow's search misses."""
    why_not = _why_not_in_tensorflow if tf_compat else _why_not
    formable: list[Operation] = []
    for op in filter(may_be_integer, function.body.block.ops):
        if (why := why_not(op)) is None:
            formable.append(op)
        else:
            report.decline(why, op)
    missed = _missed(function, formable) if tf_compat else set[Operation]()
    for op in formable:
        if op in missed:
            report.decline("TensorFlow's search stops at another user of its input", op)
            continue
        if not tf_compat and (why := _no_kernel(op)) is not None:
            report.decline(why, op)
            continue
        made = _form(op)
        if kind_of(made) == INT16:
            finish_int16(made, report)
        report.count("integer ops")
    if not tf_compat:
        for op in filter(takes_any_type, function.body.block.ops):
            _read_shape_of_integers(op)


def _source(value: SSAValue) -> SSAValue | None:
    """The quantized tensor that is dequantized to `value`; None if there is none."""
    if isinstance(value, OpResult) and isinstance(value.op, DequantizeOp) and not is_preserved(value.op):
        source = value.op.operands[0]
        return source if quantized_element(source) is not None else None
    return None


def _target(value: SSAValue) -> QuantizeOp | None:
    """The quantize that is the only user of `value`; None if there are other users, or none."""
    use = value.first_use
    if use is None or value.has_more_than_one_use() or not isinstance(use.operation, QuantizeOp):
        return None
    return None if is_preserved(use.operation) else use.operation


def _why_not(op: Operation) -> str | None:
    """Why an op that has an integer kernel must stay float; None if it can be an integer op."""
    bias = bias_position(op) if kind_of(op) == INT16 else None  # its integers follow from those of input and weights
    if any(is_float(value) and index != bias and _source(value) is None for index, value in enumerate(op.operands)):
        return OPERAND_WITHOUT_RANGE
    if any(is_float(value) and _target(value) is None and not _is_unread(value) for value in op.results):
        return "a result has no range"
    if not any(is_float(value) for value in (*op.operands, *op.results)):
        return "nothing of it is float"
    return None


def _why_not_in_tensorflow(op: Operation) -> str | None:
    """The same as `_why_not` for TensorFlow's converter, which requires a range even on results that nothing reads."""
    if any(is_float(value) and _target(value) is None for value in op.results):
        return "a result has no range"
    return _why_not(op)


def _is_unread(value: SSAValue) -> bool:
    """Whether `value` is one of several results and nothing reads it: it takes the parameters of the op's operand."""
    return isinstance(value, OpResult) and value.first_use is None and len(value.op.results) > 1


def _no_kernel(op: Operation) -> str | None:
    """Why no kernel of `op` supports the types of the integers around it; None if one may."""
    if not isinstance(op, TflOp):
        return None
    info = op.INFO
    weights = set(info.weight_operands)
    for index in info.weight_operands:
        stored = _source(op.operands[index]) if index < len(op.operands) else None
        element = None if stored is None else quantized_element(stored)
        narrow = element is not None and (element.storage.width.data < 8 or bool(element.layout.blocks))
        if element is not None and narrow and (why := why_not_stored(op, index, element, kind_of(op))) is not None:
            return why
    biases = {info.bias[0]} if info.bias else set[int]()
    sources = [_source(value) for index, value in enumerate(op.operands) if index not in weights | biases]
    targets = [target.results[0] if target is not None else None for target in map(_target, op.results)]
    elements = [quantized_element(value) for value in (*sources, *targets) if value is not None]
    return why_no_integer_kernel(op, [element for element in elements if element is not None])


def _missed(function: FuncOp, formable: list[Operation]) -> set[Operation]:
    """The ops without float results that TensorFlow leaves float.

    TensorFlow's search visits the users of each dequantize and stops at the first user that it can't rewrite. It finds
    an op that it skipped again through a float result, if the op has one; an ARG_MAX, for example, has none. It
    visits the last user first, or the first user first if the value's own range was redundant.
    """
    order = positions(function)
    known = set(formable)
    reached: set[Operation] = set()
    for op in function.body.block.ops:
        if not isinstance(op, DequantizeOp):
            continue
        uses = uses_in_order(op.results[0], order)
        if FIRST_USE_FIRST not in op.attributes:
            uses = [
                *(use for use in uses if isinstance(use.operation, ReturnOp)),
                *reversed([use for use in uses if not isinstance(use.operation, ReturnOp)]),
            ]
        for use in uses:
            if use.operation not in known:
                break
            reached.add(use.operation)
    return {op for op in formable if op not in reached and not any(is_float(value) for value in op.results)}


def _form(op: Operation) -> TflOp:
    """Replaces the op, the quantizes of its results and its reads of dequantizes by one op on integers; returns it."""
    operands = [_source(value) or value if is_float(value) else value for value in op.operands]
    targets = [_target(value) if is_float(value) else None for value in op.results]
    own = next((params for value in operands if (params := quantized_element(value)) is not None), None)
    types: list[Attribute] = [
        target.results[0].type
        if target is not None
        else quantized_tensor(value, own)
        if own is not None and is_float(value)
        else value.type
        for value, target in zip(op.results, targets, strict=True)
    ]
    attributes = {k: v for k, v in op.attributes.items() if k not in (names.VERSION, names.TENSOR)}
    made = type(op).create(operands=operands, result_types=types, properties=dict(op.properties), attributes=attributes)
    made.location = names.location_of(_result_names(op, targets))
    insert_before(op, made)
    for old, new, target in zip(op.results, made.results, targets, strict=True):
        if target is None:
            old.replace_all_uses_with(new)
        else:
            target.results[0].replace_all_uses_with(new)
            erase(target)
    erase(op)
    assert isinstance(made, TflOp)
    return made


def _read_shape_of_integers(op: Operation) -> None:
    """Lets an op that only looks at the shape of its operand look at that of the integers which an op makes."""
    source = _source(op.operands[0])
    if source is not None and not isinstance(producer(source), QuantizeOp):
        op.operands[0] = source


def _result_names(op: Operation, targets: list[QuantizeOp | None]) -> list[str | None]:
    """The names of the integer op's results.

    They are the names of the float results, unless the function returns the dequantized form of a result, perhaps
    through a pair of another width: that form keeps the name then, and the integer result has that of its quantize.
    """
    result_names: list[str | None] = []
    for name, target in zip(names.op_names(op), targets, strict=True):
        users = () if target is None else (use.operation for use in target.results[0].uses)
        restored = [user for user in users if isinstance(user, DequantizeOp)]
        between = kind_of(op) == INT16
        taken = any(is_returned(d.results[0]) or (between and names.op_names(d)[0] == name) for d in restored)
        result_names.append(names.op_names(target)[0] if taken and target is not None else name)
    return result_names
