"""Functions of one integer: looked up in tables of 256 entries (int8), or computed by multipliers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from tflir.backends.interpreter.interpolation import Function, interpolated, table_between
from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, quantized_kernel, refuse
from tflir.backends.interpreter.options import flag, real
from tflir.backends.interpreter.quantized import Quantization, centred, clipped_range, quantization, stored
from tflir.backends.interpreter.quantized_sigmoid import logistic16, tanh16
from tflir.backends.interpreter.requantize import INT32_MAX, doubled, doubled_high, multiplier_of, rounded_shift
from tflir.backends.interpreter.rounding import round_away
from tflir.ir.tfl.activations import (
    EluOp,
    GeluOp,
    HardSwishOp,
    LeakyReluOp,
    LogisticOp,
    PReluOp,
    Relu0To1Op,
    Relu6Op,
    ReluN1To1Op,
    ReluOp,
    TanhOp,
)
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.elementwise import AbsOp, ExpOp, LogOp, NegOp, RsqrtOp

_F = np.float32


def _logistic(x: Array) -> Array:
    return _F(1) / (_F(1) + np.exp(-x))


def _elu(x: Array) -> Array:
    return np.where(x < 0, np.expm1(x), x)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(x: Array) -> Array:
    return _F(0.5) * x * (_F(1) + _erf(x * _F(math.sqrt(0.5))).astype(_F))


def _gelu_by_tanh(x: Array) -> Array:
    inner = _F(math.sqrt(2 / math.pi)) * (x + _F(0.044715) * x * x * x)
    return _F(0.5) * x * (_F(1) + np.tanh(inner))


_FUNCTIONS: dict[type[Operation], Function] = {
    LogisticOp: _logistic,
    TanhOp: np.tanh,
    EluOp: _elu,
    ExpOp: np.exp,
    LogOp: np.log,
}


def table(function: Function, x: Quantization, y: Quantization) -> Array:
    """The results for every int8 (or uint8) number, in the order of these, computed in float32 as the kernels do."""
    numbers = np.arange(x.low, x.high + 1)
    values = x.scale * (numbers - x.point).astype(_F)
    with np.errstate(all="ignore"):
        scaled = round_away(function(values) * (_F(1) / y.scale)) + y.point
    return np.clip(np.nan_to_num(scaled, nan=y.low), y.low, y.high)


def looked_up(function: Function, x: Array, source: SSAValue, result: SSAValue) -> Array:
    """`function` of integers of 8 bits by its table."""
    how = quantization(source)
    entries = table(function, how, quantization(result)).astype(dtype_of(result.type))
    return entries[x.astype(np.int64) - how.low]


@quantized_kernel(*_FUNCTIONS)
def function(op: Operation, operands: Operands) -> Results:
    source, result = op.operands[0], op.results[0]
    if operands[0].dtype.itemsize > 1 and isinstance(op, LogisticOp | TanhOp):
        found = (tanh16 if isinstance(op, TanhOp) else logistic16)(operands[0], float(quantization(source).scale))
        return [found.astype(operands[0].dtype)]
    return [_by_table(_FUNCTIONS[type(op)], operands[0], source, result)]


@quantized_kernel(GeluOp)
def gelu(op: GeluOp, operands: Operands) -> Results:
    found = _gelu_by_tanh if flag(op.approximate) else _gelu
    return [_by_table(found, operands[0], op.input, op.output)]


def _by_table(function: Function, x: Array, source: SSAValue, result: SSAValue) -> Array:
    if x.dtype.itemsize == 1:
        return looked_up(function, x, source, result)
    entries = table_between(quantization(source), quantization(result), function)
    return interpolated(entries, x).astype(dtype_of(result.type))


@quantized_kernel(ReluOp, Relu6Op, ReluN1To1Op, Relu0To1Op)
def relu(op: TflOp, operands: Operands) -> Results:
    """Rescaled to the scale of the result and clipped."""
    x, y = quantization(op.operands[0]), quantization(op.results[0])
    scaled = y.point + doubled(centred(operands[0], x), *multiplier_of(float(x.scale) / float(y.scale)))
    return [np.clip(scaled, *clipped_range(op.INFO.builtin, y)).astype(dtype_of(op.results[0].type))]


@quantized_kernel(LeakyReluOp)
def leaky_relu(op: LeakyReluOp, operands: Operands) -> Results:
    return [_sloped(centred(operands[0], quantization(op.input)), real(op.alpha), op.input, op.output)]


def _sloped(x: Array, alpha: float, source: SSAValue, result: SSAValue) -> Array:
    low, y = quantization(source), quantization(result)
    ratio = float(low.scale) / float(y.scale)
    positive = doubled(x, *multiplier_of(ratio))
    slope = float(low.scale * np.float32(alpha) / y.scale)
    whole, shift = multiplier_of(abs(slope))
    negative = doubled(x, whole, shift) if slope >= 0 else -doubled(x, whole, shift)
    return stored(np.where(x >= 0, positive, negative), result)


@quantized_kernel(PReluOp)
def prelu(op: PReluOp, operands: Operands) -> Results:
    x, a, y = quantization(op.input), quantization(op.alpha), quantization(op.output)
    values, slopes = centred(operands[0], x), centred(operands[1], a)
    positive = doubled(values, *multiplier_of(float(x.scale) / float(y.scale)))
    negative = doubled(values * slopes, *multiplier_of(float(x.scale * a.scale / y.scale)))
    return [stored(np.where(values >= 0, positive, negative), op.output)]


@quantized_kernel(AbsOp)
def absolute(op: AbsOp, operands: Operands) -> Results:
    x, y = quantization(op.x), quantization(op.y)
    values = np.abs(centred(operands[0], x))
    if x.scale != y.scale:
        values = doubled(values, *multiplier_of(float(x.scale / y.scale)))
    return [stored(values, op.y)]


@quantized_kernel(NegOp)
def negated(op: NegOp, operands: Operands) -> Results:
    return [stored(-centred(operands[0], quantization(op.x)), op.y)]


@quantized_kernel(RsqrtOp)
def reciprocal_root(op: RsqrtOp, operands: Operands) -> Results:
    """The inverse square root in fixed point with 20 fractional bits."""
    x, y = quantization(op.x), quantization(op.y)
    values = centred(operands[0], x)
    if (values < 0).any():
        raise refuse("the square root of a number below 0 is asked for", "give its operand a range from 0 on")
    whole, shift = multiplier_of(float(1.0 / (math.sqrt(float(x.scale)) * float(y.scale))))
    known = {int(v): _root_of(int(v), whole, shift) for v in np.unique(values)}
    return [stored(np.vectorize(known.__getitem__, otypes=[np.int64])(values), op.y)]


def _root_of(value: int, whole: int, shift: int) -> int:
    if value == 0:
        return 1 << 30
    multiplier, exponent = inverse_root(value)
    scaled = int(doubled(np.int64(1), multiplier, exponent + 20))
    return int(doubled(np.int64(scaled), whole, shift - 20))


def inverse_root(value: int) -> tuple[int, int]:
    """The multiplier and the shift of 1 / sqrt(value), by Newton's iteration as LiteRT runs it."""
    if value <= 1:
        return INT32_MAX, 0
    shift = 11
    while value >= 1 << 29:
        value //= 4
        shift += 1
    pairs = (31 - value.bit_length()) // 2 - 1
    shift -= pairs
    scaled = value << (2 * pairs)
    assert 1 << 27 <= scaled < 1 << 29
    half = int(rounded_shift(scaled >> 1, 1))
    x = 1 << 28
    for _ in range(5):
        cube = _rescaled(int(doubled_high(doubled_high(x, x), x)), 6)
        x = _rescaled(_difference(x, half, cube), 3)
    root = int(doubled_high(x, 1518500250))
    if shift < 0:
        root, shift = root << -shift, 0
    return root, -shift


