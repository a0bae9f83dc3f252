"""Inserts the chosen parameters into the IR: a `tfl.quantize` after each value and a `tfl.dequantize` for its users.

See docs/semantics.md, Materialisation.
"""

from __future__ import annotations

from collections import Counter

from xdsl.dialects.builtin import LocationAttr, UnitAttr
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.quantization.facts import (
    BETWEEN_WIDTHS,
    FIRST_USE_FIRST,
    REQUANTIZES,
    VOLATILE,
    quantized_element,
    reads_float_beside_int8,
)
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.propagation import State
from tflir.passes.rewriting.values import is_returned, producer


def materialise(value: SSAValue, state: State, *, constant: bool, first_use_first: bool, tf_compat: bool) -> int:
    """Inserts the pairs of a value's state and returns their number.

    If a dequantize makes the value, its integers are requantized, except for a `constant`, which is quantized from its
    float elements. `first_use_first` adds the mark `facts.FIRST_USE_FIRST` to the dequantize.
    """
    assert state.params is not None
    made_by = producer(value)
    known = isinstance(made_by, DequantizeOp) and BETWEEN_WIDTHS not in made_by.attributes
    stored = made_by.operands[0] if known and made_by is not None else None
    if stored is not None and quantized_element(stored) is not None and not constant:
        return _requantize(stored, value, state, tf_compat=tf_compat)
    writer = _Writer(value)
    if not any(True for _ in value.uses):
        return 0
    users = [use for use in value.uses if not reads_float_beside_int8(use.operation, value)]
    returned = is_returned(value)
    made = value
    if state.replaced_by is not None:  # the op makes the value with its own parameters, before the requantization
        first = writer.quantize(value, state.replaced_by, volatile=not tf_compat)
        made = writer.dequantize(first, value, returned=returned)
    source = writer.quantize(made, state.params, requantizes=state.replaced_by is not None)
    restored = writer.dequantize(source, value, returned=returned, first_use_first=first_use_first)
    for use in users:
        use.operation.operands[use.index] = restored
    return 1 + _requantize(source, value, state, writer, tf_compat=tf_compat)


def _requantize(
    source: SSAValue, value: SSAValue, state: State, writer: _Writer | None = None, *, tf_compat: bool
) -> int:
    """Inserts a pair for each group of users that need other parameters, and returns the number of pairs."""
    for params, uses in state.requants.items():
        writer = writer or _Writer(value)
        requantized = writer.quantize(source, params, volatile=not tf_compat, requantizes=True)
        restored = writer.dequantize(requantized, value, returned=False)
        for op, index in uses:
            op.operands[index] = restored
    return len(state.requants)


class _Writer:
    """Inserts ops one after the other, directly after the op that makes a value or at the start of its block."""

    def __init__(self, value: SSAValue) -> None:
        self._name = names.name_of(value)
        self._made: Counter[str] = Counter()
        self._after: Operation | None = producer(value)
        self._block = value.block if isinstance(value, BlockArgument) else None

    def quantize(
        self, value: SSAValue, params: UniformQuantizedType, *, volatile: bool = True, requantizes: bool = False
    ) -> SSAValue:
        """Inserts a quantize. TensorFlow does not mark requantizations volatile, and so keeps some without need."""
        qtype = quantized_tensor(value, params)
        op = QuantizeOp.create(operands=[value], result_types=[qtype], properties={"qtype": qtype})
        if volatile:
            op.attributes[VOLATILE] = UnitAttr()
        if requantizes:
            op.attributes[REQUANTIZES] = UnitAttr()
        op.location = self._twin(str(params.storage))
        return self._insert(op)

    def dequantize(
        self, value: SSAValue, original: SSAValue, *, returned: bool, first_use_first: bool = False
    ) -> SSAValue:
        """Inserts a dequantize; its result has the name of `original` if the function returns it."""
        op = DequantizeOp.create(operands=[value], result_types=[original.type])
        if first_use_first:
            op.attributes[FIRST_USE_FIRST] = UnitAttr()
        op.location = names.named(self._name) if returned else self._twin("dequantize")
        return self._insert(op)

    def _twin(self, kind: str) -> LocationAttr:
        """A new name for another form of the value, such as `x_int8` and, for the second of this kind, `x_int82`."""
        if self._name is None:
            return names.UNNAMED
        self._made[kind] += 1
        number = "" if self._made[kind] == 1 else str(self._made[kind])
        return names.named(f"{self._name}_{kind}{number}")

    def _insert(self, op: Operation) -> SSAValue:
        if self._after is not None:
            block = self._after.parent
            assert isinstance(block, Block)
            block.insert_op_after(op, self._after)
        else:
            block = self._block
            assert block is not None
            first = block.first_op
            if first is None:
                block.add_op(op)
            else:
                block.insert_op_before(op, first)
        self._after = op
        return op.results[0]
