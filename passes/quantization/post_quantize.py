"""`tfl-post-quantize`: removes unneeded pairs, requantizations and constants (docs/semantics.md, Clean-up).

Rules remove pairs and fold requantizations. Ops that nothing reads are removed by a sweep over the whole module, since
rules only find the ops whose last use they removed, and quantization leaves many others.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument, OpResult

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import (
    INT16,
    REQUANTIZES,
    VOLATILE,
    clear_marks,
    is_preserved,
    is_same_scale,
    kind_of,
)
from tflir.passes.quantization.refused import made_too_fine
from tflir.passes.rewriting import PatternRewriter, RewritePattern, op_type_rewrite_pattern, rewrite
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_float, is_returned, producer

_REMOVABLE = (ConstOp, QConstOp, NoValueOp, QuantizeOp, DequantizeOp)


@dataclass(frozen=True)
class PostQuantizePass(TflPass):
    """
    Removes quantize/dequantize pairs that were inserted for a recorded range and that no integer op uses, folds
    requantizations into the ops before them, and removes quantize ops, dequantize ops and constants that nothing reads
    any more.

    ```mlir
    %w = "tfl.pseudo_const"() …
    %q = "tfl.pseudo_qconst"() …
    %d = "tfl.dequantize"(%q) …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    becomes
    ```mlir
    %q = "tfl.pseudo_qconst"() …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    Pairs at the inputs and outputs of a function are kept, since `tfl-modify-io-nodes` uses them;
    `tfl-post-quantize-remove-qdq` removes them afterwards.
    """

    name = "tfl-post-quantize"
    changes = "lossy"
    per_function = True

    tf_compat: bool = False
    """Fold requantizations to whatever scale, also where the kernel of the op before aborts then."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        rewrite(module, [RequantizeDirectly()], report)
        rewrite(module, [RemovePair(interface=False)], report)
        remove_unread(module, report)
        rewrite(module, [FoldRequantize(any_scale=self.tf_compat)], report)
        remove_unread(module, report)


@dataclass(frozen=True)
class RemoveQDQPass(TflPass):
    """
    Removes the quantize/dequantize pairs at the inputs and outputs of functions that were inserted for recorded ranges.

    ```mlir
    %q = "tfl.quantize"(%x) {volatile} …
    %d = "tfl.dequantize"(%q) {volatile} …
    %y = "tfl.sin"(%d) …
    ```
    becomes
    ```mlir
    %y = "tfl.sin"(%x) …
    ```
    """

    name = "tfl-post-quantize-remove-qdq"
    changes = "lossy"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        rewrite(module, [RemovePair(interface=True), QuantizeOnce()], report)
        remove_unread(module, report)
        clear_marks(module)


class RemovePair(RewritePattern):
    """Replaces `dequantize(quantize(x))` by x; with `interface`, also if x is an argument or the pair is returned."""

    does = "pairs removed"

    def __init__(self, *, interface: bool) -> None:
        self.interface = interface

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DequantizeOp, rewriter: PatternRewriter) -> None:
        quantize = producer(op.operands[0])
        if op.results[0].first_use is None or not isinstance(quantize, QuantizeOp):
            return None
        if VOLATILE not in quantize.attributes:
            return rewriter.decline("the model itself quantizes there")
        source = quantize.operands[0]
        if not self.interface and (isinstance(source, BlockArgument) or _only_returned(op)):
            return rewriter.decline("it is at an input or output")
        if quantized_element(source) is not None:  # a requantization: dequantizing its operand is more precise
            rewriter.set_operand(op, 0, source)
        else:
            rewriter.replace(op, source)


def _only_returned(op: DequantizeOp) -> bool:
    return op.results[0].has_one_use() and is_returned(op.results[0])


class RequantizeDirectly(RewritePattern):
    """Lets a quantize of a dequantized tensor read the integers directly; removes it if the types are equal."""

    does = "requantizations of the integers themselves"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: QuantizeOp, rewriter: PatternRewriter) -> None:
        source = producer(op.operands[0])
        if not isinstance(source, DequantizeOp):
            return None
        if is_preserved(op) and is_preserved(source):
            return rewriter.decline("the model itself requantizes there")
        stored = source.operands[0]
        if quantized_element(stored) is None:
            return None
        if stored.type == op.results[0].type:
            rewriter.replace_all_uses_with(op.results[0], stored)
            rewriter.erase(op)
        else:
            rewriter.set_operand(op, 0, stored)


class QuantizeOnce(RewritePattern):
    """Lets a requantization to int16 quantize the float value itself, if an input of the model stayed float."""

    does = "values quantized once"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: QuantizeOp, rewriter: PatternRewriter) -> None:
        first, made = producer(op.operands[0]), quantized_element(op.results[0])
        if not isinstance(first, QuantizeOp) or REQUANTIZES not in op.attributes or VOLATILE not in first.attributes:
            return
        if is_float(first.operands[0]) and made is not None and made.storage.width.data == 16:
            rewriter.set_operand(op, 0, first.operands[0])


class FoldRequantize(RewritePattern):
    """Removes a requantization: the op before it makes its result with the new parameters.

    This requires that its kernel can, and that the requantization is the only user of the result.
    """

    does = "requantizations folded"

    def __init__(self, *, any_scale: bool) -> None:
        self.any_scale = any_scale

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: QuantizeOp, rewriter: PatternRewriter) -> None:
        source = op.operands[0]
        made, wanted = quantized_element(source), quantized_element(op.results[0])
        if made is None or wanted is None or not isinstance(source, OpResult):
            return None
        if made.storage != wanted.storage:
            return rewriter.decline("no kernel reads and makes integers of different types")
        if VOLATILE not in op.attributes and REQUANTIZES not in op.attributes:
            return rewriter.decline("it is the model's own: the first parameters may saturate")
        if source.has_more_than_one_use():
            return rewriter.decline("others read the value with the first parameters")
        producing_op = source.op
        if not isinstance(producing_op, TflOp) or isinstance(producing_op, QuantizeOp):
            return None
        info = producing_op.INFO
        if kind_of(producing_op) == INT16:
            return rewriter.decline("its weights follow from its first scale", producing_op)
        if not info.quantizable or is_same_scale(producing_op) or info.fixed_output is not None:
            return rewriter.decline("the op before it can't have other parameters", producing_op)
        if not self.any_scale and info.result_state is not None:
            return rewriter.decline("the op before it keeps its result with the first parameters", producing_op)
        if not self.any_scale and made_too_fine(producing_op, wanted):
            return rewriter.decline("the kernel of the op before it takes no scale so fine", producing_op)
        result = rewriter.replace_value_with_new_type(source, op.results[0].type)
        rewriter.replace_all_uses_with(op.results[0], result)
        rewriter.erase(op)


def remove_unread(module: ModuleOp, report: PassReport) -> None:
    """Removes quantize ops, dequantize ops and constants that nothing reads, and those that only these read."""
    pending = [op for op in module.walk() if isinstance(op, _REMOVABLE)]
    while pending:
        op = pending.pop()
        if op.parent is None or any(result.first_use is not None for result in op.results):
            continue
        sources = [value.op for value in op.operands if isinstance(value, OpResult)]
        erase(op)
        report.count("ops removed")
        pending += [source for source in sources if isinstance(source, _REMOVABLE)]
