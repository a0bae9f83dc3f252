"""What `tfl-mend-xnnpack` makes of one op, against LiteRT: the same numbers, and all of it taken by the delegate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mending import ELEMENTS, FLOAT, INT8, UINT8, Mended, integers, left, loaded, numbers, one, outputs, program, tensor

import tflir

cases = settings(max_examples=40, deadline=None)
SIZES = st.integers(1, 5)
SHAPES = st.lists(SIZES, min_size=1, max_size=4)
KINDS = st.sampled_from(ELEMENTS)


def does_nothing(mended: Mended) -> bool:
    """Whether the op gives its operand, and makes an output, which keeps its name."""
    return set(mended.report.declined) == {"it makes an output that would lose its name"}


def assert_same(text: str, **options: Any) -> None:
    """The mended program computes the same bits, and the delegate takes all of it."""
    mended = Mended(text, **options)
    if does_nothing(mended):
        return
    assert mended.report.counts, mended.report.declined
    assert set(mended.differences()) == {0.0}, mended.text
    assert not left(mended.after), mended.text


def vector(count: int) -> str:
    return f"tensor<{count}xi32>"


@cases
@given(st.data(), SHAPES, KINDS, st.sampled_from(("REFLECT", "SYMMETRIC")))
def test_mirror_pads(data: st.DataObject, shape: list[int], element: str, mode: str) -> None:
    most = [size - (mode == "REFLECT") for size in shape]
    pads = [data.draw(st.tuples(st.integers(0, each), st.integers(0, each))) for each in most]
    if not np.any(pads):
        return
    wanted = [size + sum(pair) for size, pair in zip(shape, pads, strict=True)]
    options = f"<{{mode = #tfl<mirror_pad_attr {mode}>}}>"
    constant = f"%p : tensor<{len(shape)}x2xi32>"
    assert_same(one("mirror_pad", options, shape, [wanted], element, numbers("p", pads), constant))


@cases
@given(st.data(), SHAPES, KINDS)
def test_broadcasts(data: st.DataObject, shape: list[int], element: str) -> None:
    ones = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    source = [1 if is_one else size for size, is_one in zip(shape, ones, strict=True)]
    wanted = [*data.draw(st.lists(SIZES, max_size=2)), *shape]
    if source == wanted:
        return
    assert_same(one("broadcast_to", "", source, [wanted], element, numbers("p", wanted), f"%p : {vector(len(wanted))}"))


@pytest.mark.parametrize("element", ELEMENTS)
def test_broadcasts_to_many_elements_on_several_axes(element: str) -> None:
    wanted = (3, 90, 70)
    assert_same(one("broadcast_to", "", (3, 1, 1), [wanted], element, numbers("p", wanted), f"%p : {vector(3)}"))


@pytest.mark.parametrize("operands", ["%b, %b", "%b, %c", "%b, %z"])
@pytest.mark.parametrize("name", ["mul", "sub", "squared_difference"])
def test_readers_of_broadcasts_keep_their_shape(name: str, operands: str) -> None:
    full, narrow, other = tensor((4, 2)), tensor((1, 2)), tensor((4, 1))
    options = "" if name == "squared_difference" else '<{fused_activation_function = "NONE"}>'
    lines = numbers("s", (4, 2)) + "".join(
        f'  %{made} = "tfl.broadcast_to"(%{read}, %s) : ({kind}, {vector(2)}) -> {full}\n'
        for made, read, kind in (("b", "x", narrow), ("c", "w", other))
    )
    lines += f'  %z = "tfl.exp"(%w4) : ({full}) -> {full}\n'
    lines += f'  %y0 = "tfl.{name}"({operands}) {options} : ({full}, {full}) -> {full}\n'
    text = program(lines, f"{narrow}, %w: {other}, %w4: {full}", full)
    mended = Mended(text)
    assert mended.report.counts, mended.report.declined
    assert set(mended.differences()) == {0.0}, mended.text


def test_a_broadcast_whose_size_is_known_only_in_the_run_stays() -> None:
    """The other operand may have one row, and the broadcast eight."""
    text = program(
        '  %y0 = "tfl.add"(%b, %z) <{fused_activation_function = "NONE"}> : (tensor<?x4xf32>, tensor<?x4xf32>) -> '
        "tensor<?x4xf32>\n",
        "tensor<1x4xf32>, %s: tensor<2xi32>, %z: tensor<?x4xf32>",
        "tensor<?x4xf32>",
    ).replace(
        "  %y0", '  %b = "tfl.broadcast_to"(%x, %s) : (tensor<1x4xf32>, tensor<2xi32>) -> tensor<?x4xf32>\n  %y0', 1
    )
    assert "tfl.broadcast_to" in Mended(text).text


@cases
@given(st.data(), SHAPES, KINDS)
def test_tiles(data: st.DataObject, shape: list[int], element: str) -> None:
    times = data.draw(st.lists(st.integers(1, 7), min_size=len(shape), max_size=len(shape)))
    if max(times) == 1:
        return
    wanted = [size * count for size, count in zip(shape, times, strict=True)]
    assert_same(one("tile", "", shape, [wanted], element, numbers("p", times), f"%p : {vector(len(shape))}"))


@cases
@given(st.tuples(SIZES, SIZES, SIZES, SIZES), st.integers(1, 7), st.integers(2, 7), KINDS, st.booleans())
def test_nearest_neighbours(
    shape: tuple[int, int, int, int], high: int, wide: int, element: str, centred: bool
) -> None:
    wanted = (shape[1] * high, shape[2] * wide)
    options = f"<{{align_corners = false, half_pixel_centers = {str(centred).lower()}}}>"
    result = (shape[0], *wanted, shape[3])
    text = one("resize_nearest_neighbor", options, shape, [result], element, numbers("p", wanted), f"%p : {vector(2)}")
    mended = Mended(text)
    assert mended.report.counts or "as often" in next(iter(mended.report.declined))
    assert set(mended.differences()) == {0.0}


@cases
@given(SHAPES, st.integers(1, 12), st.data(), KINDS)
def test_packs_and_unpacks(shape: list[int], count: int, data: st.DataObject, element: str) -> None:
    axis = data.draw(st.integers(0, len(shape)))
    packed = [*shape[:axis], count, *shape[axis:]]
    options = f"<{{num = {count} : i32, axis = {axis} : i32}}>"
    assert_same(one("unpack", options, packed, [shape] * count, element))
    both = ", ".join(["%x"] * count), ", ".join([tensor(shape, element)] * count)
    options = f"<{{values_count = {count} : i32, axis = {axis} : i32}}>"
    line = f'  %y0 = "tfl.pack"({both[0]}) {options} : ({both[1]}) -> {tensor(packed, element)}\n'
    assert_same(program(line, tensor(shape, element), tensor(packed, element)))


@cases
@given(SHAPES, st.lists(SIZES, min_size=2, max_size=9), st.data(), KINDS)
def test_splits(shape: list[int], sizes: list[int], data: st.DataObject, element: str) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    results = [[*shape[:axis], size, *shape[axis + 1 :]] for size in sizes]
    source = [*shape[:axis], sum(sizes), *shape[axis + 1 :]]
    constants = numbers("s", sizes) + numbers("d", axis)
    options = f"<{{num_splits = {len(sizes)} : i32}}>"
    more = f"%s : {vector(len(sizes))}; %d : tensor<i32>"
    assert_same(one("split_v", options, source, results, element, constants, more))


@cases
@given(SHAPES, st.integers(5, 12), st.data(), KINDS)
def test_splits_in_many(shape: list[int], count: int, data: st.DataObject, element: str) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    source = [*shape[:axis], shape[axis] * count, *shape[axis + 1 :]]
    kinds = ", ".join([tensor(shape, element)] * count)
    made = ", ".join(f"%y{index}" for index in range(count))
    operands = f"(tensor<i32>, {tensor(source, element)}) -> ({kinds})"
    line = f'  {made} = "tfl.split"(%d, %x) <{{num_splits = {count} : i32}}> : {operands}\n'
    assert_same(program(numbers("d", axis) + line, tensor(source, element), *[tensor(shape, element)] * count))


@cases
@given(SHAPES, st.integers(6, 30), st.data(), KINDS)
def test_concatenations(shape: list[int], count: int, data: st.DataObject, element: str) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    result = tensor([*shape[:axis], shape[axis] * count, *shape[axis + 1 :]], element)
    operands, kinds = ", ".join(["%x"] * count), ", ".join([tensor(shape, element)] * count)
    options = f'<{{axis = {axis} : i32, fused_activation_function = "NONE"}}>'
    line = f'  %y0 = "tfl.concatenation"({operands}) {options} : ({kinds}) -> {result}\n'
    assert_same(program(line, tensor(shape, element), result))


def _strided(shape: list[int], entries: list[tuple[Any, ...]], element: str) -> tuple[str, tuple[int, ...]]:
    """A strided slice of entries (kind, begin, end, stride), and the shape that numpy gives it."""
    index = [_INDEX[kind](begin, end, stride) for kind, begin, end, stride in entries]
    wanted = np.zeros(shape)[tuple(index)].shape
    masks = {
        name: sum(1 << at for at, entry in enumerate(entries) if entry[0] == kind)
        for name, kind in (("shrink_axis_mask", "one"), ("new_axis_mask", "new"), ("ellipsis_mask", "rest"))
    }
    masks |= {
        name: sum(1 << at for at, entry in enumerate(entries) if entry[place] is None)
        for name, place in (("begin_mask", 1), ("end_mask", 2))
    }
    said = ", ".join(f"{name} = {value} : i32" for name, value in masks.items())
    columns = [[entry[place] or 0 for entry in entries] for place in (1, 2)] + [[entry[3] for entry in entries]]
    constants = "".join(numbers(name, column) for name, column in zip("bes", columns, strict=True))
    more = "; ".join(f"%{name} : {vector(len(entries))}" for name in "bes")
    return one("strided_slice", f"<{{{said}, offset = false}}>", shape, [wanted], element, constants, more), wanted


_INDEX: dict[str, Any] = {
    "part": lambda begin, end, stride: slice(begin, end, stride),
    "one": lambda begin, end, stride: begin,
    "new": lambda begin, end, stride: None,
    "rest": lambda begin, end, stride: Ellipsis,
}


@cases
@given(st.data(), st.lists(st.integers(1, 9), min_size=1, max_size=4), KINDS)
def test_strided_slices(data: st.DataObject, shape: list[int], element: str) -> None:
    entries: list[tuple[Any, ...]] = []
    for size in shape:
        if data.draw(st.integers(0, 3)) == 0:
            place = data.draw(st.integers(-size, size - 1))
            entries.append(("one", place, place + 1, 1))
            continue
        begin = data.draw(st.none() | st.integers(0, size - 1))
        end = data.draw(st.none() | st.integers((begin or 0) + 1, size + 2))
        entries.append(("part", begin, end, data.draw(st.integers(1, 4))))
    if all(kind == "part" and stride == 1 for kind, _, _, stride in entries):
        return
    if data.draw(st.booleans()):
        entries.insert(data.draw(st.integers(0, len(entries))), ("new", 0, 0, 1))
    text, wanted = _strided(shape, entries, element)
    if not 0 < len(wanted) <= 4 or len(shape) + sum(entry[3] > 1 for entry in entries) > 6:
        return
    assert_same(text)


def test_an_ellipsis_stands_for_the_dimensions_in_between() -> None:
    text, _ = _strided([3, 4, 5], [("rest", 0, 0, 1), ("one", -2, 0, 1)], FLOAT)
    assert_same(text)


@cases
@given(st.data(), SHAPES, KINDS)
def test_gathers(data: st.DataObject, shape: list[int], element: str) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    first, step = data.draw(st.integers(0, shape[axis] - 1)), data.draw(st.integers(1, 3))
    places: Any = list(range(first, shape[axis], step))
    if data.draw(st.booleans()):
        places = first
    found = np.array(places).shape
    if len(shape) == 1 and not found:
        return  # the delegate makes no scalar of a vector
    result = [*shape[:axis], *found, *shape[axis + 1 :]]
    options = f"<{{axis = {axis} : i32, batch_dims = 0 : i32}}>"
    text = one("gather", options, shape, [result], element, numbers("p", places), f"%p : {tensor(found, 'i32')}")
    mended = Mended(text)
    assert set(mended.differences()) == {0.0}, mended.text
    takes_all = places == list(range(shape[axis]))  # and makes an output, which keeps its name
    assert takes_all or "tfl.gather" not in mended.text


@pytest.mark.parametrize("element", ELEMENTS)
def test_slices_to_the_end(element: str) -> None:
    constants = numbers("b", [1, 2]) + numbers("s", [-1, 3])
    more = f"%b : {vector(2)}; %s : {vector(2)}"
    assert_same(one("slice", "", (4, 6), [(3, 3)], element, constants, more))


INT8_RESULT, UINT8_RESULT = "!quant.uniform<i8:f32, 0.03:-60>", "!quant.uniform<u8:f32, 0.03:60>"
SHAPE = (2, 6, 6, 40)


def _function(name: str, source: str, result: str, options: str = "") -> str:
    operand, made = tensor(SHAPE, source), tensor(SHAPE, result)
    return program(f'  %y0 = "tfl.{name}"(%x) {options} : ({operand}) -> {made}\n', operand, made)


@pytest.mark.parametrize("name", ["hard_swish", "gelu", "exp", "abs", "relu", "relu6", "relu_n1_to_1"])
def test_int8_functions_are_within_a_step(name: str) -> None:
    mended = Mended(_function(name, INT8, INT8_RESULT), always=False)
    assert mended.report.counts
    assert max(mended.differences()) <= 1
    assert not left(mended.after)


@pytest.mark.parametrize("name", ["hard_swish", "relu", "relu6"])
def test_uint8_functions_are_within_a_step(name: str) -> None:
    mended = Mended(_function(name, UINT8, UINT8_RESULT), always=False)
    assert mended.report.counts
    assert max(mended.differences()) <= 1


def test_a_look_up_is_nearer_to_the_float_function_than_half_a_step() -> None:
    """Every one of the 256 numbers that an int8 tensor holds."""
    shape = (1, 256)
    operand, made = tensor(shape, INT8), tensor(shape, INT8_RESULT)
    mended = Mended(program(f'  %y0 = "tfl.hard_swish"(%x) : ({operand}) -> {made}\n', operand, made))
    runtime = loaded(mended.after)
    stored = np.arange(-128, 128, dtype=np.int8).reshape(shape)
    runtime.set_tensor(runtime.get_input_details()[0]["index"], stored)
    runtime.invoke()
    got = runtime.get_tensor(runtime.get_output_details()[0]["index"]).astype(np.float64)
    x = 0.05 * (stored.astype(np.float64) + 3)
    wanted = np.clip(x * np.clip(x + 3, 0, 6) / 6, 0.03 * (-128 + 60), 0.03 * (127 + 60))
    assert np.abs(0.03 * (got + 60) - wanted).max() <= 0.5001 * 0.03


@pytest.mark.parametrize(("source", "result"), [(INT8, INT8_RESULT), (UINT8, UINT8_RESULT)])
def test_slopes_are_within_a_step(source: str, result: str) -> None:
    slope = source.replace("0.05", "0.004")
    operand, made, kind = tensor(SHAPE, source), tensor(SHAPE, result), tensor((1, 1, 40), slope)
    line = f'  %y0 = "tfl.prelu"(%x, %a) : ({operand}, {kind}) -> {made}\n'
    mended = Mended(program(integers("a", (1, 1, 40), 90, slope) + line, operand, made), always=False)
    assert mended.report.counts
    assert max(mended.differences()) <= 1
    assert not left(mended.after)


@pytest.mark.parametrize("element", [INT8, UINT8])
@pytest.mark.parametrize(("size", "stride", "padding"), [(2, 2, "VALID"), (3, 1, "SAME"), (3, 2, "SAME")])
@pytest.mark.parametrize("activation", ["NONE", "RELU"])
def test_averages_are_within_a_step(element: str, size: int, stride: int, padding: str, activation: str) -> None:
    wide = -(-(6 - (size - 1 if padding == "VALID" else 0)) // stride)
    options = (
        f"<{{filter_height = {size} : i32, filter_width = {size} : i32, stride_h = {stride} : i32, "
        f'stride_w = {stride} : i32, padding = "{padding}", fused_activation_function = "{activation}"}}>'
    )
    mended = Mended(one("average_pool_2d", options, SHAPE, [(2, wide, wide, 40)], element), always=False)
    assert mended.report.counts
    assert max(mended.differences()) <= 1
    assert not left(mended.after)


def test_a_softmax_is_within_a_step() -> None:
    made = "!quant.uniform<i8:f32, 0.00390625:-128>"
    mended = Mended(_function("softmax", INT8, made, "<{beta = 1.0 : f32}>"))
    assert max(mended.differences()) <= 1
    assert not left(mended.after)


@pytest.mark.parametrize("name", ["add", "sub"])
def test_constants_of_tiny_scales_are_added_within_a_step(name: str) -> None:
    tiny = INT8.replace("0.05", "1.0e-7")
    for result in (INT8, INT8_RESULT):
        operand, made, kind = tensor(SHAPE, INT8), tensor(SHAPE, result), tensor((40,), tiny)
        line = (
            f'  %y0 = "tfl.{name}"(%x, %c) <{{fused_activation_function = "NONE"}}> : ({operand}, {kind}) -> {made}\n'
        )
        mended = Mended(program(integers("c", (40,), 90, tiny) + line, operand, made), always=False)
        assert mended.report.counts
        assert max(mended.differences()) <= (1 if result != INT8 else 0)
        assert not left(mended.after)


@pytest.mark.parametrize(("source", "result"), [(INT8, INT8_RESULT), (UINT8, UINT8_RESULT)])
def test_a_resize_to_another_scale_loads(source: str, result: str) -> None:
    operand, made = tensor((1, 4, 4, 3), source), tensor((1, 8, 8, 3), result)
    options = "<{align_corners = false, half_pixel_centers = true}>"
    line = f'  %y0 = "tfl.resize_bilinear"(%x, %p) {options} : ({operand}, {vector(2)}) -> {made}\n'
    mended = Mended(program(numbers("p", [8, 8]) + line, operand, made), always=False)
    with pytest.raises(RuntimeError):
        loaded(mended.before)
    assert len(outputs(mended.after, True)) == 1
    assert not left(mended.after)


def test_uint8_tensors_of_several_scales_are_joined_within_a_step() -> None:
    source, result = tensor(SHAPE, UINT8), tensor((2, 6, 6, 120), UINT8_RESULT)
    scaled = UINT8.replace("0.05", "0.02")
    lines = (
        f'  %q = "tfl.quantize"(%x) <{{qtype = {tensor(SHAPE, scaled)}}}> : ({source}) -> {tensor(SHAPE, scaled)}\n'
        f'  %y0 = "tfl.concatenation"(%x, %q, %x) <{{axis = 3 : i32, fused_activation_function = "NONE"}}> : '
        f"({source}, {tensor(SHAPE, scaled)}, {source}) -> {result}\n"
    )
    mended = Mended(program(lines, source, result), always=False)
    assert mended.report.counts
    assert max(mended.differences()) <= 1
    assert not left(mended.after)


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -0.5, -1.0])
def test_powers(exponent: float) -> None:
    kind = tensor((3, 5))
    lines = (
        f'  %a = "tfl.abs"(%x) : ({kind}) -> {kind}\n'
        f'  %e = "tfl.pseudo_const"() <{{value = dense<{exponent}> : tensor<f32>}}> : () -> tensor<f32>\n'
        f'  %y0 = "tfl.pow"(%a, %e) : ({kind}, tensor<f32>) -> {kind}\n'
    )
    mended = Mended(program(lines, kind, kind))
    assert mended.report.counts
    assert max(mended.differences()) <= 1e-4
    assert not left(mended.after)


def test_what_is_fast_as_it_is_stays() -> None:
    """The built-in MAXIMUM of int8 copies at the speed of memory."""
    operand = tensor(SHAPE, INT8)
    line = f'  %y0 = "tfl.maximum"(%x, %x) : ({operand}, {operand}) -> {operand}\n'
    mended = Mended(program(line, operand, operand), always=False)
    assert not mended.report.counts
    assert "the form that the delegate takes is not faster here" in mended.report.declined


def test_results_keep_their_names_and_steps_get_some() -> None:
    text = one("unpack", "<{num = 2 : i32, axis = 0 : i32}>", (2, 3), [(3,), (3,)], FLOAT)
    text = text.replace("tensor<3xf32>)\n", 'tensor<3xf32>) loc(fused["first", "second"])\n')
    module = tflir.loads(text)
    tflir.run_passes(module, "tfl-mend-xnnpack{always=true}")
    runtime = loaded(bytes(tflir.dumps(module, "tflite")))
    names = [details["name"] for details in runtime.get_tensor_details()]
    assert [details["name"] for details in runtime.get_output_details()] == ["first", "second"]
    assert "first_reshape" in names
