"""Rules of operators that move elements: reshapes, joins, parts, pads, blocks."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, StringAttr
from xdsl.ir import Operation

from tflir.ir.tfl.shapes import (
    Rule,
    Shape,
    axis,
    constant,
    fit,
    is_absent,
    option,
    rank,
    refuse,
    require,
    result,
    same,
    scalar,
    shape,
    size,
    text,
    vector,
)


def reshape(op: Operation) -> None:
    """As many elements as before, in the shape that the operand or `new_shape` says."""
    source, wanted = shape(op.operands[0]), _new_shape(op)
    if wanted is not None:
        result(op, _resolved(wanted, size(source)))
    _elements_stay(op, source)


def _new_shape(op: Operation) -> list[int] | None:
    if not is_absent(op.operands[1]):
        return constant(op.operands[1]) if len(shape(op.operands[1]) or (0,)) == 1 else None
    held = op.properties.get("new_shape")
    return list(cast("DenseArrayBase[Any]", held).get_values()) if isinstance(held, DenseArrayBase) else None


def _resolved(wanted: list[int], elements: int) -> Shape:
    """The shape with the dimension that is left open worked out, where `elements` are known."""
    if wanted == [0] and elements == 1:
        return ()  # how old converters wrote a scalar
    require(wanted.count(-1) <= 1 and min(wanted, default=0) >= -1, f"new shape {text(wanted)} is none")
    known = size(tuple(dim for dim in wanted if dim != -1))
    if -1 not in wanted:
        require(same(known, elements), f"{elements} elements in shape {text(wanted)}")
        return tuple(wanted)
    if elements < 0 or not known:
        return tuple(wanted)
    require(elements % known == 0, f"{elements} elements in shape {text(wanted)}")
    return tuple(elements // known if dim == -1 else dim for dim in wanted)


def _elements_stay(op: Operation, source: Shape | None) -> None:
    found = shape(op.results[0])
    require(same(size(source), size(found)), f"{size(source)} elements in shape {text(found or ())}")


def squeeze(op: Operation) -> None:
    """Dimensions of 1 go: those of `squeeze_dims`, or all."""
    source, held = shape(op.operands[0]), op.properties.get("squeeze_dims")
    if source is None:
        return
    listed = [int(item.value.data) for item in cast("ArrayAttr[Any]", held)] if isinstance(held, ArrayAttr) else []
    gone = {axis(number, len(source)) for number in listed}
    for number in gone:
        require(same(source[number], 1), f"dimension {number} of {text(source)} is not 1")
    if gone:
        result(op, tuple(dim for n, dim in enumerate(source) if n not in gone))
    elif -1 not in source:
        result(op, tuple(dim for dim in source if dim != 1))


def expand_dims(op: Operation) -> None:
    """A dimension of 1 before the given one."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        place = axis(number, len(source) + 1)
        result(op, (*source[:place], 1, *source[place:]))


def transpose(op: Operation) -> None:
    """The dimensions in the order of operand 1."""
    source = shape(op.operands[0])
    order = vector(op.operands[1], -1 if source is None else len(source), "perm")
    if source is None or order is None:
        return
    places = [number % len(source) if -len(source) <= number < len(source) else -1 for number in order]
    require(sorted(places) == list(range(len(source))), f"perm {order} is no order of {len(source)} dimensions")
    result(op, tuple(source[place] for place in places))


def concatenation(op: Operation) -> None:
    """One shape but for the axis, whose lengths add up; no kernel has an activation."""
    require(bool(op.operands), "nothing is joined")
    fused = op.properties.get("fused_activation_function")
    require(not isinstance(fused, StringAttr) or fused.data == "NONE", "its kernel has no fused activation")
    known = [dims for value in op.operands if (dims := shape(value)) is not None]
    if not known:
        return
    along = axis(option(op, "axis"), len(known[0]))
    total = 0 if len(known) == len(op.operands) else -1
    common = list(known[0])
    for dims in known:
        total = -1 if -1 in (total, dims[along : along + 1] or (-1,)) else total
        others = fit((*known[0][:along], *known[0][along + 1 :]), (*dims[:along], *dims[along + 1 :]))
        if len(dims) != len(common) or not others:
            refuse(f"shapes {text(known[0])} and {text(dims)} differ beside axis {along}")
        total = -1 if total < 0 or dims[along] < 0 else total + dims[along]
        common = [max(one, other) for one, other in zip(common, dims, strict=True)]
    common[along] = total
    result(op, tuple(common))


