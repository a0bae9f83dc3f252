"""`tfl-post-quantize`: removes what quantization leaves over (docs/semantics.md, Clean-up)."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.edit import erase
from tflir.passes.quantization.facts import (
    REQUANTIZES,
    VOLATILE,
    clear_marks,
    is_preserved,
    is_returned,
    is_same_scale,
    producer,
    quantized_element,
)

_REMOVABLE = (ConstOp, QConstOp, NoValueOp, QuantizeOp, DequantizeOp)


@dataclass(frozen=True)
class PostQuantizePass(TflPass):
    """
    Removes pairs of quantize and dequantize that a recorded range brought and that no integer op came to use,
    folds requantizations into the ops before them, and removes quantize ops, dequantize ops and constants that
    nothing reads any more.

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
    Pairs at the inputs and outputs of a function stay until `tfl-modify-io-nodes` has had its say;
    `tfl-post-quantize-remove-qdq` removes them.
    """

    name = "tfl-post-quantize"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            if isinstance(op, QuantizeOp):
                _requantize_directly(op, report)
        remove_pairs(module, report, interface=False)
        remove_unread(module, report)
        for op in list(module.walk()):
            if isinstance(op, QuantizeOp):
                _fold_requantize(op, report)
        remove_unread(module, report)


@dataclass(frozen=True)
class RemoveQDQPass(TflPass):
    """
    Removes the pairs of quantize and dequantize at the inputs and outputs of functions that recorded ranges brought.

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
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        remove_pairs(module, report, interface=True)
        remove_unread(module, report)
        clear_marks(module)


def remove_pairs(module: ModuleOp, report: PassReport, *, interface: bool) -> None:
    """Lets users of `dequantize(quantize(x))` read x; with `interface` also where x comes in or the pair goes out."""
    for op in list(module.walk()):
        if not isinstance(op, DequantizeOp) or op.results[0].first_use is None:
            continue
        quantize = producer(op.operands[0])
        if not isinstance(quantize, QuantizeOp) or VOLATILE not in quantize.attributes:
            continue
        source = quantize.operands[0]
        if not interface and (isinstance(source, BlockArgument) or _only_returned(op)):
            continue
        if quantized_element(source) is not None:  # a requantization that others need: what is before it is finer
            op.operands[0] = source
        else:
            _bypass(op, source)
        report.count("pairs removed")


def _only_returned(op: DequantizeOp) -> bool:
    return op.results[0].has_one_use() and is_returned(op.results[0])


def _bypass(op: DequantizeOp, source: SSAValue) -> None:
    """Lets the users of `op` read `source`; a returned tensor keeps its name."""
    if is_returned(op.results[0]) and isinstance(source, OpResult) and len(source.op.results) == 1:
        source.op.location = op.location
    op.results[0].replace_all_uses_with(source)


def _requantize_directly(op: QuantizeOp, report: PassReport) -> None:
    """Lets a quantize of a dequantized tensor read the integers themselves; it goes where they are the same."""
    source = op.operands[0]
    if not isinstance(source, OpResult) or not isinstance(source.op, DequantizeOp):
        return
    if is_preserved(op) and is_preserved(source.op):
        return
    stored = source.op.operands[0]
    if quantized_element(stored) is None:
        return
    if stored.type == op.results[0].type:
        op.results[0].replace_all_uses_with(stored)
        erase(op)
    else:
        op.operands[0] = stored
    report.count("requantizations of the integers themselves")


def _fold_requantize(op: QuantizeOp, report: PassReport) -> None:
    """The op before a requantization makes the new parameters itself, where its kernel can and nothing else reads."""
    source = op.operands[0]
    if VOLATILE not in op.attributes and REQUANTIZES not in op.attributes:
        return  # the model's own: the first parameters may saturate
    if quantized_element(source) is None or not isinstance(source, OpResult) or source.has_more_than_one_use():
        return
    maker = source.op
    if not isinstance(maker, TflOp) or isinstance(maker, QuantizeOp):
        return
    info = maker.INFO
    if not info.quantizable or is_same_scale(maker) or info.fixed_output is not None:
        return
    made = Rewriter.replace_value_with_new_type(source, op.results[0].type)
    op.results[0].replace_all_uses_with(made)
    erase(op)
    report.count("requantizations folded")


def remove_unread(module: ModuleOp, report: PassReport) -> None:
    """Removes quantize and dequantize ops and constants that nothing reads, and what only they read."""
    pending = [op for op in module.walk() if isinstance(op, _REMOVABLE)]
    while pending:
        op = pending.pop()
        if op.parent is None or any(result.first_use is not None for result in op.results):
            continue
        sources = [value.op for value in op.operands if isinstance(value, OpResult)]
        erase(op)
        report.count("ops removed")
        pending += [source for source in sources if isinstance(source, _REMOVABLE)]
