"""Text that says what can't be: each is refused in one line at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tflir.cli import main as tflir_main
from tflir.frontends.mlir import parse_text
from tflir.ir.errors import Error
from tflir.opt.main import main as opt_main

CONSTANT = """module {{
  func.func @f() -> tensor<{kind}> {{
    %c = "tfl.pseudo_const"() <{{value = {value} : tensor<{kind}>}}> : () -> tensor<{kind}> loc("c")
    func.return %c : tensor<{kind}>
  }}
}}
"""


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("1xf32", "dense<null>"),
        ("1xf32", "dense<NaN>"),
        ("1xf32", "dense<-Infinity>"),
        ("1xf32", "dense<1e999>"),
        ("1xf32", 'dense<["abc"]>'),
        ("1xf32", 'dense<[{"a": 1}]>'),
        ("1xf32", "dense<true>"),
        ("2xf32", f"dense<[1.0, {'9' * 400}]>"),
        ("1xi32", "dense<null>"),
        ("1xi32", "dense<true>"),
        ("1xi8", "dense<1.5>"),
        ("64xf32", "dense_resource<w>"),
    ],
)
def test_constants_that_hold_no_elements(kind: str, value: str) -> None:
    with pytest.raises(Error) as caught:
        parse_text(CONSTANT.format(kind=kind, value=value).encode(), "a.mlir")
    assert caught.value.file.startswith("a.mlir:3:"), caught.value
    assert "can't be parsed" not in str(caught.value)


@pytest.mark.parametrize(
    "scale", ["0x7FC00000", "nan", "-0.5", "0.0", "1e-60", "1e60", "{0.5,nan}", "{0.5,0x3F000000}", "{1_0,2}"]
)
def test_scales_that_are_none(scale: str) -> None:
    axis = ":0" if scale.startswith("{") else ""
    kind = f"tensor<2x!quant.uniform<i8:f32{axis}, {scale}>>"
    with pytest.raises(Error) as caught:
        parse_text(f"func.func private @f() ->\n  {kind}".encode(), "a.mlir")
    assert caught.value.file.startswith("a.mlir:2:"), caught.value


@pytest.mark.parametrize("size", [2**31, 2**63, 10**30])
def test_a_dimension_that_no_model_holds(size: int) -> None:
    relu = f"""func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {{
  %y = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<{size}xf32>
  func.return %x : tensor<4xf32>
}}"""
    for text, line in ((relu, 2), (relu.replace("tensor<4xf32>", f"tensor<{size}xf32>"), 1)):
        with pytest.raises(Error, match="a dimension of") as caught:
            parse_text(text.encode(), "a.mlir")
        assert caught.value.file.startswith(f"a.mlir:{line}:"), caught.value


@pytest.mark.parametrize("values", ["f32: nan", "f32: 1_0.0", "i32: 1_0", "i32: one"])
def test_arrays_of_no_numbers(values: str) -> None:
    with pytest.raises(Error, match="array of"):
        parse_text(f"func.func private @f() attributes {{a = array<{values}>}}".encode(), "a.mlir")


@pytest.mark.parametrize("command", ["opt", "compile"])
def test_constants_without_data_say_where_and_how(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "a.mlir", tmp_path / "a.tflite"
    text.write_text(CONSTANT.format(kind="64xf32", value="dense_resource<__elided__>"))
    given = [str(text), "-o", str(out)]
    assert (opt_main(given) if command == "opt" else tflir_main(["compile", *given, "-q"])) == 1
    said = capsys.readouterr().err
    assert f"error: {text}:3:5: has no data" in said
    assert "--print-resources" in said
    assert "--elide-constants" in said
    assert said.count("\n") == 1
    assert not out.exists()
    assert opt_main([str(text)]) == 0  # to look at it is no error
