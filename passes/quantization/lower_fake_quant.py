"""`tfl-lower-fake-quant`: replaces fake quantization (quantization-aware training) by quantize/dequantize pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import FloatAttr, IntegerType
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import elements, from_blob
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, FakeQuantOp, QuantizeOp
from tflir.ir.types import PACKED_BITS, schema_name
from tflir.passes.base import fail
from tflir.passes.quantization.numerics import Rows, half_away
from tflir.passes.quantization.pairs import FloatConstant, float_constant, quantized_tensor
from tflir.passes.quantization.parameters import F32
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern
from tflir.passes.rewriting.values import qconst_op

_BITS = (2, 16)


@dataclass(frozen=True)
class LowerFakeQuantPass(RewritePass):
    """
    Replaces each `tfl.fake_quant` by a quantize/dequantize pair, and one of a constant by the quantized constant and a
    dequantize.

    ```mlir
    %y = "tfl.fake_quant"(%x) <{min = -1.0 : f32, max = 1.0 : f32, num_bits = 8 : i32, narrow_range = false}> …
    ```
    becomes
    ```mlir
    %q = "tfl.quantize"(%x) <{qtype = tensor<…x!quant.uniform<i8:f32, …>>}> …
    %y = "tfl.dequantize"(%q) …
    ```
    The scale is (max - min) / (2^bits - 1), or (max - min) / (2^bits - 2) if the range is narrow. The zero point is
    the integer nearest to the position of 0, clamped to the integers of the range (Jacob et al., arXiv:1712.05877,
    section 3). Constants of up to 4 bits are stored as int4, other values of up to 8 bits as int8, all others as int16.
    """

    name = "tfl-lower-fake-quant"
    changes = "lossy"
    per_function = True

    def rules(self) -> Iterator[RewritePattern]:
        yield LowerFakeQuant()


@dataclass(frozen=True)
class _Steps:
    """The signed integers of a fake quantization, from `low` to `high`, and what they stand for."""

    low: int
    high: int
    scale: float
    zero_point: int


def _steps(op: FakeQuantOp) -> _Steps:
    bits = op.num_bits.value.data
    low, high = _number(op.min), _number(op.max)
    if not _BITS[0] <= bits <= _BITS[1] or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise fail(f"fake quantization of [{low:g}, {high:g}] to {bits} bits", op, "use 2 to 16 bits and min < max")
    narrow = bool(op.narrow_range.value.data)
    least, most = -(1 << (bits - 1)) + int(narrow), (1 << (bits - 1)) - 1
    scale = (high - low) / (most - least)
    point = min(max(int(half_away(least - low / scale)), least), most)
    return _Steps(least, most, scale, point)


def _number(attr: FloatAttr) -> float:
    return float(attr.value.data)


class LowerFakeQuant(RewritePattern):
    """Replaces a fake quantization by a quantization to its integers and a dequantization."""

    does = "fake quantizations"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FakeQuantOp, rewriter: PatternRewriter) -> None:
        steps = _steps(op)
        source = op.operands[0]
        constant = float_constant(source.op) if isinstance(source, OpResult) else None
        quantized = _of_constant(op, constant, steps) if constant is not None else _of_value(op, source, steps)
        op.attributes.pop(names.TENSOR, None)  # the scale takes the place of a recorded range
        rewriter.replace(op, DequantizeOp(quantized, result_type=op.results[0].type))


def _of_value(op: FakeQuantOp, source: SSAValue, steps: _Steps) -> Operation:
    """The quantize of an activation. The runtime's int16 kernels require a zero point of 0."""
    if op.num_bits.value.data > 8 and steps.zero_point:
        raise fail("fake quantization of an activation to int16 that is not symmetric", op, "train it with min = -max")
    storage = IntegerType(8 if op.num_bits.value.data <= 8 else 16)
    bounds = (steps.low, steps.high)
    params = UniformQuantizedType.get(storage, F32, Layout(np.float32(steps.scale), steps.zero_point), bounds=bounds)
    if op.num_bits.value.data == 8:
        params = UniformQuantizedType.get(storage, F32, params.layout, narrow=bool(op.narrow_range.value.data))
    qtype = quantized_tensor(source, params)
    quantize = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
    quantize.location = names.named(names.suffixed(op.results[0], "quantized"))
    return quantize


def _of_constant(op: FakeQuantOp, constant: FloatConstant, steps: _Steps) -> QConstOp:
    """The quantized constant; a tie rounds up, as in the training graph."""
    bits = op.num_bits.value.data
    storage = IntegerType(4 if bits <= 4 else 8 if bits <= 8 else 16)
    layout = Layout(np.float32(steps.scale), steps.zero_point)
    params = UniformQuantizedType.get(
        storage, F32, layout, narrow=bool(op.narrow_range.value.data) and bits in (4, 8, 16)
    )
    qtype = quantized_tensor(constant.value, params)
    rows = Rows.of(constant.blob, constant.shape, None)
    assert rows is not None
    if schema_name(storage) in PACKED_BITS:
        integers = np.concatenate([part.reshape(-1) for part in _rounded(rows, steps, np.int8)])
        value = elements(integers.reshape(constant.shape), storage)
    else:
        value = from_blob(_blob(rows, steps, np.int8 if bits <= 8 else np.int16), constant.shape, storage)
    quantized = qconst_op(qtype, value)
    quantized.location = constant.source.location
    return quantized


def _blob(rows: Rows, steps: _Steps, dtype: type[np.int8 | np.int16]) -> Blob:
    count = rows.blob.nbytes // 4
    key = ("fake quantized", rows.blob, steps.low, steps.high, steps.scale, steps.zero_point)
    return DeferredBlob(count * np.dtype(dtype).itemsize, key, lambda: _rounded(rows, steps, dtype))


def _rounded(rows: Rows, steps: _Steps, dtype: type[np.int8 | np.int16]) -> Iterator[npt.NDArray[np.integer]]:
    for block in rows.blocks(1 << 16):
        rounded = np.floor(block.astype(np.float64) / steps.scale + steps.zero_point + 0.5)
        yield np.clip(rounded, steps.low, steps.high).astype(dtype)