def _difference(x: int, half: int, cube: int) -> int:
    three_halves = (1 << 28) + (1 << 27)
    return int(doubled_high(three_halves, x)) - int(doubled_high(half, cube))


def _rescaled(x: int, bits: int) -> int:
    return int(np.clip(x << bits, -(1 << 31), (1 << 31) - 1))


@quantized_kernel(HardSwishOp)
def hard_swish(op: HardSwishOp, operands: Operands) -> Results:
    """x relu6(x + 3) / 6 in 16-bit fixed point."""
    x, y = quantization(op.input), quantization(op.output)
    values = centred(operands[0], x) << 7
    whole, exponent = multiplier_of(float(np.float32(1 / 128) * x.scale / y.scale))
    output_fixed = _half_multiplier(whole)
    relu_whole, relu_exponent = multiplier_of(float(np.float32(1 / 128) * x.scale / np.float32(3.0 / 32768)))
    relu_fixed = _half_multiplier(relu_whole)
    on_output = _high16(values, output_fixed)
    reluish = values
    if relu_exponent > 0:
        reluish = _saturated16(reluish << (relu_exponent - 1))
    reluish = _high16(reluish, relu_fixed)
    if relu_exponent > 0:
        reluish = _saturated16(reluish << 1)
    elif relu_exponent < 0:
        reluish = rounded_shift(reluish, -relu_exponent)
    reluish = (reluish + (1 << 15)) >> 1
    product = _truncated_high16(reluish, on_output)
    return [stored(rounded_shift(product, -exponent) if exponent < 0 else product, op.output)]


def _half_multiplier(whole: int) -> int:
    return min((whole + (1 << 15)) >> 16, 32767)


def _high16(x: Array, y: int) -> Array:
    """The high half of the doubled 16-bit product, rounded."""
    product = x * y
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15))


def _truncated_high16(x: Array, y: Array) -> Array:
    product = 2 * x * y
    return np.where(product >= 0, product >> 16, -((-product) >> 16))


def _saturated16(x: Any) -> Array:
    return np.clip(x, -(1 << 15), (1 << 15) - 1)
