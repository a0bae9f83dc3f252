"""The scales of channels, from the largest magnitudes that they take and from the weights that make and read them.

With a the largest magnitude of a channel, and r the largest share that its weights have in the largest weight of a row
that reads it, s = a^alpha / r^(1 - alpha). For alpha = 1/2, a / s = r s: the activation's channel takes as much of the
range of its tensor as its weights of the range of theirs (Nagel et al., arXiv:1906.04721, equation 11, with what is
measured in place of the producers' weights; Xiao et al., arXiv:2211.10438, equation 4, with shares of weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from tflir.ir.constants import load_numpy
from tflir.passes.channels.channel_ids import Classes, Float32
from tflir.passes.channels.trace import Trace
from tflir.passes.equalize.rules import Weighted

Float64 = npt.NDArray[np.float64]
_LEAST_SHARE = 2.0**-10
"""Weights of a smaller share count as this large: int8 has no finer step."""
_LEAST_MAXIMUM = 2.0**-7
"""A channel counts as large as this part of the largest of its tensor: it may exceed what was seen."""


def scales_of(
    trace: Trace, layers: Sequence[Weighted], maxima: Mapping[SSAValue, Float32], alpha: float
) -> tuple[Float64, Classes]:
    """The scale s of each class of channels, 1 where it has none; and the classes.

    `maxima`: the largest magnitude of each channel of values, shape `(channels,)`; without any, the largest weight that
    makes a channel stands for it. A channel is scaled if layers make it, layers read it, and nothing fixes it.
    """
    classes = trace.spaces.classes()
    largest = _maxima(trace, classes, maxima) if maxima else _maxima_of_weights(layers, classes)
    shares, only_depthwise = _shares(layers, classes)
    made, read = (np.zeros(classes.of.size, np.bool_) for _ in range(2))
    for layer in layers:
        made[classes.of[layer.rows]] = True
        read[classes.of[layer.columns]] = True
    free = made & read & (classes.why == 0) & (largest > 0)
    scales = np.ones(classes.of.size)
    wide = np.maximum(largest, np.finfo(np.float32).tiny)
    balanced = wide**alpha / np.maximum(shares, _LEAST_SHARE) ** (1 - alpha)
    scales[free] = np.where(only_depthwise, wide, balanced)[free]
    return scales, classes


def _maxima(trace: Trace, classes: Classes, maxima: Mapping[SSAValue, Float32]) -> Float64:
    """The largest magnitude of each class over all values that have it."""
    largest = np.zeros(classes.of.size)
    for value, found in maxima.items():
        channels = trace.channels.get(value)
        if channels is None or channels.ids.size != found.size or not np.isfinite(found).all():
            continue
        least = _LEAST_MAXIMUM * float(found.max(initial=0))
        np.maximum.at(largest, classes.of[channels.ids], np.maximum(found.astype(np.float64), least))
    return largest


def _maxima_of_weights(layers: Sequence[Weighted], classes: Classes) -> Float64:
    largest = np.zeros(classes.of.size)
    for layer in layers:
        np.maximum.at(largest, classes.of[layer.rows], _of_rows(layer, _magnitudes(layer)))
    return largest


def _shares(layers: Sequence[Weighted], classes: Classes) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """For each class the largest share of its weights in a row; and whether depthwise convolutions alone read it.

    Those have one weight tensor of their own for each channel, to which a scale makes no difference.
    """
    shares = np.zeros(classes.of.size)
    only_depthwise = np.ones(classes.of.size, np.bool_)
    for layer in layers:
        if layer.depthwise:
            continue
        magnitudes = _magnitudes(layer)
        rows = np.maximum(_of_rows(layer, magnitudes), np.finfo(np.float32).tiny)
        share = (magnitudes / rows[:, None, None]).max(axis=(0, 1), initial=0)
        np.maximum.at(shares, classes.of[layer.columns], share)
        only_depthwise[classes.of[layer.columns]] = False
    return shares, only_depthwise


def _magnitudes(layer: Weighted) -> Float64:
    """The magnitudes of the weights, shape `(rows, positions, columns)`; rows is 1 for a depthwise convolution."""
    array = load_numpy(layer.weights.source.value)
    return np.abs(array.reshape(array.shape[0], -1, array.shape[-1]).astype(np.float64))


def _of_rows(layer: Weighted, magnitudes: Float64) -> Float64:
    """The largest magnitude of the weights of each output channel."""
    return magnitudes.max(axis=(0, 1) if layer.depthwise else (1, 2), initial=0)
