"""Activation functions of floats."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import Chebyshev

from tflir.backends.interpreter.fused import activated, clamped, clipped
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, picked, places
from tflir.backends.interpreter.options import flag, number, real
from tflir.ir.tfl.activations import (
    EluOp,
    GeluOp,
    HardSwishOp,
    L2NormalizationOp,
    LeakyReluOp,
    LocalResponseNormalizationOp,
    LogisticOp,
    LogSoftmaxOp,
    PReluOp,
    Relu0To1Op,
    Relu6Op,
    ReluN1To1Op,
    ReluOp,
    SoftmaxOp,
    TanhOp,
)
from tflir.ir.tfl.base import TflOp

_SATURATED, _TINY = 16.619047164916992188, -9.0
"""As in LiteRT, the logistic function of x above the first is 1, and below the second it is e^x."""
_SMALLEST_NORM = 1e-6
_FAR, _DEGREE = 24.0, 24
"""The complementary error function is 0 beyond the first number; the second is the degree of its polynomial."""


@float_kernel(ReluOp, Relu6Op, ReluN1To1Op, Relu0To1Op, exact=True)
def relu(op: TflOp, operands: Operands) -> Results:
    return [clipped(operands[0], op.INFO.builtin)]


@float_kernel(EluOp)
def elu(op: EluOp, operands: Operands) -> Results:
    x = operands[0]
    return [picked(x < 0, np.expm1(np.minimum(x, 0)), x)]


@float_kernel(LogisticOp)
def logistic(op: LogisticOp, operands: Operands) -> Results:
    return [sigmoid(operands[0])]


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), as LiteRT computes it."""
    unit = x.dtype.type(1)
    middle = unit / (unit + np.exp(-x))
    return picked(x > _SATURATED, unit, picked(x < _TINY, np.exp(np.minimum(x, unit)), middle))


@float_kernel(TanhOp)
def tanh(op: TanhOp, operands: Operands) -> Results:
    return [np.tanh(operands[0])]


@float_kernel(LeakyReluOp, exact=True)
def leaky_relu(op: LeakyReluOp, operands: Operands) -> Results:
    x = operands[0]
    return [picked(x > 0, x, x * x.dtype.type(real(op.alpha)))]


@float_kernel(PReluOp, exact=True)
def prelu(op: PReluOp, operands: Operands) -> Results:
    x, alpha = operands
    return [picked(x >= 0, x, x * alpha)]


@float_kernel(GeluOp)
def gelu(op: GeluOp, operands: Operands) -> Results:
    x = operands[0]
    wide = x.astype(np.float64)
    if flag(op.approximate):
        inner = np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)
        return [(0.5 * wide * (1 + np.tanh(inner))).astype(x.dtype)]
    return [(0.5 * wide * complementary_error(-wide * np.sqrt(0.5))).astype(x.dtype)]


def complementary_error(x: Array) -> Array:
    """1 - erf(x) in float64, with a relative error of about 1e-9, also for large x.

    For z = |x| and t = 2 / (2 + z) it is t * exp(p(t) - z * z), where p is smooth enough for a polynomial.
    """
    z = np.minimum(np.abs(x), _FAR)
    t = 2 / (2 + z)
    small = t * np.exp(_exponent()(t) - z * z)
    return picked(x < 0, 2 - small, small)


@cache
def _exponent() -> Chebyshev:
    """The polynomial p of `complementary_error`."""

    def exact(points: Array) -> Array:
        z = (2 - 2 * points) / points
        return np.log([math.erfc(value) for value in z]) - np.log(points) + z * z

    return Chebyshev.interpolate(exact, _DEGREE, domain=[2 / (2 + _FAR), 1])


@float_kernel(HardSwishOp)
def hard_swish(op: HardSwishOp, operands: Operands) -> Results:
    x = operands[0]
    return [x * clamped(x + x.dtype.type(3), 0, 6) / x.dtype.type(6)]


@float_kernel(SoftmaxOp)
def softmax(op: SoftmaxOp, operands: Operands) -> Results:
    x = operands[0]
    powers = np.exp((x - x.max(-1, keepdims=True)) * x.dtype.type(real(op.beta)))
    return [powers / powers.sum(-1, keepdims=True)]


@float_kernel(LogSoftmaxOp)
def log_softmax(op: LogSoftmaxOp, operands: Operands) -> Results:
    x = operands[0]
    shifted = x - x.max(-1, keepdims=True)
    return [shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))]


@float_kernel(L2NormalizationOp)
def l2_normalization(op: L2NormalizationOp, operands: Operands) -> Results:
    x = operands[0]
    norm = np.sqrt(np.square(x).sum(-1, keepdims=True))
    return [activated(x / clamped(norm, _SMALLEST_NORM, None), op.fused_activation_function)]


@float_kernel(LocalResponseNormalizationOp)
def local_response_normalization(op: LocalResponseNormalizationOp, operands: Operands) -> Results:
    """Divides by a power of the sum of squares over the channels from `radius` before to `radius` - 1 after
    the element's.
    """
    x: Array = operands[0]
    radius = min(number(op.radius), x.shape[-1])
    sums = np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(np.square(x, dtype=np.float64), -1)], -1)
    channels = places(x.shape[-1])
    first, last = np.maximum(channels - radius, 0), np.minimum(channels + radius, x.shape[-1])
    scale = real(op.bias) + real(op.alpha) * (sums[..., last] - sums[..., first])
    return [(x * np.power(scale, -real(op.beta))).astype(x.dtype)]
