"""`!quant.uniform` in MLIR's syntax, read and printed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import Float32Type, IntegerType
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from tflir.ir.context import make_context
from tflir.ir.quant import Layout, UniformQuantizedType


def _parse(text: str) -> UniformQuantizedType:
    found = Parser(make_context(), text).parse_type()
    assert isinstance(found, UniformQuantizedType)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "!quant.uniform<i8:f32, 5.000000e-01:3>",
        "!quant.uniform<i8:f32, 5.000000e-01>",
        "!quant.uniform<i8<-127:127>:f32, 1.250000e-01>",
        "!quant.uniform<u8:f32, 2.500000e-01:128>",
        "!quant.uniform<i8<-127:127>:f32:0, {1.250000e-01,2.500000e-01}>",
        "!quant.uniform<i8:f32:3, {1.250000e-01:-4,2.500000e-01:7}>",
        "!quant.uniform<i32:f32:0, {1.250000e-01,2.500000e-01}>",
        "!quant.uniform<i4:f32:{0:1, 1:32}, {{1.250000e-01}, {2.500000e-01}}>",
        "!quant.uniform<i4:f32:{1:32}, {{1.250000e-01,2.500000e-01}}>",
    ],
)
def test_reads_back_what_it_prints(text: str) -> None:
    assert str(_parse(text)).replace(", 1:32}", ",1:32}") == text.replace(", 1:32}", ",1:32}")
    assert _parse(str(_parse(text))) == _parse(text)


@given(st.floats(width=32, min_value=1.401298464324817e-45, max_value=3.3999999521443642e38, allow_nan=False))
def test_scales_read_back_to_the_same_float(scale: float) -> None:
    made = UniformQuantizedType.get(IntegerType(8), Float32Type(), Layout(scale))
    assert float(_parse(str(made)).layout.scales) == scale


def test_range_and_axis() -> None:
    narrow = _parse("!quant.uniform<i8<-127:127>:f32:1, {0.5,0.25}>")
    assert narrow.is_narrow
    assert narrow.is_per_axis
    assert narrow.layout.axes == (1,)
    np.testing.assert_array_equal(narrow.layout.scales, [0.5, 0.25])
    assert not _parse("!quant.uniform<u8:f32, 0.5>").is_narrow
    assert _parse("!quant.uniform<u8:f32, 0.5>").is_unsigned


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("!quant.uniform<i8:f32, -1.0>", "above 0"),
        ("!quant.uniform<i8<-200:127>:f32, 1.0>", "does not fit"),
        ("!quant.uniform<i64:f32, 1.0>", "storage of 64 bits"),
        ("!quant.uniform<f8:f32, 1.0>", "storage type"),
        ("!quant.uniform<i8:f32:{0:1,1:2}, {{1.0,2.0},{1.0}}>", "ragged"),
    ],
)
def test_refuses(text: str, why: str) -> None:
    with pytest.raises((ParseError, VerifyException), match=why):
        _parse(text)


def test_equal_layouts_are_equal_types() -> None:
    one, other = (
        UniformQuantizedType.get(IntegerType(8), Float32Type(), Layout([1.0, 2.0], 0, (0,))) for _ in range(2)
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one != UniformQuantizedType.get(IntegerType(8), Float32Type(), Layout([1.0, 2.0], [0, 1], (0,)))
