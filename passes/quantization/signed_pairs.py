"""`tfl-signed-pairs`: changes the quantize/dequantize pairs of quantization-aware training from uint8 to int8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element, shape_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import is_preserved
from tflir.passes.quantization.pairs import quantized_tensor
from tflir.passes.quantization.parameters import F32
from tflir.passes.rewriting.edit import insert_before
from tflir.passes.rewriting.values import is_float, producer, qconst_op

_OFFSET = 128


@dataclass(frozen=True)
class SignedPairsPass(TflPass):
    """
    Changes uint8 quantize/dequantize pairs, as older training tools write them, to int8, which the kernels support.

    ```mlir
    %q = "tfl.quantize"(%x) <{qtype = tensor<4x!quant.uniform<u8:f32, 0.1:128>>}> …
    %y = "tfl.dequantize"(%q) …
    ```
    becomes
    ```mlir
    %q = "tfl.quantize"(%x) <{qtype = tensor<4x!quant.uniform<i8:f32, 0.1>>}> …
    %y = "tfl.dequantize"(%q) …
    ```
    The real values stay the same: integers and zero points are both reduced by 128. An input or output of uint8 keeps
    its type, as does what an op makes that no pass changes, and a `tfl.quantize` converts it. Ops that
    `tfl-preserve-quantized` marked are not changed.
    """

    name = "tfl-signed-pairs"
    changes = "lossy"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            if is_preserved(op):
                continue
            if isinstance(op, QuantizeOp) and is_float(op.operands[0]):
                _sign_quantize(op, report)
            elif isinstance(op, DequantizeOp):
                _sign_dequantize(op, report)


def _unsigned8(value: SSAValue) -> UniformQuantizedType | None:
    params = quantized_element(value)
    return params if params is not None and params.is_unsigned and params.storage.width.data == 8 else None


def _signed(params: UniformQuantizedType) -> UniformQuantizedType:
    layout = params.layout
    low, high = params.range.data
    moved = Layout(layout.scales, layout.zero_points - _OFFSET, layout.axes, layout.blocks)
    return UniformQuantizedType.get(IntegerType(8), F32, moved, bounds=(low - _OFFSET, high - _OFFSET))


def _sign_quantize(op: QuantizeOp, report: PassReport) -> None:
    """Makes the quantize of a pair produce int8; users other than dequantizes still read uint8."""
    params, uses = _unsigned8(op.results[0]), list(op.results[0].uses)
    others = [use for use in uses if not isinstance(use.operation, DequantizeOp)]
    if params is None or len(others) == len(uses):
        return
    qtype = quantized_tensor(op.results[0], _signed(params))
    unsigned = op.results[0].type
    op.properties["qtype"] = qtype
    made = Rewriter.replace_value_with_new_type(op.results[0], qtype)
    if others:
        requantize = QuantizeOp.create(operands=[made], result_types=[unsigned], properties={"qtype": unsigned})
        requantize.location, op.location = op.location, names.UNNAMED
        insert_before(others[0].operation, requantize)
        for use in others:
            use.operation.operands[use.index] = requantize.results[0]
    report.count("pairs of uint8 made int8")


def _sign_dequantize(op: DequantizeOp, report: PassReport) -> None:
    """Lets a dequantize of a uint8 constant or input read it as int8, and one of what an op makes, if not the return
    alone reads it.
    """
    source = op.operands[0]
    params = _unsigned8(source)
    if params is None:
        return
    constant = producer(source)
    made: Operation | None = None
    if isinstance(constant, QConstOp) and isinstance(constant.value, ArrayElementsAttr):
        qtype = quantized_tensor(source, _signed(params))
        value = from_blob(_signed_blob(constant.value.blob), shape_of(constant.value.type) or (), IntegerType(8))
        made = qconst_op(qtype, value)
        made.location = constant.location
        report.count("constants of uint8 made int8")
    elif isinstance(source, BlockArgument):
        qtype = quantized_tensor(source, _signed(params))
        made = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
        report.count("inputs of uint8 read as int8")
    elif not isinstance(constant, QConstOp) and any(not isinstance(u.operation, ReturnOp) for u in op.results[0].uses):
        qtype = quantized_tensor(source, _signed(params))
        made = QuantizeOp.create(operands=[source], result_types=[qtype], properties={"qtype": qtype})
        report.count("results of uint8 read as int8")
    if made is not None:
        insert_before(op, made)
        op.operands[0] = made.results[0]


def _signed_blob(blob: Blob) -> Blob:
    """uint8 bytes reduced by 128, as int8 bytes: this flips the highest bit."""

    def make() -> Iterator[npt.NDArray[np.uint8]]:
        for chunk in blob.chunks():
            yield chunk ^ np.uint8(_OFFSET)

    return DeferredBlob(blob.nbytes, ("signed", blob), make)
