"""SVDF layers with int8 activations, int16 state and int16 weights over time."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.fixed_point16 import saturated
from tflir.backends.interpreter.kernel import Operands, Results, quantized_kernel
from tflir.backends.interpreter.options import number
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled, multiplier_of
from tflir.ir.tfl.recurrent import SVDFOp


@quantized_kernel(SVDFOp)
def svdf(op: SVDFOp, operands: Operands) -> Results:
    """Shifts the state of each filter by one step, applies its weights over time, and sums the filters of each unit.

    The fused activation is ignored, as in LiteRT: the range of the result limits it.
    """
    x, features, times, bias, state = operands
    source, held, result = (quantization(value) for value in (op.input, op.activation_state, op.output))
    feature_scale, time_scale = (quantization(value).scale for value in (op.feature_weights, op.time_weights))
    now = np.rint(centred(x, source).astype(np.float64) @ features.astype(np.float64).T).astype(np.int64)
    steps = state.reshape(len(x), *times.shape)
    steps[..., :-1] = steps[..., 1:].copy()
    steps[..., -1] = saturated(doubled(now, *multiplier_of(float(source.scale * feature_scale / held.scale))))
    if not np.shares_memory(steps, state):
        state[...] = steps.reshape(state.shape)
    filters = (steps.astype(np.int64) * times.astype(np.int64)).sum(-1)
    total = filters.reshape(len(x), -1, number(op.rank)).sum(-1)
    if bias is not None:
        total = total + bias
    return [stored(doubled(total, *multiplier_of(float(held.scale * time_scale / result.scale))), op.output)]
