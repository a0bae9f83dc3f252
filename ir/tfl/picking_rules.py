"""Shape rules of operators that select or create elements: slice, gather, scatter, top-k, one-hot, fill."""

from __future__ import annotations

from xdsl.ir import Operation

from tflir.ir.tfl.shapes import axis, fit, option, rank, refuse, require, result, scalar, shape, text, vector


def slice_(op: Operation) -> None:
    """The block of `size` elements (-1: all that follow) from `begin`."""
    source = shape(op.operands[0])
    length = -1 if source is None else len(source)
    begins, sizes = vector(op.operands[1], length, "begin"), vector(op.operands[2], length, "size")
    if source is None or sizes is None:
        return
    target: list[int] = []
    for number, (dim, count) in enumerate(zip(source, sizes, strict=True)):
        begin = begins[number] if begins is not None else -1
        require(begins is None or begin >= 0, f"begin {begin}")
        require(count >= -1, f"size {count}")
        if dim >= 0 and begin >= 0:
            require(begin + max(count, 0) <= dim, f"{count} elements from {begin} of {dim}")
        target.append(count if count >= 0 else (dim - begin if dim >= 0 and begin >= 0 else -1))
    result(op, tuple(target))


def strided_range(dim: int, begin: int | None, end: int | None, stride: int, *, offset: bool = False) -> range:
    """The indices that a strided slice picks of a dimension of size `dim`; `begin` or `end` is None if a mask opens it.

    Negative indices count from the end, and `begin` and `end` are clamped to the dimension, as in numpy's slices.
    With `offset`, `end` is relative to the clamped `begin`; if the sum is negative, it counts from the end too.
    """
    least, most = (0, dim) if stride > 0 else (-1, dim - 1)
    first, last = (least, most) if stride > 0 else (most, least)
    if begin is not None:
        first = min(max(begin + dim if begin < 0 else begin, least), most)
    if end is not None:
        end += first if offset else 0
        last = min(max(end + dim if end < 0 else end, least), most)
    return range(first, last, stride)


def strided_slice(op: Operation) -> None:
    """As numpy's slices; with an ellipsis or a new axis in the masks, the shape is not computed.

    With `offset`, sizes are not computed: the runtime reserves end / stride elements, however many it picks.
    """
    source, begin = shape(op.operands[0]), rank(op.operands[1], 1, "begin")
    count = -1 if begin is None else begin[0]
    begins, ends, steps = (
        vector(value, count, what) for value, what in zip(op.operands[1:], ("begin", "end", "strides"), strict=True)
    )
    require(steps is None or 0 not in steps, "a stride of 0")
    if source is None or option(op, "ellipsis_mask") or option(op, "new_axis_mask"):
        return
    require(count <= len(source), f"{count} slices of {len(source)} dimensions")
    if begins is None or ends is None or steps is None:
        return
    target: list[int] = []
    for number, dim in enumerate(source):
        if number >= len(steps):
            target.append(dim)
        elif option(op, "shrink_axis_mask") >> number & 1:
            start = 0 if option(op, "begin_mask") >> number & 1 else begins[number]
            require(dim < 0 or -dim <= start < dim, f"index {start} of {dim} elements")
        else:
            first = None if option(op, "begin_mask") >> number & 1 else begins[number]
            last = None if option(op, "end_mask") >> number & 1 else ends[number]
            is_known = dim >= 0 and not option(op, "offset")
            target.append(len(strided_range(dim, first, last, steps[number])) if is_known else -1)
    result(op, tuple(target))


def gather(op: Operation) -> None:
    """The axis of `params` is replaced by the indices' dimensions after the batches."""
    params, indices = shape(op.operands[0]), shape(op.operands[1])
    if params is None or indices is None:
        return
    along = axis(option(op, "axis"), len(params))
    batches = option(op, "batch_dims")
    batches = batches + len(indices) if batches < 0 else batches
    require(0 <= batches <= min(along, len(indices)), f"batch_dims {batches} with axis {along}")
    if not fit(params[:batches], indices[:batches]):
        refuse(f"batches {text(params[:batches])} and {text(indices[:batches])}")
    result(op, (*params[:along], *indices[batches:], *params[along + 1 :]))