def pack(op: Operation) -> None:
    """Operands of one shape along a new axis."""
    count = option(op, "values_count", len(op.operands))
    require(count == len(op.operands) > 0, f"values_count is {count} of {len(op.operands)} operands")
    first = shape(op.operands[0])
    for value in op.operands:
        if not fit(shape(value), first):
            refuse(f"shapes {text(first or ())} and {text(shape(value) or ())} are packed")
    if first is not None:
        place = axis(option(op, "axis"), len(first) + 1)
        result(op, (*first[:place], count, *first[place:]))


def unpack(op: Operation) -> None:
    """The slices along an axis."""
    source = shape(op.operands[0])
    count = option(op, "num", len(op.results))
    require(count == len(op.results), f"num is {count} of {len(op.results)} results")
    if source is None:
        return
    place = axis(option(op, "axis"), len(source))
    require(same(source[place], count), f"{count} slices of dimension {place} of {text(source)}")
    _results(op, (*source[:place], *source[place + 1 :]))


def split(op: Operation) -> None:
    """Parts of one size."""
    place, source = scalar(op.operands[0], "split_dim"), shape(op.operands[1])
    count = _parts(op)
    if place is None or source is None:
        return
    place = axis(place, len(source), "split_dim")
    require(
        source[place] < 0 or source[place] % count == 0, f"{count} equal parts of dimension {place} of {text(source)}"
    )
    part = source[place] // count if source[place] >= 0 else -1
    _results(op, (*source[:place], part, *source[place + 1 :]))


def split_v(op: Operation) -> None:
    """Parts of the sizes that operand 1 says, of which one may be left open."""
    source, place = shape(op.operands[0]), scalar(op.operands[2], "split_dim")
    sizes = vector(op.operands[1], _parts(op), "size_splits")
    if source is None or place is None or sizes is None:
        return
    place = axis(place, len(source), "split_dim")
    total, known = source[place], sum(part for part in sizes if part >= 0)
    left = [part for part in sizes if part < 0]
    fits = total < 0 or (known <= total if left else known == total)
    require(len(left) <= 1 and min(sizes, default=0) >= -1 and fits, f"parts {list(sizes)} of {total}")
    for number, part in enumerate(sizes):
        length = part if part >= 0 else (total - known if total >= 0 else -1)
        result(op, (*source[:place], length, *source[place + 1 :]), number)


def _parts(op: Operation) -> int:
    count = option(op, "num_splits", len(op.results))
    require(count == len(op.results) > 0, f"num_splits is {count} of {len(op.results)} results")
    return count


def _results(op: Operation, wanted: Shape) -> None:
    for number in range(len(op.results)):
        result(op, wanted, number)


def pad(op: Operation) -> None:
    """Elements before and after, a pair of counts for each dimension."""
    source, pairs = _pairs(op)
    if source is not None and pairs is not None:
        result(op, tuple(-1 if dim < 0 else dim + sum(pair) for dim, pair in zip(source, pairs, strict=True)))


def padding_value(op: Operation) -> None:
    """One value is put around."""
    count = size(shape(op.operands[2]))
    require(same(count, 1), f"{count} values to pad with")


def mirror_pad(op: Operation) -> None:
    """As `pad`, from no more elements than there are."""
    source, pairs = _pairs(op)
    if source is None or pairs is None:
        return
    edge = 0 if "SYMMETRIC" in str(op.properties.get("mode")) else 1
    for dim, pair in zip(source, pairs, strict=True):
        require(dim < 0 or max(pair) <= dim - edge or max(pair) == 0, f"{max(pair)} mirrored of {dim} elements")
    result(op, tuple(-1 if dim < 0 else dim + sum(pair) for dim, pair in zip(source, pairs, strict=True)))


