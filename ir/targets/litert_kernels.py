"""Operators that LiteRT's built-in kernels do not run in a model: there is none, or none for these types."""

from __future__ import annotations

import math
from collections.abc import Callable

from tflir.ir.targets.kinds import kind_of
from tflir.ir.targets.site import Site
from tflir.ir.targets.target import ANY, fails
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.ir.tfl.custom import TypedCustomOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.kernel_elements import converts
from tflir.ir.types import element_of, quantized_element

REGISTERED = (
    "Convolution2DTransposeBias",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "NumericVerify",
    "TFLite_Detection_PostProcess",
)
"""Codes of custom operators whose kernels the runtime brings along."""


def _unregistered(site: Site) -> bool:
    custom = isinstance(site.op, CustomOp | TypedCustomOp)
    return custom and site.operator not in REGISTERED and not site.operator.startswith("Flex")


def _flex(site: Site) -> bool:
    return isinstance(site.op, CustomOp) and site.operator.startswith("Flex")


def _unknown(site: Site) -> bool:
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    return isinstance(site.op, BuiltinOp) or (info is not None and not info.custom_code and info.versions == (0, 0))


def _too_new(site: Site) -> bool:
    if not isinstance(site.op, TflOp) or site.op.INFO.custom_code or site.op.INFO.versions == (0, 0):
        return False
    return site.version > site.op.INFO.versions[1]


def _no_int8(site: Site) -> bool:
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    return info is not None and bool(info.no_int8) and "qi8" in (*site.kinds, *site.result_kinds)


def _misread_densify(site: Site) -> bool:
    """Whether an op reads a DENSIFY with a kernel that does not."""
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    for index in info.sparse if info is not None else ():
        if index >= len(site.inputs) or not isinstance(site.inputs[index].owner, DensifyOp):
            continue
        weights, others = site.kinds[index], [kind for n, kind in enumerate(site.kinds) if n != index]
        integers = next((kind for kind in others if kind in ("qi8", "qi16")), None)
        kernel = "int8" if integers == "qi8" else "int16" if integers else "float" if weights[0] == "f" else "hybrid"
        assert info is not None
        return kernel not in (*info.densify, *info.densify_alone)
    return False


def _other_scale(site: Site) -> bool:
    """Whether an int8 result has another scale than the only one that its kernel gives."""
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    if info is None or info.fixed_output is None:
        return False
    return site.result_scale() != info.fixed_output[0]


def _other_zero_point(site: Site) -> bool:
    element, info = quantized_element(site.op.results[0]), site.op.INFO if isinstance(site.op, TflOp) else None
    if element is None or info is None or info.fixed_output is None:
        return False
    return int(element.layout.zero_points) != info.fixed_output[1]


def _int16_scale(wanted: Callable[[float], bool]) -> Callable[[Site], bool]:
    """Whether the scale of an int16 result is none that the kernel gives."""
    return lambda site: not wanted(site.result_scale() or 0.0)


def _is_power_of_two(scale: float) -> bool:
    return scale > 0 and math.frexp(scale)[0] == 0.5


def _absent_bias(site: Site) -> bool:
    """Whether the file lists a bias as absent for a kernel that then wants one."""
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    return info is not None and info.bias is not None and len(site.inputs) > info.bias[0] and not site.has(info.bias[0])


def _other_axis(site: Site) -> bool:
    """Whether weights have a scale per channel along another axis than that of the channels."""
    info, element = site.op.INFO if isinstance(site.op, TflOp) else None, quantized_element(site.inputs[1])
    if info is None or info.weight is None or element is None or len(element.layout.axes) != 1:
        return False
    return element.layout.axes != (info.weight[1],)


def _other_count(site: Site) -> bool:
    """As `_other_axis`, where there are not as many scales as channels: the kernel looks at their number alone."""
    info, element = site.op.INFO if isinstance(site.op, TflOp) else None, quantized_element(site.inputs[1])
    if not _other_axis(site) or info is None or info.weight is None or element is None:
        return False
    return element.layout.scales.size != site.shape(1)[info.weight[1]]


