"""Plain recurrent layers and filters over time with float activations; their weights are floats or integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.fused import cell_activation
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, hybrid_kernel
from tflir.backends.interpreter.options import flag, number, option
from tflir.backends.interpreter.recurrent_products import Weights, vector_of, weights_of
from tflir.ir.tfl.legacy import BidirectionalSequenceRNNOp, RNNOp
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


@float_kernel(BidirectionalSequenceRNNOp)
@hybrid_kernel(BidirectionalSequenceRNNOp)
def bidirectional_rnn(op: BidirectionalSequenceRNNOp, operands: Operands) -> Results:
    """An auxiliary input without weights replaces the input of the backward layer."""
    in_front = flag(option(op, "time_major"))
    steps, auxiliary = operands[0], operands[9] if operands[9:] else None
    if not in_front:
        steps, auxiliary = steps.swapaxes(0, 1), None if auxiliary is None else auxiliary.swapaxes(0, 1)
    weighted = operands[10] is not None if operands[10:] else False
    behind = steps if auxiliary is None or weighted else auxiliary
    extra = auxiliary if weighted else None
    ahead = _unrolled(op, operands, steps, auxiliary=extra, auxiliary_place=10)
    back = _unrolled(op, operands, behind, first=5, backward=True, auxiliary=extra, auxiliary_place=11)
    outputs = [np.concatenate([ahead, back], -1)] if flag(option(op, "merge_outputs")) else [ahead, back]
    return [out if in_front else out.swapaxes(0, 1) for out in outputs]


def _unrolled(
    op: Any,
    operands: Operands,
    steps: Array,
    *,
    first: int = 1,
    backward: bool = False,
    auxiliary: Array | None = None,
    auxiliary_place: int = 0,
) -> Array:
    """The outputs of `steps` [time, batch, inputs].

    The operands from number `first` are the input's weights, the recurrent weights, the bias and the state, which is
    updated; the weights of the `auxiliary` input are operand `auxiliary_place`.
    """
    asymmetric = flag(option(op, "asymmetric_quantize_inputs"))

    def weights(number: int) -> Weights:
        matrix = weights_of(op.operands[number], operands[number], asymmetric=asymmetric)
        assert matrix is not None
        return matrix

    read, repeat, (bias, h) = weights(first), weights(first + 1), operands[first + 2 : first + 4]
    more = None if auxiliary is None else weights(auxiliary_place)
    outputs = np.empty((*steps.shape[:2], h.shape[-1]), h.dtype)
    order = range(len(steps))
    for time in reversed(order) if backward else order:
        total = read.product(steps[time]) + repeat.product(h) + bias
        if more is not None and auxiliary is not None:
            total = total + more.product(auxiliary[time])
        h[...] = cell_activation(total, option(op, "fused_activation_function"))
        outputs[time] = h
    return outputs


@float_kernel(SVDFOp)
@hybrid_kernel(SVDFOp)
def svdf(op: SVDFOp, operands: Operands) -> Results:
    """Each filter is a product over the features, followed by a product over the last time steps, which the
    state holds.
    """
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
