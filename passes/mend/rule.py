"""What the rules of mending share: which tensors the delegate computes with, and putting a draft in an op's place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, Float32Type
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.targets import TARGETS
from tflir.ir.targets.site import Site
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.canonicalize.interface import can_replace
from tflir.passes.mend.draft import Draft
from tflir.passes.mend.gain import worthwhile
from tflir.passes.rewriting import PatternRewriter, RewritePattern
from tflir.passes.rewriting.carrying import from_all
from tflir.passes.rewriting.values import is_returned

MOST_DIMENSIONS = 6
"""The most dimensions that the default delegate takes."""
_TARGET = TARGETS.get("xnnpack")
UNKNOWN_SHAPE = "shapes are known only when the model runs"


@dataclass(frozen=True)
class MendRule(RewritePattern):
    """A rule that builds a draft for an op that the delegate refuses, and takes it where that is faster."""

    always: bool = False
    """Take it whether it is faster or not."""

    def put(self, rewriter: PatternRewriter, draft: Draft, *made: SSAValue | None) -> None:
        """Puts what `draft` holds in the place of its op, whose results `made` stand for; None for one unread."""
        draft.prune(made)
        if (why := _lost_name(draft, made) or self._not_better(draft)) is not None:
            draft.discard()
            return rewriter.decline(why)
        typed = [_of_type(draft, value, old.type) for value, old in zip(made, draft.op.results, strict=True)]
        _name_steps(draft, typed)
        if len(typed) > 1:
            _name_results(draft, typed)
            rewriter.replace(draft.op, [value.op for value in typed if draft.has(value)], typed)
        elif draft.has(only := typed[0]):
            rewriter.replace(draft.op, only.op)
        elif only is not None:
            rewriter.replace(draft.op, only)

    def _not_better(self, draft: Draft) -> str | None:
        """Why the op stays: the delegate takes it, or not what would stand for it, or that is not faster."""
        verdict = _TARGET.verdict(draft.op)
        if verdict.taken:
            return "the delegate takes it as it is"
        for made in draft.ops:
            if not (other := _TARGET.verdict(made)).taken:
                return f"the delegate does not take what would stand for it: {other.reason}"
        if self.always or verdict.status != "refused" or worthwhile([draft.op], draft.ops):
            return None
        return "the form that the delegate takes is not faster here"


def _lost_name(draft: Draft, made: Sequence[SSAValue | None]) -> str | None:
    """Why the op stays: an output would have the name of a value that was there before; None where that is not so."""
    for result, value in zip(draft.op.results, made, strict=True):
        if value is None or draft.has(value):
            continue
        if not can_replace(result, value) or (_is_quantized_input(value) and _is_dequantized_output(result)):
            return "it makes an output that would lose its name"
    return None


def _is_quantized_input(value: SSAValue) -> bool:
    return isinstance(value, OpResult) and isinstance(value.op, QuantizeOp)


def _is_dequantized_output(value: SSAValue) -> bool:
    """Whether an output is made of the value: it and a quantize before it would be removed together."""
    readers = (use.operation for use in value.uses)
    return any(isinstance(reader, DequantizeOp) and is_returned(reader.output) for reader in readers)


def site_of(op: Operation) -> Site:
    """An op as the delegate's table looks at it."""
    return Site(op, _TARGET)


def computed(*values: SSAValue) -> str | None:
    """Why the delegate does not compute with such tensors; None where it does."""
    for value in values:
        element, shape = element_of(value.type), shape_of(value.type)
        if not _is_computed(element):
            return "the delegate computes with float and 8-bit tensors of one scale"
        if shape is None:
            return UNKNOWN_SHAPE
        if len(shape) > MOST_DIMENSIONS:
            return "the delegate takes 6 dimensions at most"
        if 0 in shape:
            return "it has no elements"
    return None


def moved(op: Operation, values: Sequence[SSAValue]) -> str | None:
    """Why `op`, which moves elements of `values`, has no form that the delegate takes; None where it may have."""
    if (why := computed(*values, *op.results)) is not None:
        return why
    kinds = {element_of(value.type) for value in (*values, *op.results)}
    return None if len(kinds) == 1 else "operands and results have other scales"


def is_static(*values: SSAValue) -> bool:
    """Whether all dimensions are known."""
    return all(-1 not in (shape_of(value.type) or (-1,)) for value in values)


def quantized(value: SSAValue) -> UniformQuantizedType | None:
    """The type of the elements of an 8-bit tensor of one scale; None for others."""
    element = element_of(value.type)
    return element if isinstance(element, UniformQuantizedType) and _is_computed(element) else None


def _is_computed(element: Attribute | None) -> bool:
    if isinstance(element, UniformQuantizedType):
        return element.storage.width.data == 8 and not element.layout.axes
    return isinstance(element, Float32Type)


def _of_type(draft: Draft, value: SSAValue | None, kind: Attribute) -> SSAValue | None:
    """A value of a draft with the very type of the result that it stands for."""
    if draft.has(value) and value.type != kind:
        return Rewriter.replace_value_with_new_type(value, kind)
    return value


def _name_steps(draft: Draft, results: Sequence[SSAValue | None]) -> None:
    """Names what the ops of a draft make after the tensor that they are for: `y_slice`, `y_slice_1`, `y_concatenation`.

    What makes a result gets the result's own name.
    """
    base = names.op_names(draft.op)[0]
    if base is None:
        return
    count = Counter[str]()
    for made in draft.ops:
        if any(value is result for value in made.results for result in results):
            continue
        kind = made.name.removeprefix("tfl.")
        name = f"{base}_{kind}_{count[kind]}" if count[kind] else f"{base}_{kind}"
        made.location = from_all(names.named(name), [draft.op.location])
        count[kind] += 1


def _name_results(draft: Draft, made: Sequence[SSAValue | None]) -> None:
    """Gives the ops that make the results of an op one by one the names and records of its tensors."""
    old = draft.op
    extras = old.attributes.get(names.TENSOR)
    held = cast("ArrayAttr[Attribute]", extras).data if isinstance(extras, ArrayAttr) else [extras] * len(made)
    for value, name, record in zip(made, names.op_names(old), held, strict=True):
        if not draft.has(value):
            continue
        value.op.location = names.named(name)
        if record is not None:
            value.op.attributes[names.TENSOR] = record