def _no_conversion(site: Site) -> bool:
    source, made = element_of(site.op.operands[0].type), element_of(site.op.results[0].type)
    return source is None or made is None or not converts(source, made)


def _weights_off_centre(site: Site) -> bool:
    element = quantized_element(site.inputs[1])
    return kind_of(site.inputs[1]) in ("qi8", "qci8") and element is not None and bool(element.layout.zero_points.any())


KERNEL_DEFECTS = (
    fails("unloadable", ANY, (), _unregistered, reason="a custom operator whose kernel the runtime does not bring"),
    fails("unloadable", ANY, (), _flex, reason="a TensorFlow operator: it needs the Flex delegate"),
    fails("unloadable", ANY, (), _unknown, reason="it has no kernel"),
    fails("unloadable", ANY, (), _too_new, reason="a version that its kernel does not have"),
    fails("unloadable", ANY, (), _no_int8, reason="it has no int8 kernel"),
    fails("unloadable", "DEQUANTIZE QUANTIZE", (), _no_conversion, reason="it has no kernel between these types"),
    fails("wrong", ANY, (), _misread_densify,
          reason="weights behind DENSIFY, which its kernel reads as they are stored", mend="tfl-densify-fold"),
    fails("unloadable", "CONV_2D", "qi8 qi8/qci8 *", _weights_off_centre, reason="weights with a zero point"),
    fails("unloadable", "FULLY_CONNECTED", "qi8/qi16 qci8/qci4/qci2 *", _other_axis,
          reason="weights with a scale per channel along another axis"),
    fails("unloadable", "CONV_2D DEPTHWISE_CONV_2D", "qi8/qi16 qci8/qci4/qci2 *", _other_count,
          reason="weights with a scale per channel along another axis"),
    fails("wrong", "CONV_2D DEPTHWISE_CONV_2D", "qi8/qi16 qci8/qci4/qci2 *", _other_axis,
          reason="weights with a scale per channel along another axis"),
    fails("unloadable", "CONV_2D", (), _absent_bias, reason="a bias that is listed as absent"),
    fails("unloadable", "L2_NORMALIZATION", "qu8 -> qu8", _other_scale,
          reason="a result of another scale than its kernel gives"),
    fails("unloadable", "L2_NORMALIZATION LOGISTIC LOG_SOFTMAX SOFTMAX", "qi8 -> qi8", _other_scale,
          reason="a result of another scale than its kernel gives"),
    fails("unloadable", "SOFTMAX", "qi8 -> qi8", _other_zero_point,
          reason="a result of another zero point than its kernel gives"),
    fails("unloadable", "LOGISTIC SOFTMAX", "qi16 -> qi16", _int16_scale(lambda scale: scale == 2.0**-15),
          reason="a result of another scale than its kernel gives"),
    fails("unloadable", "TANH", "qi16 -> qi16", _int16_scale(_is_power_of_two),
          reason="a result whose scale is no power of two"),
    fails("unloadable", "DEPTH_TO_SPACE SPACE_TO_DEPTH", "qi16", reason="it has no int16 kernel"),
    fails("unloadable", "REDUCE_PROD", "qu8/f16 *", reason="it has no kernel of this type"),
    fails("unloadable", "SPLIT", "i32 f16", reason="it has no float16 kernel"),
    fails("unloadable", "SPACE_TO_DEPTH", "f16", reason="it has no float16 kernel"),
    fails("unloadable", "ARG_MAX ARG_MIN SCATTER_ND", ("qi16 *", "i32 qi16 *"), reason="it has no int16 kernel"),
    fails("unloadable", "REVERSE_SEQUENCE", "qi8 *", reason="it has no int8 kernel"),
)  # fmt: skip
