"""Shape rules of operators that move elements: reshape, concatenation, split, padding, space to batch."""

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
    """The same number of elements in the shape that operand 1 or `new_shape` gives."""
    source, target = shape(op.operands[0]), _new_shape(op)
    if target is not None:
        result(op, _resolved(target, size(source)))
    _elements_stay(op, source)


def _new_shape(op: Operation) -> list[int] | None:
    if not is_absent(op.operands[1]):
        return constant(op.operands[1]) if len(shape(op.operands[1]) or (0,)) == 1 else None
    held = op.properties.get("new_shape")
    return list(cast("DenseArrayBase[Any]", held).get_values()) if isinstance(held, DenseArrayBase) else None


def _resolved(target: list[int], elements: int) -> Shape:
    """The shape with its -1 replaced by the size that follows from the number of elements, if that is known."""
    if target == [0] and elements == 1:
        return ()  # how old converters wrote a scalar
    require(target.count(-1) <= 1 and min(target, default=0) >= -1, f"new shape {text(target)} is not a valid shape")
    given_elements = size(tuple(dim for dim in target if dim != -1))
    if -1 not in target:
        require(same(given_elements, elements), f"{elements} elements in shape {text(target)}")
        return tuple(target)
    if elements < 0 or not given_elements:
        return tuple(target)
    require(elements % given_elements == 0, f"{elements} elements in shape {text(target)}")
    return tuple(elements // given_elements if dim == -1 else dim for dim in target)


def _elements_stay(op: Operation, source: Shape | None) -> None:
    target = shape(op.results[0])
    require(same(size(source), size(target)), f"{size(source)} elements in shape {text(target or ())}")


def squeeze(op: Operation) -> None:
    """Dimensions of size 1 are removed: those in `squeeze_dims`, or all if it is empty."""
    source, held = shape(op.operands[0]), op.properties.get("squeeze_dims")
    if source is None:
        return
    listed = [int(item.value.data) for item in cast("ArrayAttr[Any]", held)] if isinstance(held, ArrayAttr) else []
    removed = {axis(number, len(source)) for number in listed}
    for number in removed:
        require(same(source[number], 1), f"dimension {number} of {text(source)} is not 1")
    if removed:
        result(op, tuple(dim for n, dim in enumerate(source) if n not in removed))
    elif -1 not in source:
        result(op, tuple(dim for dim in source if dim != 1))


def expand_dims(op: Operation) -> None:
    """A dimension of size 1 is inserted before the given one."""
    source, number = shape(op.operands[0]), scalar(op.operands[1], "axis")
    if source is not None and number is not None:
        position = axis(number, len(source) + 1)
        result(op, (*source[:position], 1, *source[position:]))


def transpose(op: Operation) -> None:
    """The dimensions in the order of operand 1."""
    source = shape(op.operands[0])
    order = vector(op.operands[1], -1 if source is None else len(source), "perm")
    if source is None or order is None:
        return
    axes = [number % len(source) if -len(source) <= number < len(source) else -1 for number in order]
    require(sorted(axes) == list(range(len(source))), f"perm {order} is no order of {len(source)} dimensions")
    result(op, tuple(source[number] for number in axes))


def concatenation(op: Operation) -> None:
    """The operands' shapes are equal except along the axis, where sizes add up; no kernel has a fused activation."""
    require(bool(op.operands), "nothing is joined")
    fused = op.properties.get("fused_activation_function")
    require(not isinstance(fused, StringAttr) or fused.data == "NONE", "its kernel has no fused activation")
    shapes = [dims for value in op.operands if (dims := shape(value)) is not None]
    if not shapes:
        return
    along = axis(option(op, "axis"), len(shapes[0]))
    total = 0 if len(shapes) == len(op.operands) else -1
    common = list(shapes[0])
    for dims in shapes:
        total = -1 if -1 in (total, dims[along : along + 1] or (-1,)) else total
        others_fit = fit((*shapes[0][:along], *shapes[0][along + 1 :]), (*dims[:along], *dims[along + 1 :]))
        if len(dims) != len(common) or not others_fit:
            refuse(f"shapes {text(shapes[0])} and {text(dims)} differ beside axis {along}")
        total = -1 if total < 0 or dims[along] < 0 else total + dims[along]
        common = [max(left, right) for left, right in zip(common, dims, strict=True)]
    common[along] = total
    result(op, tuple(common))


def pack(op: Operation) -> None:
    """Operands of the same shape are stacked along a new axis."""
    count = option(op, "values_count", len(op.operands))
    require(count == len(op.operands) > 0, f"values_count is {count} of {len(op.operands)} operands")
    first = shape(op.operands[0])
    for value in op.operands:
        if not fit(shape(value), first):
            refuse(f"shapes {text(first or ())} and {text(shape(value) or ())} are packed")
    if first is not None:
        position = axis(option(op, "axis"), len(first) + 1)
        result(op, (*first[:position], count, *first[position:]))


def unpack(op: Operation) -> None:
    """The slices along an axis."""
    source = shape(op.operands[0])
    count = option(op, "num", len(op.results))
    require(count == len(op.results), f"num is {count} of {len(op.results)} results")
    if source is None:
        return
    position = axis(option(op, "axis"), len(source))
    require(same(source[position], count), f"{count} slices of dimension {position} of {text(source)}")
    _results(op, (*source[:position], *source[position + 1 :]))


def split(op: Operation) -> None:
    """Parts of equal size along an axis."""
    along, source = scalar(op.operands[0], "split_dim"), shape(op.operands[1])
    count = _parts(op)
    if along is None or source is None:
        return
    along = axis(along, len(source), "split_dim")
    require(
        source[along] < 0 or source[along] % count == 0, f"{count} equal parts of dimension {along} of {text(source)}"
    )
    part = source[along] // count if source[along] >= 0 else -1
    _results(op, (*source[:along], part, *source[along + 1 :]))


def split_v(op: Operation) -> None:
    """Parts of the sizes in operand 1; one of them may be -1 and takes the remaining elements."""
    source, along = shape(op.operands[0]), scalar(op.operands[2], "split_dim")
    sizes = vector(op.operands[1], _parts(op), "size_splits")
    if source is None or along is None or sizes is None:
        return
    along = axis(along, len(source), "split_dim")
    total, given = source[along], sum(part for part in sizes if part >= 0)
    left = [part for part in sizes if part < 0]
    fits = total < 0 or (given <= total if left else given == total)
    require(len(left) <= 1 and min(sizes, default=0) >= -1 and fits, f"parts {list(sizes)} of {total}")
    for number, part in enumerate(sizes):
        length = part if part >= 0 else (total - given if total >= 0 else -1)
        result(op, (*source[:along], length, *source[along + 1 :]), number)


def _parts(op: Operation) -> int:
    count = option(op, "num_splits", len(op.results))
    require(count == len(op.results) > 0, f"num_splits is {count} of {len(op.results)} results")
    return count


def _results(op: Operation, expected: Shape) -> None:
    for number in range(len(op.results)):
        result(op, expected, number)


def pad(op: Operation) -> None:
    """Operand 1 has the number of elements before and after each dimension."""
    source, pairs = _pairs(op)
    if source is not None and pairs is not None:
        result(op, tuple(-1 if dim < 0 else dim + sum(pair) for dim, pair in zip(source, pairs, strict=True)))


def padding_value(op: Operation) -> None:
    """The padding value is a single element."""
    count = size(shape(op.operands[2]))
    require(same(count, 1), f"{count} values to pad with")


def mirror_pad(op: Operation) -> None:
    """As `pad`; a dimension can't be padded with more elements than it has."""
    source, pairs = _pairs(op)
    if source is None or pairs is None:
        return
    excluded = 0 if "SYMMETRIC" in str(op.properties.get("mode")) else 1
    for dim, pair in zip(source, pairs, strict=True):
        require(dim < 0 or max(pair) <= dim - excluded or max(pair) == 0, f"{max(pair)} mirrored of {dim} elements")
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
    """Each dimension is repeated as often as operand 1 says."""
    source = shape(op.operands[0])
    times = vector(op.operands[1], -1 if source is None else len(source), "multiples")
    require(times is None or min(times, default=0) >= 0, f"multiples {times} are not valid")
    if source is not None and times is not None:
        result(op, tuple(-1 if dim < 0 else dim * by for dim, by in zip(source, times, strict=True)))


def broadcast_to(op: Operation) -> None:
    """The result has the shape in operand 1, to which the input must broadcast."""
    source, wanted = shape(op.operands[0]), vector(op.operands[1], -1, "shape")
    if wanted is None:
        return
    require(min(wanted, default=0) >= 0, f"shape {list(wanted)} is not a valid shape")
    if source is not None:
        fits = len(source) <= len(wanted) and all(
            same(dim, target) or dim == 1 for dim, target in zip(reversed(source), reversed(wanted), strict=False)
        )
        require(fits, f"{text(source)} does not broadcast to {text(wanted)}")
    result(op, tuple(wanted))


def reverse_sequence(op: Operation) -> None:
    """Operand 1 has a length for each batch."""
    source, lengths = shape(op.operands[0]), rank(op.operands[1], 1, "seq_lengths")
    if source is not None:
        batch = axis(option(op, "batch_dim"), len(source), "batch_dim")
        require(axis(option(op, "seq_dim"), len(source), "seq_dim") != batch, "seq_dim is batch_dim")
        if lengths is not None:
            require(same(lengths[0], source[batch]), f"{lengths[0]} seq_lengths for {source[batch]} batches")
    result(op, source)


def batch_to_space(factor: int) -> Rule:
    """Moves batches to blocks of the spatial dimensions and crops (`factor` 1), or pads and moves them back (-1)."""

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