def gather_nd(op: Operation) -> None:
    """Each vector along the last dimension of the indices addresses the first dimensions of `params`."""
    params, indices = shape(op.operands[0]), shape(op.operands[1])
    if params is None or indices is None:
        return
    require(bool(indices), "indices have no dimension")
    if (depth := indices[-1]) >= 0:
        require(depth <= len(params), f"indices of {depth} numbers in {len(params)} dimensions")
        result(op, (*indices[:-1], *params[depth:]))


def scatter_nd(op: Operation) -> None:
    """The result has the shape in operand 2; there is an update for each index vector."""
    indices, updates = shape(op.operands[0]), shape(op.operands[1])
    target = vector(op.operands[2], -1, "shape")
    if target is None:
        return
    if indices is not None and indices and indices[-1] >= 0:
        require(indices[-1] <= len(target), f"indices of {indices[-1]} numbers in {len(target)} dimensions")
        if not fit(updates, (*indices[:-1], *target[indices[-1] :])):
            refuse(f"updates of shape {text(updates or ())} at indices of {text(indices)} in {text(target)}")
    result(op, tuple(target))


def dynamic_update_slice(op: Operation) -> None:
    """The update is no larger than the operand, and operand 2 has a start index for each dimension."""
    whole, update = shape(op.operands[0]), shape(op.operands[1])
    if whole is not None:
        vector(op.operands[2], len(whole), "start_indices")
        if update is not None:
            fits = len(whole) == len(update) and all(b <= a or a < 0 for a, b in zip(whole, update, strict=True))
            require(fits, f"update of shape {text(update)} in {text(whole)}")
    result(op, whole)


def embedding_lookup(op: Operation) -> None:
    """The result has a row for each index."""
    lookup, table = rank(op.operands[0], 1, "lookup"), shape(op.operands[1])
    if table is not None:
        require(len(table) >= 2, f"a table of shape {text(table)}")
        result(op, (-1 if lookup is None else lookup[0], *table[1:]))


def topk(op: Operation) -> None:
    """The results have k elements in the last dimension."""
    source, count = shape(op.operands[0]), scalar(op.operands[1], "k")
    if source is None:
        return
    require(bool(source), "an input without dimensions")
    if count is not None:
        require(source[-1] < 0 or 0 <= count <= source[-1], f"the {count} largest of {source[-1]}")
    target = (*source[:-1], -1 if count is None else count)
    result(op, target)
    result(op, target, 1)


def one_hot(op: Operation) -> None:
    """The result has a new axis of size `depth`."""
    source, depth = shape(op.operands[0]), scalar(op.operands[1], "depth")
    scalar(op.operands[2], "on_value")
    scalar(op.operands[3], "off_value")
    if source is not None:
        number = option(op, "axis", -1)
        require(-1 <= number <= len(source), f"axis {number} of a tensor of {len(source) + 1} dimensions")
        position = number % (len(source) + 1)
        result(op, (*source[:position], -1 if depth is None else depth, *source[position:]))


def fill(op: Operation) -> None:
    """The result has the shape in operand 0; operand 1 is a single value."""
    target = vector(op.operands[0], -1, "dims")
    rank(op.operands[1], 0, "value")
    if target is not None:
        require(min(target, default=0) >= 0, f"shape {list(target)}")
        result(op, tuple(target))


def shape_of_input(op: Operation) -> None:
    """The result is a vector with an element for each dimension of the input."""
    source = shape(op.operands[0])
    result(op, (-1 if source is None else len(source),))


def no_dimensions(op: Operation) -> None:
    """The result is a scalar."""
    result(op, ())


def where(op: Operation) -> None:
    """The result has an index vector for each element that is not zero; their number is not known."""
    source = shape(op.operands[0])
    result(op, (-1, -1 if source is None else len(source)))
