"""Recurrent layers in the reference interpreter, against LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_kernels import Const, State, agree

F32, I8 = np.float32, np.int8


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F32)


def _whole(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-127, 128, shape, I8)


def _weights(kind: str, *shape: int) -> Const:
    """Floats, or integers with one scale."""
    return Const(_floats(*shape)) if kind == "float" else Const(_whole(*shape), {"scales": [0.01]})


@pytest.mark.parametrize("kind", ["float", "symmetric", "asymmetric"])
@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize(
    ("peephole", "coupled", "norm", "projection"),
    [(False, False, False, False), (True, False, False, True), (True, True, False, False), (False, False, True, False)],
)
def test_lstm(kind: str, time_major: bool, peephole: bool, coupled: bool, norm: bool, projection: bool) -> None:
    batch, steps, inputs, units = 2, 3, 5, 4
    outputs = 3 if projection else units

    gates = [None if coupled and gate == 0 else gate for gate in range(4)]
    operands = [
        _floats(*((steps, batch) if time_major else (batch, steps)), inputs),
        *(None if gate is None else _weights(kind, units, inputs) for gate in gates),
        *(None if gate is None else _weights(kind, units, outputs) for gate in gates),
        *(None if gate is None or not peephole else _weights(kind, units) for gate in gates[:3]),
        *(None if gate is None else Const(_floats(units) + gate) for gate in gates),
        _weights(kind, outputs, units) if projection else None,
        Const(_floats(outputs)) if projection else None,
        State((batch, outputs)),
        State((batch, units)),
        *(Const(_floats(units) + gate) if norm else None for gate in range(4)),
    ]
    agree(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        operands,
        [(3, F32)],
        "UnidirectionalSequenceLSTMOptions",
        version=3,
        runs=2,
        fusedActivationFunction=4,
        cellClip=1.5,
        projClip=0.8 if projection else 0.0,
        timeMajor=time_major,
        asymmetricQuantizeInputs=kind == "asymmetric",
    )


@pytest.mark.parametrize("kind", ["float", "symmetric", "asymmetric"])
def test_svdf_and_rnn(kind: str) -> None:
    batch, inputs, units, rank, memory = 2, 6, 4, 2, 5
    agree(
        "SVDF",
        [
            _floats(batch, inputs),
            _weights(kind, units * rank, inputs),
            _weights(kind, units * rank, memory),
            Const(_floats(units)),
            State((batch, units * rank * memory)),
        ],
        [(2, F32)],
        "SVDFOptions",
        version=2,
        runs=3,
        rank=rank,
        fusedActivationFunction=1,
        asymmetricQuantizeInputs=kind == "asymmetric",
    )
    agree(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        [
            _floats(batch, 3, inputs),
            _weights(kind, units, inputs),
            _weights(kind, units, units),
            Const(_floats(units)),
            State((2, 4)),
        ],
        [(3, F32)],
        "SequenceRNNOptions",
        version=2,
        runs=2,
        fusedActivationFunction=4,
        asymmetricQuantizeInputs=kind == "asymmetric",
    )


@pytest.mark.parametrize("kind", ["float", "symmetric", "asymmetric"])
@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("auxiliary", ["", "stacked", "weighted"])
def test_bidirectional_lstm(kind: str, merged: bool, auxiliary: str) -> None:
    batch, steps, inputs, units = 1 if merged else 2, 3, 5, 4  # LiteRT reads undefined memory for merged batches
    sizes = {"": 0, "stacked": inputs, "weighted": 3}

    def layer() -> list[Any]:
        return [
            *(_weights(kind, units, inputs) for _ in range(4)),
            *(_weights(kind, units, units) for _ in range(4)),
            *(None for _ in range(3)),
            *(Const(_floats(units) + gate) for gate in range(4)),
            None,
            None,
        ]

    aux_weights = [_weights(kind, units, 3) if auxiliary == "weighted" else None for _ in range(8)]
    operands = [
        _floats(batch, steps, inputs),
        *layer(),
        *layer(),
        *(State((batch, units)) for _ in range(4)),
        _floats(batch, steps, sizes[auxiliary]) if auxiliary else None,
        *aux_weights,
    ]
    agree(
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        operands,
        [(3, F32)] if merged else [(3, F32), (3, F32)],
        "BidirectionalSequenceLSTMOptions",
        version=3,
        runs=2,
        fusedActivationFunction=4,
        mergeOutputs=merged,
        timeMajor=False,
        asymmetricQuantizeInputs=kind == "asymmetric",
    )


def test_one_step() -> None:
    batch, inputs, units = 2, 5, 4
    agree(
        "LSTM",
        [
            _floats(batch, inputs),
            *(Const(_floats(units, inputs)) for _ in range(4)),
            *(Const(_floats(units, units)) for _ in range(4)),
            *(None for _ in range(3)),
            *(Const(_floats(units) + gate) for gate in range(4)),
            None,
            None,
            State((batch, units)),
            State((batch, units)),
        ],
        [(2, F32)],
        "LSTMOptions",
        runs=2,
        fusedActivationFunction=4,
    )
    agree(
        "LSTM",
        [
            _floats(batch, inputs),
            State((batch, units)),
            Const(_floats(4 * units, inputs + units)),
            Const(_floats(4 * units)),
            State((batch, units)),
        ],
        [(2, F32)] * 4,
        "LSTMOptions",
        runs=2,
        version=2,
        fusedActivationFunction=4,
        kernelType=1,
    )
    agree(
        "RNN",
        [
            _floats(batch, inputs),
            Const(_floats(units, inputs)),
            Const(_floats(units, units)),
            Const(_floats(units)),
            State((batch, units)),
        ],
        [(2, F32)],
        "RNNOptions",
        runs=2,
        fusedActivationFunction=1,
    )


@pytest.mark.parametrize("merged", [False, True])
def test_bidirectional_rnn(merged: bool) -> None:
    """Of floats alone: LiteRT's kernel for integer weights reads memory that is not its own."""
    batch, steps, inputs, units = 2, 3, 5, 4
    layer = [Const(_floats(units, inputs)), Const(_floats(units, units)), Const(_floats(units)), State((batch, units))]
    agree(
        "BIDIRECTIONAL_SEQUENCE_RNN",
        [_floats(steps, batch, inputs), *layer, *layer, None, None, None],
        [(3, F32)] if merged else [(3, F32), (3, F32)],
        "BidirectionalSequenceRNNOptions",
        version=3,
        runs=2,
        fusedActivationFunction=1,
        mergeOutputs=merged,
        timeMajor=True,
    )
