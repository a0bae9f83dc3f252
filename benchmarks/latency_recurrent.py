"""LSTM layers whose latency is measured, at some sizes: the runtime has kernels of their own for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from latency_models import OPS, Builder, Make, type_of
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.ir import Attribute, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.recurrent import INTERMEDIATES

STEPS = 4


def recurrent() -> Iterator[Make]:
    """LSTM layers of some units that read as many numbers, or fewer or more."""
    for (kind, weight), batch in product((("f32", "f32"), ("f32", "qi8"), ("qi8", "qi8")), (1, 8)):
        for depth, units in product((32, 128, 512), (16, 64, 256)):
            if depth > units:
                yield _lstm(kind, weight, batch, depth - units, units)


def _lstm(kind: str, weight: str, batch: int, inputs: int, units: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (batch, STEPS, inputs), kind)
        read = [b.constant(f"x{gate}", (units, inputs), weight) for gate in range(4)]
        state = [b.constant(f"h{gate}", (units, units), weight) for gate in range(4)]
        none = b.absent()
        biases = [_bias(b, units, kind)] * 4
        cell = b.variable((batch, units), "f32" if kind == "f32" else "cell")
        operands = [x, *read, *state, *3 * [none], *biases, none, none, b.variable((batch, units), kind), cell]
        made = OPS["UNIDIRECTIONAL_SEQUENCE_LSTM"](
            *operands,
            *4 * [none],
            fused_activation_function="TANH",
            time_major=False,
            result_type=type_of((batch, STEPS, units), kind),
        )
        if kind == "qi8":
            made.attributes[names.INTERMEDIATES] = _intermediates()
        return made

    return make


def _bias(b: Builder, units: int, kind: str) -> SSAValue:
    return b.constant("b", (units,), "f32") if kind == "f32" else b.integers("b", units, kind, per_channel=False)


def _intermediates() -> Attribute:
    """Tensors without elements, of which the integer kernel reads the last one's scale."""
    last = len(INTERMEDIATES) - 1
    return ArrayAttr(
        [
            DictionaryAttr(
                {
                    "type": type_of((0,), "qi8" if index == last else "f32"),
                    "name": StringAttr(name),
                    "value": elements(np.zeros(0, np.int8 if index == last else np.float32)),
                }
            )
            for index, name in enumerate(INTERMEDIATES)
        ]
    )
