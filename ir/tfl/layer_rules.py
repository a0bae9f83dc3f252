"""Shape rules of layers: convolutions, matrix products, pooling and resizing. Letters such as NHWC name dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation

from tflir.ir.tfl.shapes import (
    Rule,
    Shape,
    broadcast,
    flag,
    is_absent,
    option,
    rank,
    refuse,
    require,
    result,
    same,
    shape,
    size,
    text,
    vector,
)


def conv_2d(op: Operation) -> None:
    """NHWC input, OHWI filter; grouped if the filter has fewer input channels than the input."""
    source, kernel = rank(op.operands[0], 4, "input"), rank(op.operands[1], 4, "filter")
    _positive(op, "stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
    if kernel is not None:
        _bias(op, 2, kernel[0])
    if source is None or kernel is None:
        return
    _groups(source[3], kernel[3], kernel[0])
    result(op, (source[0], *_windows(op, source, kernel[1], kernel[2]), kernel[0]))


def _groups(input_channels: int, filter_channels: int, output_channels: int) -> None:
    if input_channels < 0 or filter_channels < 0:
        return
    if filter_channels == 0 or input_channels % filter_channels:
        refuse(f"filter of {filter_channels} input channels for an input of {input_channels}")
    groups = input_channels // filter_channels
    if output_channels >= 0 and (groups == 0 or output_channels % groups):
        refuse(f"{output_channels} output channels are no multiple of {groups} groups")


def depthwise_conv_2d(op: Operation) -> None:
    """NHWC input, 1HWO filter: each input channel gives the same number of output channels."""
    source, kernel = rank(op.operands[0], 4, "input"), rank(op.operands[1], 4, "filter")
    _positive(op, "stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
    if kernel is None:
        return
    require(same(kernel[0], 1), f"filter of shape {text(kernel)} does not begin with 1")
    _bias(op, 2, kernel[3])
    if source is None:
        return
    if source[3] >= 0 and kernel[3] >= 0 and (source[3] == 0 or kernel[3] % source[3]):
        refuse(f"filter of {kernel[3]} channels, no multiple of the input's {source[3]}")
    result(op, (source[0], *_windows(op, source, kernel[1], kernel[2]), kernel[3]))


def transpose_conv(op: Operation) -> None:
    """NHWC input, OHWI filter; operand 0 is the shape of the result."""
    output = vector(op.operands[0], 4, "output_shape")
    kernel, source = rank(op.operands[1], 4, "filter"), rank(op.operands[2], 4, "input")
    _positive(op, "stride_h", "stride_w")
    if kernel is not None:
        _bias(op, 3, kernel[0])
    if kernel is not None and source is not None:
        require(same(kernel[3], source[3]), f"filter of {kernel[3]} input channels for an input of {source[3]}")
    if output is not None:
        if kernel is not None:
            require(same(output[3], kernel[0]), f"output_shape has {output[3]} channels, the filter {kernel[0]}")
        require(min(output) >= 0, f"output_shape {list(output)} is not a valid shape")
        if kernel is not None and source is not None:
            _run_back(op, source, output, kernel)
        result(op, tuple(output))


def _run_back(op: Operation, source: Shape, output: Sequence[int], kernel: Shape) -> None:
    """The convolution of a tensor of the result's shape must have as many positions as the input."""
    height, width = _windows(op, (*output,), kernel[1], kernel[2])
    fits = same(source[0], output[0]) and same(source[1], height) and same(source[2], width)
    require(fits, f"output_shape {list(output)} takes an input of {height}x{width}, not of {text(source)}")


def conv_3d(op: Operation) -> None:
    """NDHWC input, DHWIO filter."""
    source, kernel = rank(op.operands[0], 5, "input"), rank(op.operands[1], 5, "filter")
    _positive(op, "stride_d", "stride_h", "stride_w")
    if kernel is None:
        return
    _bias(op, 2, kernel[4])
    if source is not None:
        require(same(source[4], kernel[3]), f"filter of {kernel[3]} input channels for an input of {source[4]}")
        result(op, (source[0], -1, -1, -1, kernel[4]))


def conv_3d_transpose(op: Operation) -> None:
    """NDHWC input, DHWOI filter; operand 0 is the shape of the result."""
    output = vector(op.operands[0], 5, "output_shape")
    kernel, source = rank(op.operands[1], 5, "filter"), rank(op.operands[2], 5, "input")
    if kernel is not None:
        _bias(op, 3, kernel[3])
    if kernel is not None and source is not None:
        require(same(source[4], kernel[4]), f"filter of {kernel[4]} input channels for an input of {source[4]}")
    result(op, None if output is None else tuple(output))


_FUSED_ROWS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


