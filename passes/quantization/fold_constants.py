"""Replaces `tfl.quantize` of a constant by a `tfl.pseudo_qconst` whose integers are computed when they are written."""

from __future__ import annotations

import numpy as np
from xdsl.ir import OpResult, SSAValue

from tflir.ir import names
from tflir.ir.blob import Blob, RepeatedBlob
from tflir.ir.constants import from_blob
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of
from tflir.passes.base import PassReport
from tflir.passes.quantization.any_integers import any_blob
from tflir.passes.quantization.facts import VOLATILE
from tflir.passes.quantization.integer_kernels import why_no_dequantize
from tflir.passes.quantization.integers import inverse_of, scaled_blob, symmetric_blob
from tflir.passes.quantization.numerics import INT8_MOST, INT16_MOST, INT32_MOST, Float64, Rows, quantized_blob
from tflir.passes.quantization.pairs import FloatConstant, dequantized_constant, float_constant
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import qconst_op

_SAME_SCALE = 1e-3


def fold_constant(quantize: QuantizeOp, report: PassReport, *, legacy_float_scale: bool, tf_compat: bool) -> None:
    """Replaces a quantize of a constant by the quantized constant.

    With `legacy_float_scale`, integers are computed in the single-precision arithmetic of TensorFlow's post-training
    quantizer; else in double precision.
    """
    source = quantize.operands[0]
    constant = _constant(source)
    qtype = quantize.results[0].type
    element = element_of(qtype)
    if constant is None or not isinstance(element, UniformQuantizedType):
        return
    if not _restore_float(quantize):
        return
    axis = element.layout.axes[0] if element.layout.axes else None
    rows = Rows.of(constant.blob, constant.shape, axis)
    blob = None
    if names.IS_VARIABLE in constant.source.attributes:
        width = element.storage.width.data // 8
        blob = RepeatedBlob(bytes(width), width * constant.elements, names.IS_VARIABLE)
        rows = None
    if rows is not None and not element.layout.blocks:
        blob = _integers(rows, element, tf_compat=tf_compat) if legacy_float_scale else _double(rows, element)
    if blob is None and not tf_compat:
        blob = any_blob(constant.blob, constant.shape, element)
    if blob is None:
        report.decline("not in a form that is quantized here: the runtime does it", quantize)
        return
    value = from_blob(blob, constant.shape, element.storage)
    qconst = qconst_op(qtype, value)
    replaces = source.has_one_use()
    qconst.location = constant.source.location if replaces else quantize.location
    for name, held in ((names.IS_VARIABLE, constant.source.attributes), (VOLATILE, quantize.attributes)):
        if name in held:
            qconst.attributes[name] = held[name]
    insert_before(quantize, qconst)
    quantize.results[0].replace_all_uses_with(qconst.results[0])
    erase(quantize)
    if not tf_compat:
        _keep_float(qconst, element, source, report)
    report.count("quantized constants")
    report.details.append(_detail(qconst, constant, element, blob))


def _constant(source: SSAValue) -> FloatConstant | None:
    if not isinstance(source, OpResult):
        return None
    return float_constant(source.op, variables=True) or dequantized_constant(source.op)


def _keep_float(qconst: QConstOp, element: UniformQuantizedType, source: SSAValue, report: PassReport) -> None:
    """Lets float ops read the float constant if the runtime has no kernel that dequantizes the integers."""
    why = why_no_dequantize(element)
    for use in list(qconst.results[0].uses) if why is not None else ():
        if isinstance(use.operation, DequantizeOp):
            use.operation.results[0].replace_all_uses_with(source)
            report.decline(why or "", use.operation)
            erase(use.operation)
    if qconst.results[0].first_use is None:
        erase(qconst)


def _restore_float(quantize: QuantizeOp) -> bool:
    """Lets float ops read the float constant again if it was quantized because of a recorded range.

    Returns whether the quantize has other users; if it has none, it is removed.
    """
    for use in list(quantize.results[0].uses) if VOLATILE in quantize.attributes else ():
        if isinstance(use.operation, DequantizeOp):
            use.operation.results[0].replace_all_uses_with(quantize.operands[0])
            erase(use.operation)
    if quantize.results[0].first_use is not None:
        return True
    erase(quantize)
    return False


def _detail(qconst: QConstOp, constant: FloatConstant, element: UniformQuantizedType, blob: Blob) -> dict[str, object]:
    return {
        "tensor": names.op_names(qconst)[0] or "",
        "from": "float32",
        "to": str(element.storage),
        "channels": int(element.layout.scales.size),
        "bytes_before": constant.stored_bytes,
        "bytes_after": blob.nbytes,
    }


def _double(rows: Rows, element: UniformQuantizedType) -> Blob | None:
    """A weight as symmetric narrow-range int8, computed in double precision; None for all other element types."""
    layout = element.layout
    if element.storage.width.data != 8 or layout.zero_points.any() or not element.is_narrow:
        return None
    return quantized_blob(rows, layout.scales.reshape(-1))


def _integers(rows: Rows, element: UniformQuantizedType, *, tf_compat: bool) -> Blob | None:
    """int8 weights and operands, int32 biases and int16 coefficients, computed in single precision.

    None for element types that this arithmetic does not cover.
    """
    layout, width = element.layout, element.storage.width.data
    if element.is_unsigned:
        return None
    if width == 8 and not element.is_narrow and layout.axes and not layout.zero_points.any():
        return symmetric_blob(rows, inverse_of(layout.scales), INT8_MOST, np.int8, least=element.range.data[0])
    if width == 8 and not element.is_narrow and not layout.axes:
        return scaled_blob(rows, float(layout.scales), int(layout.zero_points), element.range.data)
    if layout.zero_points.any() or (width == 8 and not element.is_narrow):
        return None
    limits = {8: (INT8_MOST, np.int8), 16: (INT16_MOST, np.int16), 32: (INT32_MOST, np.int32)}
    if width not in limits:
        return None
    limit, dtype = limits[width]
    if width == 8 and not layout.axes:
        return _one_scale(rows, layout.scales, tf_compat=tf_compat)
    return symmetric_blob(rows, inverse_of(layout.scales), limit, dtype)


def _one_scale(rows: Rows, scale: Float64, *, tf_compat: bool) -> Blob:
    """A weight with one scale, as int8.

    As TensorFlow does, the scale is computed from the elements again, and used if it is near the declared one.
    """
    most = rows.magnitudes().max(initial=0)
    declared = float(scale)
    near = abs(float(most) / INT8_MOST - declared) <= (_SAME_SCALE if tf_compat else _SAME_SCALE * declared)
    if near and most > 0:
        inverse = np.float32(INT8_MOST) / np.float32(most)
        return symmetric_blob(rows, np.atleast_1d(inverse), INT8_MOST, np.int8)
    return scaled_blob(rows, declared, 0, (-INT8_MOST, INT8_MOST))
