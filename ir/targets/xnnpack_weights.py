"""Weights as XNNPACK's delegate wants them: known when the model is loaded, and in forms that its kernels read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.targets.kinds import blockwise, kind_of
from tflir.ir.targets.needs import inputs, option_is
from tflir.ir.targets.site import Site, is_operator, is_stored
from tflir.ir.targets.target import Need
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import SparseConstOp, SparseQConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import quantized_element

# Constants, and constants that DEQUANTIZE and DENSIFY restore, which the delegate does itself beforehand.


def unpacks(op: Operation) -> bool:
    """Whether the delegate computes the op while the model is loaded: it restores a constant."""
    if isinstance(op, DensifyOp):
        source = op.operands[0]
        sparse = isinstance(source, OpResult) and isinstance(source.op, SparseConstOp | SparseQConstOp)
        return sparse and kind_of(source) in ("f16", "f32", "i8", "qi8", "qci8")
    if not isinstance(op, DequantizeOp) or kind_of(op.results[0]) != "f32":
        return False
    source = op.operands[0]
    return kind_of(source) in ("f16", "qi8", "qci8", "qbi8") and (_is_dense(source) or is_unpacked(source))


def _is_dense(value: SSAValue) -> bool:
    sparse = isinstance(value, OpResult) and isinstance(value.op, SparseConstOp | SparseQConstOp)
    return is_stored(value) and not sparse


def is_unpacked(value: SSAValue) -> bool:
    """Whether a value is a constant that the delegate restores while the model is loaded."""
    return isinstance(value, OpResult) and unpacks(value.op)


def readers(value: SSAValue) -> Iterator[Operation]:
    """The operators that read a value."""
    return (use.operation for use in value.uses if is_operator(use.operation))


def _readers_taken(site: Site) -> bool:
    if not unpacks(site.op):
        return True
    rest = (op for op in readers(site.op.results[0]) if not unpacks(op))
    return all(site.target.verdict(op).status != "refused" for op in rest)


def known_beforehand(index: int, what: str) -> Need:
    """An operand is a constant, as it is stored or behind ops that restore it."""

    def met(site: Site) -> bool:
        value = site.inputs[index]
        return is_unpacked(value) or is_stored(value)

    return Need(f"{what} computed at run time", met)


RESTORES_A_CONSTANT = Need("sparse or float16 data that is no constant", lambda site: unpacks(site.op))
READERS_TAKEN = Need("an op that reads the constant is refused", _readers_taken)
WEIGHTS_KNOWN = known_beforehand(1, "weights")
BIAS_KNOWN = known_beforehand(2, "a bias")
SLOPE_KNOWN = known_beforehand(1, "a slope")


def _is_half(value: SSAValue) -> bool:
    """Whether a float operand is read as float16: all that reads it are layers, as their weights or their bias."""
    if not isinstance(value, OpResult) or not isinstance(value.op, DequantizeOp) or not is_unpacked(value):
        return False
    if kind_of(value.op.operands[0]) != "f16":
        return False
    layers = ("tfl.conv_2d", "tfl.depthwise_conv_2d", "tfl.fully_connected")
    uses = [use for use in value.uses if is_operator(use.operation)]
    return all(use.operation.name in layers and use.index > 0 for use in uses)


def _bias_fits(site: Site) -> bool:
    """A float bias is as wide as float weights are, or wider."""
    if not site.has(2) or site.kinds[1] not in ("f32", "f16"):
        return True
    halves = [site.kinds[n] == "f16" or _is_half(site.inputs[n]) for n in (1, 2)]
    return not (halves[1] and not halves[0])


BIAS_AS_WIDE = Need("a float16 bias beside float32 weights", _bias_fits)
BIAS_LISTED = inputs(3, 3, "without a bias")


def scales_along(index: int, axis: Callable[[Site], int]) -> Need:
    """Scales per channel lie along one axis and have no zero points."""

    def met(site: Site) -> bool:
        element = quantized_element(site.inputs[index])
        if element is None or not element.layout.axes or element.layout.blocks:
            return True
        return element.layout.axes == (axis(site),) and not element.layout.zero_points.any()

    return Need("scales per channel along another axis, or with zero points", met)


def along_channels(site: Site) -> bool:
    """Whether weights with a scale per channel have them along the axis of the channels."""
    info, element = site.op.INFO if isinstance(site.op, TflOp) else None, quantized_element(site.inputs[1])
    return (
        info is not None
        and info.weight is not None
        and element is not None
        and (element.layout.axes == (info.weight[1],))
    )


def _symmetric(site: Site) -> bool:
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    if info is None or site.kinds[0] != "qi8":
        return True
    indices = (*info.symmetric, *(info.weight[:1] if info.weight is not None else ()))
    types = [quantized_element(site.inputs[index]) for index in indices]
    return not any(element is not None and element.layout.zero_points.any() for element in types)


SYMMETRIC = Need("int8 weights with a zero point beside int8 activations", _symmetric)


# Forms of weights.

DEFAULT_FORMAT = option_is("weights_format", "DEFAULT", "shuffled weights")
DENSE_VERSION = Need("sparse weights (version 8)", lambda site: site.version != 8)


def left_empty(site: Site) -> bool:
    """Whether weights come from a DENSIFY that the delegate skips, for a kernel that reads them all the same."""
    info = site.op.INFO if isinstance(site.op, TflOp) else None
    if info is None or site.version == 8:
        return False
    source = site.inputs[info.sparse[0]]
    if not isinstance(source, OpResult) or not isinstance(source.op, DensifyOp) or not unpacks(source.op):
        return False
    return ("int8" if site.kinds[0] == "qi8" else "hybrid") not in info.densify


def half_beside_sparse(site: Site) -> bool:
    """Whether a bias is a float16 constant beside integer weights behind DENSIFY and DEQUANTIZE."""
    weights, bias = (value.owner for value in site.inputs[1:3])
    if not isinstance(weights, DequantizeOp) or not isinstance(bias, DequantizeOp):
        return False
    integers = kind_of(weights.operands[0]) in ("qi8", "qci8") and isinstance(weights.operands[0].owner, DensifyOp)
    return integers and unpacks(weights) and unpacks(bias) and kind_of(bias.operands[0]) == "f16"


def _even_channels(site: Site) -> bool:
    divisor = {"i4": 2, "i2": 4}.get(site.kinds[1][-2:], 1)
    return site.shape(1)[-1] % divisor == 0


PACKED_CHANNELS = Need("packed weights of a number of input channels that ends within a byte", _even_channels)


def _per_channel_int2(site: Site) -> bool:
    return site.kinds[1] != "qi2" or site.shape(1)[0] == 1


INT2_PER_CHANNEL = Need("int2 weights with one scale", _per_channel_int2)


def _bias_per_channel(site: Site) -> bool:
    return not site.has(2) or int(np.prod(site.shape(2), dtype=np.int64)) == site.shape(1)[0]


BIAS_PER_CHANNEL = Need("a bias that is not one number a channel", _bias_per_channel)
BIAS_KNOWN_IF_ANY = Need("a bias computed at run time", lambda site: not site.has(2) or BIAS_KNOWN.met(site))


def whole_blocks(site: Site) -> bool:
    """Whether weights in blocks have blocks of a multiple of 32 elements."""
    value = site.inputs[1]
    element = quantized_element(value)
    if element is not None and element.layout.blocks:
        return element.layout.blocks[-1] % 32 == 0
    details = blockwise(value)
    size = None if details is None else getattr(getattr(details.data.get("blocksize"), "value", None), "data", 0)
    return size is None or size % 32 == 0


WHOLE_BLOCKS = Need("blocks that are no multiple of 32 elements", whole_blocks)
