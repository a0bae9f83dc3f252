"""Operators that LiteRT's built-in kernels do not run in a model: there is none, or none for these types."""

from __future__ import annotations

from tflir.ir.targets.kinds import kind_of
from tflir.ir.targets.site import Site, layout_of
from tflir.ir.targets.target import ANY, fails
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.ir.tfl.custom import TypedCustomOp
from tflir.ir.tfl.indexing import DensifyOp

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


def _weights_off_centre(site: Site) -> bool:
    element = layout_of(site.inputs[1])
    return kind_of(site.inputs[1]) in ("qi8", "qci8") and element is not None and bool(element.layout.zero_points.any())


KERNEL_DEFECTS = (
    fails("unloadable", ANY, (), _unregistered, reason="a custom operator whose kernel the runtime does not bring"),
    fails("unloadable", ANY, (), _flex, reason="a TensorFlow operator: it needs the Flex delegate"),
    fails("unloadable", ANY, (), _unknown, reason="it has no kernel"),
    fails("unloadable", ANY, (), _too_new, reason="a version that its kernel does not have"),
    fails("unloadable", ANY, (), _no_int8, reason="it has no int8 kernel"),
    fails("wrong", ANY, (), _misread_densify, reason="weights behind DENSIFY, which its kernel reads as they are stored",
          mend="tfl-densify-fold"),
    fails("unloadable", "CONV_2D", "qi8 qi8/qci8 *", _weights_off_centre, reason="weights with a zero point"),
    fails("unloadable", "ARG_MAX ARG_MIN SCATTER_ND", ("qi16 *", "i32 qi16 *"), reason="it has no int16 kernel"),
    fails("unloadable", "REVERSE_SEQUENCE", "qi8 *", reason="it has no int8 kernel"),
)  # fmt: skip
