"""What a quantized op says beside its types, and a float one does not."""

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
    """Takes from an op whose values are float now what only its quantized kernel reads."""
    held = op.properties.get(_FORMAT)
    if isinstance(held, StringAttr) and held.data != "DEFAULT":
        raise fail(f"weights are stored in the order {held.data}", op, "convert it from a model with plain weights")
    if _BIAS_TYPE in op.properties:
        op.properties[_BIAS_TYPE] = StringAttr("FLOAT32")
    if _ASYMMETRIC in op.properties:
        op.properties[_ASYMMETRIC] = FALSE
    op.attributes.pop(names.VERSION, None)
    intermediates = op.attributes.get(names.INTERMEDIATES)
    if isinstance(intermediates, ArrayAttr):
        made = [_float_intermediate(item, ranges) for item in cast("ArrayAttr[Attribute]", intermediates)]
        op.attributes[names.INTERMEDIATES] = ArrayAttr(made)


def _float_intermediate(item: Attribute, ranges: bool) -> Attribute:
    """An intermediate tensor of an LSTM: it holds nothing, its scale becomes a range."""
    held = item.data.get("type") if isinstance(item, DictionaryAttr) else None
    element = None if held is None else element_of(held)
    if not isinstance(item, DictionaryAttr) or held is None or not isinstance(element, UniformQuantizedType):
        return item
    shape = shape_of(held) or (0,)
    data = dict(item.data) | {"type": tensor_type(shape, F32), "value": elements(np.zeros(shape, np.float32))}
    extras = with_range(data.pop("tensor", None), scales_of_type(element, 0).span() if ranges else None)
    return DictionaryAttr(data | ({"tensor": extras} if extras is not None else {}))


def forget_scales(function: FuncOp) -> None:
    """Takes from the records of float tensors what their integers stood for."""
    if function.arg_attrs is not None:
        held = zip(function.body.block.args, function.arg_attrs.data, strict=False)
        function.arg_attrs = ArrayAttr([_plain(attrs) if is_float(value) else attrs for value, attrs in held])
    for op in function.walk():
        extras = op.attributes.get(names.TENSOR)
        if isinstance(extras, ArrayAttr):
            both = zip(op.results, cast("ArrayAttr[Attribute]", extras), strict=False)
            op.attributes[names.TENSOR] = ArrayAttr([without_scales(e) if is_float(v) else e for v, e in both])
        elif extras is not None and is_float(op.results[0]):
            op.attributes[names.TENSOR] = without_scales(extras)
            if op.attributes[names.TENSOR] == DictionaryAttr({}):
                op.attributes.pop(names.TENSOR)


def _plain(attrs: DictionaryAttr) -> DictionaryAttr:
    held = attrs.data.get(names.TENSOR)
    if held is None:
        return attrs
    rest = {word: value for word, value in attrs.data.items() if word != names.TENSOR}
    kept = without_scales(held)
    return DictionaryAttr(rest | ({names.TENSOR: kept} if kept != DictionaryAttr({}) else {}))
