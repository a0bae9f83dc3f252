"""Inserts the chosen parameters into the IR: a `tfl.quantize` after each value and a `tfl.dequantize` for its users.

See docs/semantics.md, Materialisation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from xdsl.dialects.builtin import LocationAttr, UnitAttr
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue, Use

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.quantization.facts import (
    FIRST_USE_FIRST,
    FLOAT,
    INT8,
    INT16,
    REQUANTIZES,
    VOLATILE,
    is_quantizable,
    kind_of,
)
from tflir.passes.quantization.int16_facts import activations, takes_any_type
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.propagation import State
from tflir.passes.rewriting.values import producer


def materialise(
    value: SSAValue, states: Mapping[str, State], *, constant: bool, first_use_first: bool, tf_compat: bool
) -> int:
    """Inserts the pairs of a value, which has a state for each kind of activations, and returns their number.

    The op that makes the value makes it with the parameters of its own kind, and ops of the other kind requantize that,
    each to what it needs. If no integer op makes it, ops of each kind quantize the float value for themselves. If a
    dequantize makes it, its integers are requantized for int8, except for a `constant`, which is quantized from its
    float elements. All users of an argument read the same pair, so that `tfl-modify-io-nodes` can make it an input of
    that type.
    `first_use_first` adds the mark `facts.FIRST_USE_FIRST` to the dequantize of int8.
    """
    made_by, name, uses = producer(value), names.name_of(value), list(value.uses)
    stored = made_by.operands[0] if isinstance(made_by, DequantizeOp) and not constant else None
    maker = _maker(made_by)
    read, pairs = value, 0
    for kind in sorted(states, key=lambda kind: (kind != maker, kind)):
        state, writer = states[kind], _Writer(read, name)
        if kind == INT8 and stored is not None and quantized_element(stored) is not None:
            pairs += _requantize(stored, value, state, writer, tf_compat=tf_compat)
            continue
        everyone = kind == maker or (isinstance(value, BlockArgument) and len(states) == 1)
        users = [use for use in uses if everyone or _reads(use, kind, maker)]
        if not users:
            continue
        source, restored = _pair(
            writer, read, state, users, first_use_first=first_use_first and kind == INT8, tf_compat=tf_compat
        )
        others = kind != maker and INT16 in (kind, maker) and not isinstance(value, BlockArgument)
        pairs += 1 + _requantize(read if others else source, value, state, writer, tf_compat=tf_compat)
        if kind == maker:
            read = restored
    return pairs


def _maker(op: Operation | None) -> str:
    """The kind of the integer op that makes a value; `float` if none does."""
    kind = FLOAT if op is None else kind_of(op)
    return kind if kind != INT8 or (op is not None and is_quantizable(op)) else FLOAT


def _reads(use: Use, kind: str, maker: str) -> bool:
    """Whether the use reads integers of this kind; what reads float may read those of int8, made float again.

    An op that only looks at the shape of an int16 result looks at this one.
    """
    op = use.operation
    if isinstance(op, TflOp) and kind_of(op) == INT16:
        return kind == INT16 and use.index in activations(op)
    return kind == INT8 and not (maker == INT16 and takes_any_type(op))


def _pair(
    writer: _Writer, value: SSAValue, state: State, users: list[Use], *, first_use_first: bool, tf_compat: bool
) -> tuple[SSAValue, SSAValue]:
    """Inserts the pair that `users` read instead of the value; returns its integers and what they stand for."""
    assert state.params is not None
    returned = any(isinstance(use.operation, ReturnOp) for use in users)
    made = value
    if state.replaced_by is not None:  # the op makes the value with its own parameters, before the requantization
        first = writer.quantize(value, state.replaced_by, volatile=not tf_compat)
        made = writer.dequantize(first, value, returned=returned)
    source = writer.quantize(made, state.params, requantizes=state.replaced_by is not None)
    restored = writer.dequantize(source, value, returned=returned, first_use_first=first_use_first)
    for use in users:
        use.operation.operands[use.index] = restored
    return source, restored


def _requantize(source: SSAValue, value: SSAValue, state: State, writer: _Writer, *, tf_compat: bool) -> int:
    """Inserts a pair for each group of users that need other parameters, and returns the number of pairs."""
    for params, uses in state.requants.items():
        requantized = writer.quantize(source, params, volatile=not tf_compat, requantizes=True)
        restored = writer.dequantize(requantized, value, returned=False)
        for op, index in uses:
            op.operands[index] = restored
    return len(state.requants)


class _Writer:
    """Inserts ops one after the other, directly after the op that makes a value or at the start of its block."""

    def __init__(self, value: SSAValue, name: str | None) -> None:
        self._name = name
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
