"""The conditions that Arm's Ethos-U55 and U65 have beside the kinds of tensors."""

from __future__ import annotations

import numpy as np
from xdsl.ir import OpResult

from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.targets.site import Site, is_stored
from tflir.ir.targets.target import Need
from tflir.ir.types import quantized_element, shape_of

_MOST_WEIGHTS = 8323072
_LONGEST = 1 << 16
_LARGEST_WINDOW = 256


def _fixed_shapes(site: Site) -> bool:
    shapes = [
        shape_of(value.type) for value in (*site.inputs, *site.op.results) if quantized_element(value) is not None
    ]
    return all(shape is not None and min(shape[1:], default=1) >= 0 for shape in shapes)


FIXED_SHAPES = Need("a dynamic dimension other than the first", _fixed_shapes)


def _zero_points(site: Site) -> bool:
    for value in (*site.inputs, *site.op.results):
        element = quantized_element(value)
        if element is not None and element.storage.width.data == 32 and element.layout.zero_points.any():
            return False
    return True


WIDE_ZERO_POINTS = Need("int32 with a zero point", _zero_points)


def constant_operands(*indices: int) -> Need:
    """Parameters stand in the file."""
    return Need(
        "parameters computed at run time",
        lambda site: all(is_stored(site.inputs[n]) for n in indices if site.has(n)),
    )


CONSTANT_BIAS = Need("a bias computed at run time", lambda site: not site.has(2) or is_stored(site.inputs[2]))
CONSTANT_LAST_BIAS = Need("a bias computed at run time", lambda site: not site.has(3) or is_stored(site.inputs[3]))


def _weight_sums(index: int) -> Need:
    """The sum of absolute weights of each output channel fits the accumulator."""

    def met(site: Site) -> bool:
        value = site.inputs[index]
        element = quantized_element(value)
        held = value.op.properties.get("value") if isinstance(value, OpResult) else None
        if element is None or not isinstance(held, ArrayElementsAttr):
            return True
        shape = shape_of(value.type) or ()
        axis = element.layout.axes[0] if element.layout.axes else 0
        count = int(np.prod(shape, dtype=np.int64)) // max(shape[axis] if shape else 1, 1)
        if count * 255 <= _MOST_WEIGHTS:
            return True  # it can't be exceeded
        centred = np.abs(as_numpy(held).astype(np.int64) - int(element.layout.zero_points.flat[0]))
        others = tuple(n for n in range(len(shape)) if n != axis)
        return int(centred.sum(axis=others).max()) <= _MOST_WEIGHTS

    return Need(f"weights of a channel whose absolute values sum to more than {_MOST_WEIGHTS}", met)


WEIGHT_SUMS = _weight_sums(1)


def _strides(site: Site) -> tuple[int, int]:
    return site.option("stride_h"), site.option("stride_w")


def _plain_stride(site: Site) -> bool:
    if max(_strides(site)) <= 3:
        return True
    dilation = [site.option(f"dilation_{side}_factor") for side in "hw"] if site.operator == "CONV_2D" else [1]
    return set(dilation) == {1} and site.option("padding") == "VALID"


STRIDES_TO_3 = Need("a stride above 3", lambda site: max(_strides(site)) <= 3)
STRIDES_TO_3_UNLESS_VALID = Need("a stride above 3 with dilation or padding SAME", _plain_stride)


def _window(site: Site) -> tuple[int, int]:
    return site.option("filter_height"), site.option("filter_width")


def _window_fits(site: Site) -> bool:
    height, width = _window(site)
    return height <= _LARGEST_WINDOW and height * width <= _LARGEST_WINDOW**2


def _average_window_fits(site: Site) -> bool:
    return _window_fits(site) if site.option("padding") == "VALID" else max(_window(site)) <= 8


MAX_WINDOW = Need("a window higher than 256 or larger than 256 x 256", _window_fits)
AVERAGE_WINDOW = Need("a window above 8 x 8 with padding SAME, or above 256 x 256", _average_window_fits)


def _transpose_stride(site: Site) -> bool:
    step_h, step_w = _strides(site)
    source, filters = site.shape(2), site.shape(1)
    if (step_h, step_w) in ((1, 1), (2, 2)):
        return True
    if (step_h, step_w) == (1, 2):
        return source[1] == filters[1] == 1
    return (step_h, step_w) == (2, 1) and source[2] == filters[2] == 1


def _transpose_shape(site: Site) -> bool:
    source, filters, made = site.shape(2), site.shape(1), site.result_shape()
    if len(source) != 4 or len(made) != 4:
        return False
    more = 0 if site.option("padding") == "SAME" else 1
    steps = _strides(site)
    return all(made[n] == source[n] * steps[n - 1] + more * (filters[n] - steps[n - 1]) for n in (1, 2))


TRANSPOSE_STRIDES = Need("strides other than 1 x 1 and 2 x 2", _transpose_stride)
TRANSPOSE_SHAPE = Need("an output that is not input x stride", _transpose_shape)