def fully_connected(op: Operation) -> None:
    """Every row of the input times every row of an [out, in] filter."""
    fused = op.properties.get("fused_activation_function")
    if isinstance(fused, StringAttr) and fused.data not in _FUSED_ROWS:
        refuse(f"fused_activation_function can't be '{fused.data}' here ({', '.join(_FUSED_ROWS)})")
    source, kernel = shape(op.operands[0]), rank(op.operands[1], 2, "filter")
    if kernel is None:
        return
    units, width = kernel
    _bias(op, 2, units)
    if source is None or width < 0:
        return
    if flag(op, "keep_num_dims"):
        require(bool(source) and same(source[-1], width), f"filter of {width} inputs for an input of {text(source)}")
        result(op, (*source[:-1], units))
        return
    elements = size(source)
    if elements >= 0 and (width == 0 or elements % width):
        refuse(f"filter of {width} inputs for an input of {text(source)}")
    actual = shape(op.results[0]) if op.results else None
    rows = elements // width if elements >= 0 and width else -1
    if actual is None:
        result(op, (rows, units))
    else:
        _rows(actual, rows, units)


def _rows(actual: Shape, rows: int, units: int) -> None:
    """The result is [rows, units]; the rows may also be spread over several dimensions."""
    fits = bool(actual) and same(actual[-1], units) and same(size(actual[:-1]), rows)
    require(fits, f"result has shape {text(actual)} where the op gives {text((rows, units))}")


def batch_matmul(op: Operation) -> None:
    """Matrices in the last two dimensions, the others broadcast."""
    lhs, rhs = rank(op.operands[0], (2, 5), "x"), rank(op.operands[1], (2, 5), "y")
    if lhs is None or rhs is None:
        return
    rows, inner = reversed(lhs[-2:]) if flag(op, "adj_x") else lhs[-2:]
    summed, columns = reversed(rhs[-2:]) if flag(op, "adj_y") else rhs[-2:]
    require(same(inner, summed), f"matrices {text(lhs)} and {text(rhs)} differ in the length that is summed")
    batch = broadcast((lhs[:-2], rhs[:-2]), "batches")
    assert batch is not None
    result(op, (*batch, rows, columns))


def pool(op: Operation) -> None:
    """Pooling over windows of an NHWC input."""
    source = rank(op.operands[0], 4, "input")
    _positive(op, "stride_h", "stride_w", "filter_height", "filter_width")
    if source is not None:
        height, width = option(op, "filter_height"), option(op, "filter_width")
        result(op, (source[0], *_windows(op, source, height, width), source[3]))


def channels_last(factor: int) -> Rule:
    """Moves blocks of `block_size` x `block_size` pixels to depth (`factor` 1) or back (-1)."""

    def rule(op: Operation) -> None:
        source = rank(op.operands[0], 4, "input")
        _positive(op, "block_size")
        block = option(op, "block_size", 1)
        if source is None:
            return
        batch, height, width, depth = source
        if factor > 0:
            divided = (_divided(height, block, "height"), _divided(width, block, "width"))
            result(op, (batch, *divided, _times(depth, block * block)))
        else:
            depth = _divided(depth, block * block, "depth")
            result(op, (batch, _times(height, block), _times(width, block), depth))

    return rule


def resize(op: Operation) -> None:
    """Resizes an NHWC input to the height and width in operand 1."""
    source, height_width = rank(op.operands[0], 4, "input"), vector(op.operands[1], 2, "size")
    if height_width is not None:
        require(min(height_width) > 0, f"size {text(height_width)} is not a valid size")
    if source is not None:
        result(op, (source[0], *(height_width or (-1, -1)), source[3]))


def one_kind_of_corners(op: Operation) -> None:
    """`align_corners` and `half_pixel_centers` exclude each other."""
    if flag(op, "align_corners") and flag(op, "half_pixel_centers"):
        refuse("align_corners and half_pixel_centers exclude each other")


def _divided(dim: int, by: int, what: str) -> int:
    require(dim < 0 or dim % by == 0, f"{what} {dim} is no multiple of {by}")
    return dim if dim < 0 else dim // by


def _times(dim: int, by: int) -> int:
    return dim if dim < 0 else dim * by


def _positive(op: Operation, *options: str) -> None:
    for name in options:
        require(option(op, name, 1) > 0, f"{name} is {option(op, name, 1)}: it must be above 0")


def _bias(op: Operation, operand: int, channels: int) -> None:
    """A bias has a number for each channel of the output."""
    if operand >= len(op.operands) or is_absent(op.operands[operand]):
        return
    count = size(shape(op.operands[operand]))
    require(same(count, channels), f"bias of {count} numbers for {channels} output channels")


def _windows(op: Operation, source: Shape, height: int, width: int) -> tuple[int, int]:
    """The result's height and width for a window of this size."""
    return (
        _positions(op, source[1], height, option(op, "stride_h", 1), option(op, "dilation_h_factor", 1)),
        _positions(op, source[2], width, option(op, "stride_w", 1), option(op, "dilation_w_factor", 1)),
    )


def _positions(op: Operation, length: int, window: int, stride: int, dilation: int) -> int:
    if length < 0 or window < 0:
        return -1
    padding = op.properties.get("padding")
    if isinstance(padding, StringAttr) and padding.data == "SAME":
        return -(-length // stride)
    reach = (window - 1) * dilation + 1
    require(reach <= length or length == 0, f"a window over {reach} of {length} elements, without padding")
    return max(-(-(length - reach + 1) // stride), 0)
