"""The conditions that XNNPACK's delegate has beside the kinds of tensors.

It looks at the file as it is, before any shape is worked out: a dimension that the file leaves open counts as 1, and a
shape that the file leaves out as that of a scalar.
"""

from __future__ import annotations

import struct

import numpy as np

from tflir.ir.targets.needs import has_rank, inputs, numbers, option_is, result_has_rank, results
from tflir.ir.targets.site import Site
from tflir.ir.targets.target import Need
from tflir.ir.tfl.constants import CustomOp
from tflir.ir.types import quantized_element

MEND = "tfl-mend-xnnpack"
MOST_DIMENSIONS = 6

UP_TO_6 = has_rank(0, 0, MOST_DIMENSIONS)
SECOND_UP_TO_6 = has_rank(1, 0, MOST_DIMENSIONS)
RESULT_UP_TO_6 = result_has_rank(0, MOST_DIMENSIONS)


# Scales.


def _ratio(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return None
    return float(np.float32(one) / np.float32(other))


def _input_ratio(site: Site, index: int) -> float | None:
    return _ratio(site.scale(index), site.result_scale())


def _sum_scales_near(site: Site) -> bool:
    ratios = (_input_ratio(site, 0), _input_ratio(site, 1))
    return all(ratio is None or 2.0**-10 <= ratio < 2.0**8 for ratio in ratios)


def _product_scale_near(site: Site) -> bool:
    one, other = site.scale(0), site.scale(1)
    if one is None or other is None:
        return True
    ratio = _ratio(float(np.float32(one) * np.float32(other)), site.result_scale())
    return ratio is None or 2.0**-16 <= ratio < 2.0**8


def _rescale_near(site: Site) -> bool:
    ratio = _input_ratio(site, 0)
    return ratio is None or 2.0**-8 <= ratio <= 2.0**7


def _slopes_near(site: Site) -> bool:
    alpha, ratio = np.float32(site.option("alpha")), _input_ratio(site, 0)
    if not np.isfinite(alpha) or abs(alpha) < np.finfo(np.float32).tiny:
        return False
    if ratio is None:
        return True
    negative = float(np.float32(ratio) * alpha)
    return 2.0**-8 <= ratio <= 2.0**7 and -127.99609375 <= negative <= 128 and abs(negative) >= 2.0**-8


SUM_SCALES = Need("an operand's scale below 1/1024 or from 256 times the result's", _sum_scales_near, MEND)
PRODUCT_SCALE = Need("a product of scales below 1/65536 or from 256 times the result's", _product_scale_near, MEND)
RESCALE = Need("a scale below 1/256 or above 128 times the result's", _rescale_near)
SLOPES = Need("a slope of 0, or scales too far apart", _slopes_near)


def coarse_products(site: Site) -> bool:
    """Whether the scale of a layer's products is 256 times that of its result or more."""
    source, weights, made = site.scale(0), quantized_element(site.inputs[1]), site.result_scale()
    if source is None or weights is None or made is None:
        return False
    return source * float(np.max(weights.layout.scales)) / made >= 2.0**8


def has_zero_points(site: Site) -> bool:
    """Whether operand 1 has a zero point other than 0."""
    element = quantized_element(site.inputs[1])
    return element is not None and bool(element.layout.zero_points.any())


def same_scale(site: Site) -> bool:
    """Whether operand 0 and the result, where they are quantized, have one scale and zero point."""
    one, other = quantized_element(site.inputs[0]), quantized_element(site.op.results[0])
    return one is None or other is None or one.layout == other.layout


UNCHANGED_SCALE = Need("another scale than its operand's", same_scale)


def _uint8_joined_alike(site: Site) -> bool:
    if site.result_kinds[0] != "qu8":
        return True
    layouts = [quantized_element(value) for value in (*site.inputs, site.op.results[0])]
    return all(each is not None and each.layout == layouts[-1].layout for each in layouts if layouts[-1] is not None)


ALIKE_IF_UINT8 = Need("uint8 operands of several scales", _uint8_joined_alike, MEND)


# Options and shapes.

CLAMPED = option_is("activation", ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"), "a fused TANH or SIGN_BIT")
BETA_1 = option_is("beta", 1.0, "a beta other than 1")
FEW_OPERANDS = inputs(2, 5, "not 2 to 5 operands", MEND)
FEW_RESULTS = results(2, 4, "not 2 to 4 results", MEND)

NO_MASKS = Need(
    "an ellipsis, new-axis or shrink-axis mask",
    lambda site: not any(site.option(f"{mask}_mask") for mask in ("ellipsis", "new_axis", "shrink_axis")),
    MEND,
)


def _pool_steps(site: Site) -> bool:
    strides = site.option("stride_h"), site.option("stride_w")
    window = site.option("filter_height"), site.option("filter_width")
    fits = all(0 < step <= size for step, size in zip(strides, window, strict=True))
    return fits and not (window == (1, 1) and max(strides) > 1)


POOL_STEPS = Need("a stride larger than the window", _pool_steps)


def _has_groups(site: Site) -> bool:
    return site.shape(0)[3] // site.shape(1)[3] > 0


GROUPS = Need("more channels in the weights than in the input as the file has it", _has_groups)
DEPTH = Need(
    "a depth multiplier that does not divide the channels",
    lambda site: site.option("depth_multiplier") > 0 and site.shape(1)[3] % site.option("depth_multiplier") == 0,
)
MATRICES = Need("operands that are not matrices", lambda site: min(len(site.shape(0)), len(site.shape(1))) >= 2)


def _axis_exists(site: Site) -> bool:
    axis = site.option("axis")
    return all(axis < len(site.shape(n)) for n in range(len(site.inputs)))


AXIS_EXISTS = Need("an axis that the file's shapes do not have", _axis_exists)
BLOCKS = Need("a block size of 1", lambda site: site.option("block_size") > 1)


def _divides(site: Site) -> bool:
    size, shape = site.option("block_size"), site.shape(0)
    return len(shape) > 2 and size > 1 and shape[1] % size == 0 and shape[2] % size == 0


BLOCKS_DIVIDE = Need("a block size that does not divide height and width", _divides)


def _target_shape(site: Site) -> list[int] | None:
    if len(site.inputs) > 1:
        return site.numbers(1)
    return [int(size) for size in site.option("new_shape") or ()]


SHAPE_KNOWN = Need("a shape computed at run time", lambda site: _target_shape(site) is not None)
NOT_LEGACY = Need("a shape of [-1] or [0]", lambda site: _target_shape(site) not in ([-1], [0]))
SOME_AXES = numbers(1, lambda axes: 0 < len(axes) <= MOST_DIMENSIONS, "axes that are not constant, or none")
PADS = numbers(1, lambda pads: min(pads, default=0) >= 0, "paddings that are not constant, or negative")
PADS_FIT = Need(
    "paddings of another rank than the input's",
    lambda site: site.shape(1) == (len(site.shape(0)), 2),
)
SIZES_GIVEN = numbers(2, lambda sizes: min(sizes, default=1) > 0, "sizes that are not constant, or -1", MEND)
UNIT_STRIDES = numbers(3, lambda steps: set(steps) <= {1}, "strides other than 1", MEND)
BOUNDS_KNOWN = Need(
    "bounds that are not constant, or not one for each dimension",
    lambda site: all((found := site.numbers(n)) is not None and len(found) == len(site.shape(0)) for n in (1, 2, 3)),
)
POSITIVE_SIZE = numbers(1, lambda sizes: bool(sizes) and sizes[0] > 0, "a size that is not constant")


def _transpose_conv_fits(site: Site) -> bool:
    wanted = site.numbers(0)
    if wanted is None or len(wanted) != 4:
        return False
    filters, source = site.shape(1), site.shape(2)
    if filters[0] != wanted[3] or filters[3] != source[3]:
        return False
    steps = site.option("stride_h"), site.option("stride_w")
    if site.option("padding") == "VALID":
        return filters[1] <= wanted[1] and filters[2] <= wanted[2]
    steps_fit = all(step > 0 for step in steps) and filters[1] >= steps[0] and filters[2] >= steps[1]
    return steps_fit and all(-(-wanted[n] // steps[n - 1]) == source[n] for n in (1, 2))


TRANSPOSE_CONV_FITS = Need("an output shape that its input, weights and strides do not give", _transpose_conv_fits)


def _options_of_custom(site: Site, count: int) -> tuple[int, ...]:
    data = site.op.custom_option.data if isinstance(site.op, CustomOp) else b""
    return struct.unpack(f"<{count}i", data[: 4 * count].ljust(4 * count, b"\0"))


def _custom_steps(site: Site) -> bool:
    padding, width, height = _options_of_custom(site, 3)
    return padding in (1, 2) and width > 0 and height > 0


def _custom_pool(site: Site) -> bool:
    padding, step_w, step_h, width, height, activation = _options_of_custom(site, 6)
    return padding in (1, 2) and (step_w, step_h) == (width, height) and min(width, height) > 0 and activation < 4


CUSTOM_STEPS = Need("options that the delegate does not know", _custom_steps)
CUSTOM_POOL = Need("strides that differ from the window", _custom_pool)


def _is_attention(site: Site) -> bool:
    if site.option("name") != "odml.scaled_dot_product_attention":
        return False
    query, key, value = (site.shape(n) for n in range(3))
    if not query or not key or not value or not query[-1] == key[-1] == value[-1]:
        return False
    return len(site.inputs) < 4 or (len(key) > 1 and key[1] == value[1] == site.shape(3)[-1])


ATTENTION = Need("a composite other than scaled_dot_product_attention", _is_attention)
