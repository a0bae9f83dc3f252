"""Attributes that only quantized ops and tensors have, and their removal when these become float."""

from __future__ import annotations

from typing import cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import with_range
from tflir.ir.tfl.base import FALSE
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.base import fail
from tflir.passes.quantization.parameters import F32
from tflir.passes.requantize.scales import scales_of_type, without_scales
from tflir.passes.rewriting.values import is_float

_BIAS_TYPE = "quantized_bias_type"
_ASYMMETRIC = "asymmetric_quantize_inputs"
_FORMAT = "weights_format"


def make_float_op(op: Operation, *, ranges: bool) -> None:
    """Resets the options that only quantized kernels read, for an op whose values have become float.

    With `ranges`, the scales of an LSTM's intermediates become recorded ranges. Raises an error if the weights are
    stored in an order that only a quantized kernel reads.
    """
    weights_format = op.properties.get(_FORMAT)
    if isinstance(weights_format, StringAttr) and weights_format.data != "DEFAULT":
        what = f"weights are stored in the order {weights_format.data}"
        raise fail(what, op, "convert it from a model with plain weights")
    if _BIAS_TYPE in op.properties:
        op.properties[_BIAS_TYPE] = StringAttr("FLOAT32")
    if _ASYMMETRIC in op.properties:
        op.properties[_ASYMMETRIC] = FALSE
    op.attributes.pop(names.VERSION, None)
    intermediates = op.attributes.get(names.INTERMEDIATES)
    if isinstance(intermediates, ArrayAttr):
        items = [_float_intermediate(item, ranges) for item in cast("ArrayAttr[Attribute]", intermediates)]
        op.attributes[names.INTERMEDIATES] = ArrayAttr(items)


def _float_intermediate(item: Attribute, ranges: bool) -> Attribute:
    """The float form of an intermediate tensor of an LSTM, which has no elements; its scale becomes a range."""
    tensor = item.data.get("type") if isinstance(item, DictionaryAttr) else None
    element = None if tensor is None else element_of(tensor)
    if not isinstance(item, DictionaryAttr) or tensor is None or not isinstance(element, UniformQuantizedType):
        return item
    shape = shape_of(tensor) or (0,)
    data = dict(item.data) | {"type": tensor_type(shape, F32), "value": elements(np.zeros(shape, np.float32))}
    extras = with_range(data.pop("tensor", None), scales_of_type(element, 0).span() if ranges else None)
    return DictionaryAttr(data | ({"tensor": extras} if extras is not None else {}))


def forget_scales(function: FuncOp) -> None:
    """Removes scales and zero points from the quantization records of float tensors."""
    if function.arg_attrs is not None:
        arguments = zip(function.body.block.args, function.arg_attrs.data, strict=False)
        function.arg_attrs = ArrayAttr([_plain(attrs) if is_float(value) else attrs for value, attrs in arguments])
    for op in function.walk():
        extras = op.attributes.get(names.TENSOR)
        if isinstance(extras, ArrayAttr):
            results = zip(op.results, cast("ArrayAttr[Attribute]", extras), strict=False)
            op.attributes[names.TENSOR] = ArrayAttr([without_scales(e) if is_float(v) else e for v, e in results])
        elif extras is not None and is_float(op.results[0]):
            op.attributes[names.TENSOR] = without_scales(extras)
            if op.attributes[names.TENSOR] == DictionaryAttr({}):
                op.attributes.pop(names.TENSOR)


def _plain(attrs: DictionaryAttr) -> DictionaryAttr:
    """The attributes of a function's argument without scales and zero points."""
    extras = attrs.data.get(names.TENSOR)
    if extras is None:
        return attrs
    rest = {key: value for key, value in attrs.data.items() if key != names.TENSOR}
    kept = without_scales(extras)
    return DictionaryAttr(rest | ({names.TENSOR: kept} if kept != DictionaryAttr({}) else {}))
