"""What an op has to do, as far as its time depends on it: a kernel, the kind of its numbers, and sizes.

```
tfl.conv_2d   1x8x8x16 by 32x3x3x16    Work("CONV_2D", "f32", (64, 144, 32))    positions, products a result, channels
tfl.add       1x64 and 1               Work("ADD.scalar", "qi8", (64,))         elements
tfl.mean      1x64x8 over axis 1       Work("MEAN.outer", "f32", (8, 64))       results, elements each
```
Ops of one kernel and kind differ by their sizes alone; their times are interpolated between those that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.targets.kinds import ABSENT, kind_of
from tflir.ir.targets.site import Site, operator_of, shape_in_file
from tflir.ir.targets.target import Target


class Work(NamedTuple):
    """What an op has to do."""

    kernel: str
    """The operator, with a variant behind a dot where there are several ways through it."""
    kind: str
    """Of the first activation, and of the weight where that differs: `qi8`, `f32*qi8`, of however many scales."""
    sizes: tuple[int, ...]
    """At least 1 each; what they count depends on the kernel."""

    @property
    def total(self) -> int:
        """All sizes multiplied: multiplications, or elements."""
        return math.prod(self.sizes)


MALFORMED = (IndexError, TypeError, ValueError)
"""What reading an op raises that lacks operands, results, dimensions or options."""
_ANY = Target("", "", ())
_MOST = (1 << 63) - 1


def work_of(op: Operation) -> Work:
    """The work of an op that a runtime runs. Dimensions that are not known count as 1.

    An op of a damaged file, without operands, results or options that its kernel needs, counts by its elements.
    """
    site = Site(op, _ANY)
    operator = operator_of(op)
    try:
        return _WORK.get(operator, _elements)(operator, site)
    except MALFORMED:
        return _elements(operator, site)


def plain_kind(site: Site, index: int = 0) -> str:
    """The kind of an operand as tables have it: `qi8` of however many scales."""
    return _plain(site.kinds[index]) if index < len(site.kinds) else ABSENT


def _plain(kind: str) -> str:
    """Without how many scales there are."""
    return f"q{kind[2:]}" if kind[:2] in ("qc", "qb") else kind


def count_of(value: SSAValue) -> int:
    """How many elements a tensor has, at least 1."""
    return max(math.prod(shape_in_file(value)), 1)


def sized(kernel: str, kind: str, *sizes: int) -> Work:
    """Work of at least 1 in each size, and of no more than numbers of 64 bits hold, whatever a damaged file says."""
    return Work(kernel, kind, tuple(min(max(size, 1), _MOST) for size in sizes))


def _weighted(site: Site, activation: int, weight: int) -> str:
    """The kind of an op with a weight; one that is stored otherwise and restored when the model is loaded counts as
    what it is restored to."""
    first, second = plain_kind(site, activation), plain_kind(site, weight)
    return first if first == second else f"{first}*{second}"


def _conv_2d(operator: str, site: Site) -> Work:
    channels, height, width, depth = (*site.shape(1), 1, 1, 1, 1)[:4]
    out = site.result_shape()
    pointwise = height == width == 1
    positions = math.prod(out[:-1])
    kernel = f"{operator}.1x1" if pointwise else operator
    return sized(kernel, _weighted(site, 0, 1), positions, height * width * depth, channels)


def _depthwise(operator: str, site: Site) -> Work:
    _, height, width, channels = (*site.shape(1), 1, 1, 1, 1)[:4]
    return sized(operator, _weighted(site, 0, 1), math.prod(site.result_shape()[:-1]), channels, height * width)


def _transposed(operator: str, site: Site) -> Work:
    channels, height, width, depth = (*site.shape(1), 1, 1, 1, 1)[:4]
    return sized(operator, _weighted(site, 2, 1), math.prod(site.shape(2)[:-1]), depth, height * width * channels)


def _conv_3d(operator: str, site: Site) -> Work:
    channels = (1, *site.shape(1))[-1]
    depth = math.prod(site.shape(1)) // max(channels, 1)
    return sized(operator, _weighted(site, 0, 1), math.prod(site.result_shape()[:-1]), depth, channels)


def _fully_connected(operator: str, site: Site) -> Work:
    rows, depth = (*site.shape(1), 1, 1)[:2]
    batch = math.prod(site.shape(0)) // max(depth, 1)
    return sized(operator, _weighted(site, 0, 1), batch, depth, rows)


def _batch_matmul(operator: str, site: Site) -> Work:
    out, left = site.result_shape(), site.shape(0)
    rows, columns = (1, 1, *out)[-2:]
    depth = math.prod(left[-2:]) // max(rows, 1)
    kernel = f"{operator}.constant" if is_constant(site.inputs[1]) else operator
    return sized(kernel, _weighted(site, 0, 1), math.prod(out[:-2]), rows, depth, columns)


def _pool(operator: str, site: Site) -> Work:
    window = int(site.option("filter_height")) * int(site.option("filter_width"))
    return sized(operator, plain_kind(site), math.prod(site.result_shape()), window)


def _by_rows(operator: str, site: Site) -> Work:
    shape = site.shape(0)
    return sized(operator, plain_kind(site), math.prod(shape[:-1]), *shape[-1:])


def _reduction(operator: str, site: Site) -> Work:
    """Over the last dimension elements lie beside each other, over others they do not."""
    shape, axes = site.shape(0), site.numbers(1)
    inner = axes is None or any(axis in (-1, len(shape) - 1) for axis in axes)
    results = count_of(site.op.results[0])
    kernel = operator if inner else f"{operator}.outer"
    return sized(kernel, plain_kind(site), results, math.prod(shape) // max(results, 1))


def _binary(operator: str, site: Site) -> Work:
    counts = [count_of(value) for value in site.inputs[:2]]
    out = count_of(site.op.results[0])
    if len(counts) < 2 or counts[0] == counts[1] == out:
        return sized(operator, plain_kind(site), out)
    if min(counts) == 1 and max(counts) == out:
        return sized(f"{operator}.scalar", plain_kind(site), out)
    run = _alike(site.result_shape(), site.shape(0 if counts[0] < counts[1] else 1))
    return sized(f"{operator}.broadcast", plain_kind(site), out // run, run)


def _alike(large: tuple[int, ...], small: tuple[int, ...]) -> int:
    """How many elements of the larger operand lie beside each other that read the smaller one in one way: each its own
    element, or all the same."""
    pairs = list(zip(reversed(large), (*reversed(small), *(1,) * len(large)), strict=False))
    same = math.prod(pair[0] for pair in takewhile(lambda pair: pair[0] == pair[1], pairs))
    repeated = math.prod(pair[0] for pair in takewhile(lambda pair: pair[1] == 1, pairs))
    return max(same, repeated, 1)


def _joined(operator: str, site: Site) -> Work:
    """Pieces that are copied, and elements of each: `axis` says how much lies beside each other."""
    kind = _plain(site.result_kinds[0])
    parts = [value for value in (*site.inputs, *site.op.results) if plain_kind_of(value) == kind]
    joins = len(site.op.results) == 1
    whole = parts[-1] if joins else parts[0]
    shape, axis = shape_in_file(whole), _axis(operator, site)
    outer = math.prod(shape[: axis % len(shape)]) if shape else 1
    pieces = outer * max(len(parts) - 1, 1)
    return sized(operator, kind, pieces, count_of(whole) // max(pieces, 1))


def _axis(operator: str, site: Site) -> int:
    if operator == "SPLIT":
        return (site.numbers(0) or [-1])[0]
    if operator == "SPLIT_V":
        return (site.numbers(2) or [-1])[0]
    return int(site.option("axis") or 0)


def _cut(operator: str, site: Site) -> Work:
    """Runs of elements that lie beside each other in operand and result, and elements of each."""
    made, read = site.result_shape(), site.shape(0)
    count, run = count_of(site.op.results[0]), 1
    for one, two in zip(reversed(made), reversed(read), strict=False):
        run *= min(one, two)
        if one != two:
            break
    run = min(max(run, 1), count)
    return sized(operator, plain_kind(site), count // run, run)


def plain_kind_of(value: SSAValue) -> str:
    """The kind of a value as tables have it."""
    return _plain(kind_of(value))


def _transpose(operator: str, site: Site) -> Work:
    order = site.numbers(1) or []
    moved = not order or order[-1] != len(order) - 1
    return sized(f"{operator}.inner" if moved else operator, plain_kind(site), count_of(site.inputs[0]))


def _converted(operator: str, site: Site) -> Work:
    """A change of kind; of a constant it is made once, when the model is loaded or first run."""
    kernel = f"{operator}.constant" if is_constant(site.inputs[0]) else operator
    return sized(kernel, f"{plain_kind(site)}>{_plain(site.result_kinds[0])}", count_of(site.op.results[0]))


def _results(operator: str, site: Site) -> Work:
    kind = _plain(site.result_kinds[0]) if site.result_kinds else plain_kind(site)
    return sized(operator, kind, sum(count_of(value) for value in site.op.results))


def _pixels(operator: str, site: Site) -> Work:
    shape = site.result_shape()
    return sized(operator, plain_kind(site), math.prod(shape[:-1]), *shape[-1:])


def _selected(operator: str, site: Site) -> Work:
    return sized(operator, plain_kind(site, 1), count_of(site.op.results[0]))


def _elements(operator: str, site: Site) -> Work:
    made = sum(count_of(value) for value in site.op.results)
    read = count_of(site.inputs[0]) if site.inputs else 1
    return sized(operator, plain_kind(site), max(made, read))


def _each(operators: str, work: Callable[[str, Site], Work]) -> dict[str, Callable[[str, Site], Work]]:
    return dict.fromkeys(operators.split(), work)


_WORK: dict[str, Callable[[str, Site], Work]] = {
    **_each("CONV_2D", _conv_2d),
    **_each("DEPTHWISE_CONV_2D", _depthwise),
    **_each("TRANSPOSE_CONV Convolution2DTransposeBias", _transposed),
    **_each("CONV_3D CONV_3D_TRANSPOSE", _conv_3d),
    **_each("FULLY_CONNECTED", _fully_connected),
    **_each("BATCH_MATMUL", _batch_matmul),
    **_each("AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D", _pool),
    **_each("SOFTMAX LOG_SOFTMAX L2_NORMALIZATION", _by_rows),
    **_each("MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ANY REDUCE_ALL ARG_MAX ARG_MIN", _reduction),
    **_each("ADD SUB MUL DIV MAXIMUM MINIMUM SQUARED_DIFFERENCE POW FLOOR_DIV FLOOR_MOD ATAN2 PRELU", _binary),
    **_each("EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL LOGICAL_AND LOGICAL_OR", _binary),
    **_each("CONCATENATION PACK UNPACK SPLIT SPLIT_V", _joined),
    **_each("SLICE STRIDED_SLICE PAD PADV2", _cut),
    **_each("TRANSPOSE", _transpose),
    **_each("QUANTIZE DEQUANTIZE DENSIFY CAST", _converted),
    **_each("GATHER GATHER_ND EMBEDDING_LOOKUP MIRROR_PAD TILE BROADCAST_TO", _results),
    **_each("FILL ONE_HOT RANGE SCATTER_ND SHAPE", _results),
    **_each("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", _pixels),
    **_each("SELECT SELECT_V2", _selected),
}