def _last_axis(site: Site) -> bool:
    axis, rank = site.numbers(1), len(site.shape(0))
    return axis is not None and len(axis) == 1 and axis[0] % max(rank, 1) == rank - 1


DEPTH_AXIS = Need("an axis other than the last", _last_axis)
SHALLOW = Need("a depth above 127", lambda site: bool(site.shape(0)) and site.shape(0)[-1] <= 127)


def _operands_as_result(site: Site) -> bool:
    made = quantized_element(site.op.results[0])
    found = [quantized_element(value) for value in site.inputs]
    return made is None or all(each is None or each.layout == made.layout for each in found)


ONE_SCALE = Need("operands and result of several scales", _operands_as_result)
SAME_SHAPE = Need("a result of another shape", lambda site: site.shape(0) == site.result_shape())

_MOST_REDUCED = {"qi8": 1 << 24, "qu8": 1 << 23, "qi16": 1 << 16}


def _reduced(site: Site) -> list[int]:
    axes, shape = site.numbers(1) or [], site.shape(0)
    return [shape[axis] for axis in axes if -len(shape) <= axis < len(shape)]


def _mean_fits(site: Site) -> bool:
    sizes = _reduced(site)
    count = int(np.prod(sizes, dtype=np.int64))
    return count <= _MOST_REDUCED.get(site.kinds[0], 0) and max(sizes, default=1) < 4096


MEAN_SIZES = Need("too many elements for one mean", _mean_fits)
ONE_BATCH = Need("a batch above 1", lambda site: len(site.shape(0)) < 4 or site.shape(0)[0] == 1)


def _scale_factors(site: Site) -> tuple[float, float]:
    source, made = site.shape(0), site.result_shape()
    less = 1 if site.option("align_corners") else 0
    height, width = ((made[n] - less) / max(source[n] - less, 1) for n in (1, 2))
    return height, width


def _resizes(factors: tuple[float, ...], half: tuple[float, ...]) -> Need:
    """Both sides grow by one factor, of a few."""

    def met(site: Site) -> bool:
        source, made = site.shape(0), site.result_shape()
        if len(source) != 4 or len(made) != 4:
            return False
        if source[1:3] == (1, 1) or source == made:
            return True
        height, width = _scale_factors(site)
        allowed = half if site.option("half_pixel_centers") else factors
        if height != width:
            flat = (made[1] == 1 and height == 1) or (made[2] == 1 and width == 1)
            return flat and max(height, width) in allowed
        return height in allowed

    return Need("a scale factor other than 2, 4 or 8", met)


BILINEAR_FACTORS = _resizes((2.0, 4.0, 8.0), (2.0,))
NEAREST_FACTORS = _resizes((2.0, 4.0, 8.0), (2.0, 4.0, 8.0))


def _softmax_fits(site: Site) -> bool:
    return int(np.prod(site.shape(0)[1:-1], dtype=np.int64)) < _LONGEST


SOFTMAX_SIZE = Need("a width times height of 65536 and more", _softmax_fits)
SPLITS_LISTED = Need(
    "another number of results than num_splits", lambda site: site.option("num_splits") == len(site.op.results)
)
STRIDES_POSITIVE = Need(
    "a stride that is not positive, or not constant",
    lambda site: min(site.numbers(3) or [0]) > 0,
)
PLAIN_FC_WEIGHTS = Need("weights that are not a matrix", lambda site: set(site.shape(1)[1:-1]) <= {1})


def _dynamic_weights_fit(site: Site) -> bool:
    if is_stored(site.inputs[1]):
        return True
    return site.kinds[0] == "qi8" and max(site.shape(0)[-1:] + site.result_shape()[-1:], default=1) <= _LONGEST


DYNAMIC_WEIGHTS = Need("weights computed at run time, other than int8 of at most 65536 channels", _dynamic_weights_fit)
MATMUL_SIZE = Need(
    "more than 65536 channels",
    lambda site: max(site.shape(0)[-1:] + site.result_shape()[-1:], default=1) <= _LONGEST,
)


def _transposes(site: Site) -> bool:
    order, shape = site.numbers(1), site.shape(0)
    if order is None or len(shape) > 8 or len(order) != len(shape):
        return False
    if order == list(range(len(shape))):
        return True
    if site.kinds[0] in ("i32", "qi32"):
        return len(shape) <= 4 and max(shape, default=1) <= 1 << 14
    if len(shape) <= 3:
        return max(shape, default=1) <= _LONGEST
    outer = sorted(shape, reverse=True)[: len(shape) - 2]
    return int(np.prod(outer, dtype=np.int64)) <= _LONGEST


TRANSPOSES = Need("a permutation of axes as long as these", _transposes)


def _plain_lstm(site: Site) -> bool:
    return not any(site.has(n) for n in (9, 10, 11, 16, 17, 20, 21, 22, 23)) and all(site.has(n) for n in (1, 5))


PLAIN_LSTM = Need("an LSTM with peepholes, a projection, normalization, or without an input gate", _plain_lstm)
