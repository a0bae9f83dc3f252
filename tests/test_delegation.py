"""The table of the default delegate against the runtime, on models of one op each."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

import tflir
from tflir.backends.litert.delegation import delegated
from tflir.backends.litert.isolated import isolated
from tflir.ir.functions import functions
from tflir.ir.targets import TARGETS
from tflir.ir.targets.site import is_operator

SHAPE = "1x8x8x4x"
KINDS = {
    "f32": "f32",
    "qi8": "!quant.uniform<i8:f32, 0.1>",
    "qu8": "!quant.uniform<u8:f32, 0.1:128>",
    "qi16": "!quant.uniform<i16:f32, 0.1>",
    "i32": "i32",
}
OPTIONS = {"gelu": "<{approximate = false}>", "leaky_relu": "<{alpha = 0.2 : f32}>", "softmax": "<{beta = 1.0 : f32}>"}
UNARY = [
    "abs",
    "ceil",
    "cos",
    "elu",
    "exp",
    "floor",
    "gelu",
    "hard_swish",
    "leaky_relu",
    "log",
    "logistic",
    "neg",
    "relu",
    "relu6",
    "relu_0_to_1",
    "relu_n1_to_1",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "tanh",
]
BINARY = ["add", "div", "maximum", "minimum", "mul", "prelu", "squared_difference", "sub"]
FUSED = ("add", "div", "mul", "sub")
STEPS = (2.0**-14, 2.0**-5, 2.0**-4, 2.0**4, 2.0**4.01)


def _of_one(op: str, kind: str) -> str:
    tensor = f"tensor<{SHAPE}{KINDS[kind]}>"
    made = f'%y = "tfl.{op}"(%x) {OPTIONS.get(op, "")} : ({tensor}) -> {tensor}'
    return f"func.func @main(%x: {tensor}) -> {tensor} {{\n{made}\nfunc.return %y : {tensor}\n}}"


def _of_two(op: str, first: str, second: str, result: str) -> str:
    one, other, made = (f"tensor<{SHAPE}{kind}>" for kind in (first, second, result))
    how = '<{fused_activation_function = "NONE"}>' if op in FUSED else ""
    body = f'%y = "tfl.{op}"(%x, %z) {how} : ({one}, {other}) -> {made}'
    return f"func.func @main(%x: {one}, %z: {other}) -> {made} {{\n{body}\nfunc.return %y : {made}\n}}"


def _cases() -> Iterator[str]:
    yield from (_of_one(op, kind) for op in UNARY for kind in KINDS)
    yield from (_of_two(op, kind, kind, kind) for op in BINARY for kind in KINDS.values())
    for op, first, made in itertools.product(("add", "mul"), STEPS, STEPS):
        kinds = [f"!quant.uniform<i8:f32, {step:.9e}>" for step in (first, 2.0**-4, made)]
        yield _of_two(op, *kinds)


def test_the_runtime_delegates_the_ops_that_the_table_says(tmp_path: pathlib.Path) -> None:
    target, rest = TARGETS.get("xnnpack"), TARGETS.get("litert")
    path = tmp_path / "model.tflite"
    compared = 0
    for text in _cases():
        try:
            module = tflir.loads(text)
        except tflir.Error:  # no kernel takes it, says the verifier
            continue
        (op,) = (op for op in next(functions(module)).body.block.ops if is_operator(op))
        verdict = target.verdict(op)
        tflir.save(module, path, force=True)
        try:
            real = isolated(delegated, str(path))
        except tflir.Error:
            assert not verdict.taken, text
            assert rest.verdict(op).status == "unloadable", text
            continue
        assert (len(real.partitions) == 1) == verdict.taken, text
        compared += 1
    assert compared > 100
