"""Plain recurrent layers and filters over time with float activations; their weights are floats or integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.fused import cell_activation
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, hybrid_kernel
from tflir.backends.interpreter.options import flag, number, option
from tflir.backends.interpreter.recurrent_products import Weights, vector_of, weights_of
from tflir.ir.tfl.legacy import RNNOp
from tflir.ir.tfl.recurrent import SVDFOp, UnidirectionalSequenceRNNOp


@float_kernel(UnidirectionalSequenceRNNOp)
@hybrid_kernel(UnidirectionalSequenceRNNOp)
def rnn_sequence(op: UnidirectionalSequenceRNNOp, operands: Operands) -> Results:
    in_front = flag(op.time_major)
    steps = operands[0] if in_front else operands[0].swapaxes(0, 1)
    outputs = _unrolled(op, operands, steps)
    return [outputs if in_front else outputs.swapaxes(0, 1)]


@float_kernel(RNNOp)
@hybrid_kernel(RNNOp)
def rnn_step(op: RNNOp, operands: Operands) -> Results:
    return [_unrolled(op, operands, operands[0][None])[0]]


def _unrolled(op: Any, operands: Operands, steps: Array) -> Array:
    """The outputs of `steps` [time, batch, inputs]; the last operand is the state."""
    _, inputs, recurrent, bias, h = operands
    asymmetric = flag(option(op, "asymmetric_quantize_inputs"))
    read, repeat = (
        weights_of(op.operands[place], array, asymmetric=asymmetric) for place, array in ((1, inputs), (2, recurrent))
    )
    assert isinstance(read, Weights)
    assert isinstance(repeat, Weights)
    outputs = np.empty((*steps.shape[:2], h.shape[-1]), h.dtype)
    for time, x in enumerate(steps):
        total = read.product(x) + repeat.product(h) + bias
        h[...] = cell_activation(total, option(op, "fused_activation_function"))
        outputs[time] = h
    return outputs


@float_kernel(SVDFOp)
@hybrid_kernel(SVDFOp)
def svdf(op: SVDFOp, operands: Operands) -> Results:
    """A filter is a product over the features, and then over the last steps in time, which the state keeps."""
    x, features, times, bias, state = operands
    weights = weights_of(op.feature_weights, features, asymmetric=flag(op.asymmetric_quantize_inputs))
    over_time = vector_of(op.time_weights, times)
    assert weights is not None
    memory = state.reshape(x.shape[0], *times.shape)  # [batch, filters, steps]
    memory[..., :-1] = memory[..., 1:].copy()
    memory[..., -1] = weights.product(x)
    filtered = (memory * over_time).sum(-1).reshape(x.shape[0], -1, number(op.rank))
    total = filtered.sum(-1)
    return [cell_activation(total if bias is None else total + bias, op.fused_activation_function)]
