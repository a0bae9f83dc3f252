"""LSTM layers of integers in the reference interpreter: the same to the bit as LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_kernels import Const, Given, Quantized, State, agree

I8, I16, I32 = np.int8, np.int16, np.int32


def _whole(dtype: Any, low: int, high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape) + high).integers(low, high, shape, dtype)


def _weights(scale: float, *shape: int) -> Const:
    return Const(_whole(I8, -127, 128, *shape), {"scales": [scale]})


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("cell_exponent", [-9, -11, -15])
@pytest.mark.parametrize("point", [0, -21])
@pytest.mark.parametrize(
    ("peephole", "coupled", "norm", "projection"),
    [
        (False, False, False, False),
        (True, False, False, True),
        (True, True, False, False),
        (False, False, True, False),
        (False, True, True, True),
    ],
)
def test_lstm(
    time_major: bool, cell_exponent: int, point: int, peephole: bool, coupled: bool, norm: bool, projection: bool
) -> None:
    batch, steps, inputs, units = 2, 4, 6, 8
    outputs = 5 if projection else units
    gates = [None if coupled and gate == 0 else gate for gate in range(4)]
    shape = (steps, batch, inputs) if time_major else (batch, steps, inputs)
    biases = [Const(_whole(I32, -5000, 5000 + gate, units), {"scales": [1e-4]}) for gate in range(4)]
    state = {"scales": [0.008], "zero_points": [point]}
    operands = [
        Given(_whole(I8, -128, 127, *shape), {"scales": [0.02], "zero_points": [point + 5]}),
        *(None if gate is None else _weights(0.01 + 0.002 * gate, units, inputs) for gate in gates),
        *(None if gate is None else _weights(0.012 + 0.003 * gate, units, outputs) for gate in gates),
        *(
            None
            if gate is None or not peephole
            else Const(_whole(I16, -32767, 32767 - gate, units), {"scales": [2e-5]})
            for gate in gates[:3]
        ),
        *(None if gate is None else biases[gate] for gate in gates),
        _weights(0.02, outputs, units) if projection else None,
        Const(_whole(I32, -3000, 3000, outputs), {"scales": [1e-4]}) if projection else None,
        State((batch, outputs), I8, state),
        State((batch, units), I16, {"scales": [2.0**cell_exponent]}),
        *(
            Const(_whole(I16, 1000, 32000 + gate, units), {"scales": [4e-5]})
            if norm and gates[gate] is not None
            else None
            for gate in range(4)
        ),
    ]
    agree(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        operands,
        [Quantized(3, I8, 0.008, point)],
        "UnidirectionalSequenceLSTMOptions",
        version=1,
        runs=2,
        intermediates=[
            *(Quantized(1, I16, 2.0**-11 * (1 + gate), 0) for gate in range(4)),
            Quantized(1, I8, 0.007 if projection else 0.008, 3 if projection else point),
        ],
        fusedActivationFunction=4,
        cellClip=0.9 if point else 0.0,
        projClip=0.5 if projection and point else 0.0,
        timeMajor=time_major,
    )


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("point", [0, 17])
def test_svdf(rank: int, point: int) -> None:
    batch, inputs, units, memory = 2, 6, 4, 5
    agree(
        "SVDF",
        [
            Given(_whole(I8, -128, 127, batch, inputs), {"scales": [0.02], "zero_points": [point]}),
            _weights(0.01, units * rank, inputs),
            Const(_whole(I16, -3000, 3000, units * rank, memory), {"scales": [1e-3]}),
            Const(_whole(I32, -5000, 5000, units), {"scales": [1e-6]}),
            State((batch, units * rank * memory), I16, {"scales": [0.001]}),
        ],
        [Quantized(2, I8, 0.05, point - 100)],
        "SVDFOptions",
        version=3,
        runs=6,
        rank=rank,
        fusedActivationFunction=1,
    )