def _pairs(op: Operation) -> tuple[Shape | None, list[tuple[int, int]] | None]:
    source, padding = shape(op.operands[0]), rank(op.operands[1], 2, "padding")
    if padding is not None:
        length = -1 if source is None else len(source)
        fits = same(padding[0], length) and same(padding[1], 2)
        require(fits, f"padding of shape {text(padding)} for an input of {text(source or ())}")
    numbers = constant(op.operands[1])
    if numbers is None:
        return source, None
    require(min(numbers, default=0) >= 0, f"padding {numbers} is negative")
    return source, list(zip(numbers[::2], numbers[1::2], strict=True))


def tile(op: Operation) -> None:
    """Each dimension as often as operand 1 says."""
    source = shape(op.operands[0])
    times = vector(op.operands[1], -1 if source is None else len(source), "multiples")
    require(times is None or min(times, default=0) >= 0, f"multiples {times} are none")
    if source is not None and times is not None:
        result(op, tuple(-1 if dim < 0 else dim * by for dim, by in zip(source, times, strict=True)))


def broadcast_to(op: Operation) -> None:
    """The shape that operand 1 says, to which the input broadcasts."""
    source, wanted = shape(op.operands[0]), vector(op.operands[1], -1, "shape")
    if wanted is None:
        return
    require(min(wanted, default=0) >= 0, f"shape {list(wanted)} is none")
    if source is not None:
        fits = len(source) <= len(wanted) and all(
            same(dim, target) or dim == 1 for dim, target in zip(reversed(source), reversed(wanted), strict=False)
        )
        require(fits, f"{text(source)} does not broadcast to {text(wanted)}")
    result(op, tuple(wanted))


def reverse_sequence(op: Operation) -> None:
    """A length for each batch."""
    source, lengths = shape(op.operands[0]), rank(op.operands[1], 1, "seq_lengths")
    if source is not None:
        batch = axis(option(op, "batch_dim"), len(source), "batch_dim")
        require(axis(option(op, "seq_dim"), len(source), "seq_dim") != batch, "seq_dim is batch_dim")
        if lengths is not None:
            require(same(lengths[0], source[batch]), f"{lengths[0]} seq_lengths for {source[batch]} batches")
    result(op, source)


def batch_to_space(factor: int) -> Rule:
    """Batches to blocks of the spatial dimensions (`factor` 1), then cropped; or padded and back (-1)."""

    def rule(op: Operation) -> None:
        source, blocks = shape(op.operands[0]), rank(op.operands[1], 1, "block_shape")
        sizes, edges = constant(op.operands[1]), constant(op.operands[2])
        pairs = rank(op.operands[2], 2, "crops" if factor > 0 else "paddings")
        if blocks is not None and pairs is not None:
            require(same(blocks[0], pairs[0]) and same(pairs[1], 2), f"{text(pairs)} pairs for {blocks[0]} block sizes")
        if source is None or sizes is None or edges is None:
            return
        require(len(source) > len(sizes) and min(sizes, default=1) > 0, f"block_shape {sizes} for {text(source)}")
        batch, spatial, rest = source[0], source[1 : 1 + len(sizes)], source[1 + len(sizes) :]
        for block in sizes:
            if factor > 0:
                require(batch < 0 or batch % block == 0, f"{batch} batches are no multiple of {block}")
                batch = batch if batch < 0 else batch // block
            else:
                batch = batch if batch < 0 else batch * block
        result(op, (batch, *_blocked(spatial, sizes, edges, factor), *rest))

    return rule


def _blocked(spatial: Shape, sizes: list[int], edges: list[int], factor: int) -> Shape:
    out: list[int] = []
    for dim, block, before, after in zip(spatial, sizes, edges[::2], edges[1::2], strict=True):
        if dim < 0:
            out.append(-1)
        elif factor > 0:
            require(before + after <= dim * block, f"{before} and {after} are cropped of {dim * block}")
            out.append(dim * block - before - after)
        else:
            padded = dim + before + after
            require(padded % block == 0, f"{padded} elements are no multiple of {block}")
            out.append(padded // block)
    return tuple(out)
