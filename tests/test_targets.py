"""Targets: what their tables say of single ops, and how taken ops are gathered into partitions."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.ir.functions import functions
from tflir.ir.schema import schema
from tflir.ir.targets import TARGETS, Target, Verdict, partitions, takes
from tflir.ir.targets.elements import target_by_elements
from tflir.ir.targets.kinds import kind_in_words, kinds_in_words, pattern
from tflir.ir.targets.litert_kernels import REGISTERED
from tflir.ir.targets.site import is_operator, operator_of
from tflir.ir.tfl.linear import FullyConnectedOp
from tflir.passes.registry import pass_names

F = "tensor<1x8x8x4xf32>"
Q = "tensor<1x8x8x4x!quant.uniform<i8:f32, 0.1>>"
OTHER = "tensor<1x8x8x4x!quant.uniform<i8:f32, 0.2>>"
FAR = "tensor<1x8x8x4x!quant.uniform<i8:f32, 0.0001>>"
Q16 = "tensor<1x8x8x4x!quant.uniform<i16:f32, 0.1>>"
OWN = ("xnnpack", "litert", "tflm", "ethos-u")


def module_of(body: str, arguments: str, result: str) -> ModuleOp:
    return tflir.loads(f"func.func @main({arguments}) -> {result} {{\n{body}\nfunc.return %y : {result}\n}}")


def verdict_of(target: str, body: str, arguments: str, result: str, operator: str = "") -> Verdict:
    """What a target says of the last op of a function that computes, or of the first of this name."""
    function = next(functions(module_of(body, arguments, result)))
    ops = [op for op in function.body.block.ops if is_operator(op)]
    op = next((op for op in ops if operator_of(op) == operator), ops[-1])
    return TARGETS.get(target).verdict(op)


def one(op: str, kind: str, made: str | None = None, attributes: str = "") -> tuple[str, str, str]:
    """A function of one op of one operand."""
    made = made or kind
    return f'%y = "tfl.{op}"(%x) {attributes} : ({kind}) -> {made}', f"%x: {kind}", made


def two(op: str, kind: str, made: str, other: str | None = None) -> tuple[str, str, str]:
    """A function of one op of two operands."""
    other = other or kind
    how = '<{fused_activation_function = "NONE"}>' if op in ("add", "sub", "mul") else ""
    return f'%y = "tfl.{op}"(%x, %z) {how} : ({kind}, {other}) -> {made}', f"%x: {kind}, %z: {other}", made


@pytest.mark.parametrize(
    ("parts", "status", "reason", "mend"),
    [
        (one("hard_swish", F), "taken", "", ""),
        (one("hard_swish", Q), "refused", "float only", "tfl-mend-xnnpack"),
        (one("exp", Q16), "refused", "float only", ""),
        (one("logistic", Q, OTHER), "taken", "", ""),
        (one("leaky_relu", F, attributes="<{alpha = 0.0 : f32}>"), "refused", "a slope of 0, or scales", ""),
        (one("softmax", F, attributes="<{beta = 2.0 : f32}>"), "refused", "a beta other than 1", ""),
        (two("add", Q, OTHER), "taken", "", ""),
        (two("add", Q, FAR), "refused", "an operand's scale below 1/1024 or from 256", "tfl-mend-xnnpack"),
        (two("add", Q16, Q16), "refused", "float, int8 or uint8 only", ""),
        (two("mul", Q, FAR), "taken", "", ""),
        (two("maximum", F, F), "taken", "", ""),
        (one("quantize", F, Q, f"<{{qtype = {Q}}}>"), "taken", "", ""),
        (one("cos", "tensor<1x1x1x1x1x1x2xf32>"), "refused", "more than 6 dimensions", ""),
        (one("cos", "tensor<?x4xf32>"), "taken", "", ""),
    ],
)
def test_the_delegate_of_litert(parts: tuple[str, str, str], status: str, reason: str, mend: str) -> None:
    found = verdict_of("xnnpack", *parts)
    assert (found.status, found.mend) == (status, mend)
    assert found.reason.startswith(reason)
    assert found.known


CONV = (
    '<{dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE", '
    'padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32}>'
)
WEIGHTS, BIAS = "tensor<4x3x3x4xf32>", "tensor<4xf32>"
_BIAS = f'%b = "tfl.pseudo_const"() <{{value = dense<0.0> : {BIAS}}}> : () -> {BIAS}\n'


def _conv(weights: str, more: str = "") -> tuple[str, str, str]:
    made = f'%y = "tfl.conv_2d"(%x, %w, %b) {CONV} : ({F}, {WEIGHTS}, {BIAS}) -> {F}'
    return _BIAS + weights + more + made, f"%x: {F}, %v: {WEIGHTS}", F


_HALF = WEIGHTS.replace("f32", "f16")
_RESTORED = (
    f'%h = "tfl.pseudo_const"() <{{value = dense<1.0> : {_HALF}}}> : () -> {_HALF}\n'
    f'%w = "tfl.dequantize"(%h) : ({_HALF}) -> {WEIGHTS}\n'
)


def test_weights_are_known_beforehand() -> None:
    stored = f'%w = "tfl.pseudo_const"() <{{value = dense<1.0> : {WEIGHTS}}}> : () -> {WEIGHTS}\n'
    assert verdict_of("xnnpack", *_conv(stored)).taken
    assert verdict_of("xnnpack", *_conv(_RESTORED)).taken
    computed = verdict_of("xnnpack", *_conv(f'%w = "tfl.cos"(%v) : ({WEIGHTS}) -> {WEIGHTS}\n'))
    assert (computed.status, computed.reason) == ("refused", "weights computed at run time")


def test_fully_connected_layers_want_constant_weights() -> None:
    x, w, y = "tensor<1x64xf32>", "tensor<4x64xf32>", "tensor<1x4xf32>"
    body = (
        '%n = "tfl.no_value"() <{value}> : () -> none\n'
        '%y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", keep_num_dims = false, '
        f'weights_format = "DEFAULT"}}> : ({x}, {w}, none) -> {y}'
    )
    assert verdict_of("xnnpack", body, f"%x: {x}, %w: {w}", y).reason == "weights computed at run time"


def test_a_restored_constant_goes_where_its_readers_go() -> None:
    assert verdict_of("xnnpack", *_conv(_RESTORED), operator="DEQUANTIZE").taken
    refused = f'%s = "tfl.sign"(%w) : ({WEIGHTS}) -> {WEIGHTS}\n'
    found = verdict_of("xnnpack", *_conv(_RESTORED, refused), operator="DEQUANTIZE")
    assert (found.status, found.reason) == ("refused", "an op that reads the constant is refused")
    assert verdict_of("xnnpack", *_conv(_RESTORED, refused), operator="CONV_2D").taken


def _dense(weights: str, value: str = "dense<1>") -> tuple[str, str, str]:
    """A fully connected layer of float activations, with weights of an element type."""
    storage = weights.split("<", 1)[1].split(":", 1)[0]
    w, x, y = f"tensor<2x64x{weights}>", "tensor<1x64xf32>", "tensor<1x2xf32>"
    body = (
        f'%w = "tfl.pseudo_qconst"() <{{qtype = {w}, value = {value} : tensor<2x64x{storage}>}}> : () -> {w}\n'
        '%n = "tfl.no_value"() <{value}> : () -> none\n'
        '%y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", keep_num_dims = false, '
        f'weights_format = "DEFAULT"}}> : ({x}, {w}, none) -> {y}'
    )
    return body, f"%x: {x}", y


_BLOCKS = "!quant.uniform<{}:f32:{{0:1,1:32}}, {{{{0.1,0.1}}, {{0.1,0.1}}}}>"
_PER_CHANNEL = "!quant.uniform<{}:f32:0, {{0.1,0.1}}>"
_ONE = "!quant.uniform<{}:f32, 0.1>"


@pytest.mark.parametrize(
    ("target", "parts", "status"),
    [
        ("xnnpack", _dense(_PER_CHANNEL.format("i8")), "taken"),
        ("xnnpack", _dense(_BLOCKS.format("i4")), "taken"),
        ("xnnpack", _dense(_BLOCKS.format("i8")), "unloadable"),
        ("xnnpack", _dense(_ONE.format("i2")), "refused"),
        ("xnnpack", _dense(_PER_CHANNEL.format("i2")), "taken"),
        ("litert", _dense(_BLOCKS.format("i8")), "wrong"),
        ("litert", _dense(_BLOCKS.format("i4")), "taken"),
        ("litert", _dense(_PER_CHANNEL.format("i4"), "dense<7>"), "taken"),
        ("litert", _dense(_PER_CHANNEL.format("i4"), "dense<-8>"), "wrong"),
        ("tflm", _dense(_PER_CHANNEL.format("i8")), "refused"),
        ("ethos-u", _dense(_PER_CHANNEL.format("i8")), "refused"),
    ],
)
def test_forms_of_weights(target: str, parts: tuple[str, str, str], status: str) -> None:
    found = verdict_of(target, *parts)
    assert found.status == status
    assert bool(found.reason) == (status != "taken")


def test_products_of_matrices_want_a_zero_point_of_0() -> None:
    made = "tensor<1x8x8x!quant.uniform<i8:f32, 0.1>>"
    for right, taken in ((made, True), (made.replace("0.1>", "0.1:3>"), False)):
        body = f'%y = "tfl.batch_matmul"(%x, %z) <{{adj_x = false, adj_y = false}}> : ({made}, {right}) -> {made}'
        assert verdict_of("xnnpack", body, f"%x: {made}, %z: {right}", made).taken == taken


def test_scales_that_built_in_kernels_do_not_take() -> None:
    fine = "tensor<1x8x8x4x!quant.uniform<i8:f32, 1.0e-8>>"
    assert verdict_of("litert", *two("add", Q, fine)).status == "crashes"
    assert verdict_of("litert", *two("sub", Q, fine)).status == "wrong"
    assert verdict_of("litert", *two("add", Q, OTHER)).taken


def test_other_targets() -> None:
    assert verdict_of("tflm", *one("hard_swish", Q)).taken
    assert verdict_of("tflm", *one("gelu", F, attributes="<{approximate = false}>")).reason == "it has no kernel"
    assert verdict_of("ethos-u", *one("hard_swish", Q)).taken
    assert verdict_of("ethos-u", *one("hard_swish", F)).status == "refused"
    assert verdict_of("ethos-u", *two("maximum", Q, Q)).taken
    assert verdict_of("ethos-u", *two("maximum", Q, OTHER)).reason == "operands and result of several scales"


def test_variables_are_taken_together() -> None:
    body = (
        '%h = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>\n'
        f'%r = "tfl.read_variable"(%h) : (tensor<!tf_type.resource>) -> {Q}\n'
        f'%y = "tfl.add"(%r, %x) <{{fused_activation_function = "NONE"}}> : ({Q}, {Q}) -> {Q}\n'
        f'"tfl.assign_variable"(%h, %y) : (tensor<!tf_type.resource>, {Q}) -> ()'
    )
    for operator in ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"):
        assert verdict_of("xnnpack", body, f"%x: {Q}", Q, operator).taken
        wide = verdict_of("xnnpack", body.replace("i8:", "i16:"), f"%x: {Q16}", Q16, operator)
        assert wide.status == "refused"


# Partitions.


def _chain(*ops: str) -> str:
    """Ops one after the other; `name<n` reads what op n made."""
    lines: list[str] = []
    for number, text in enumerate(ops):
        name, _, source = text.partition("<")
        read = f"%{int(source) if source else number - 1}" if number else "%x"
        lines.append(f'%{number} = "tfl.{name}"({read}) : ({F}) -> {F}')
    last = len(ops) - 1
    return "\n".join([*lines, f'%y = "tfl.cos"(%{last}) : ({F}) -> {F}'])


def _sizes(body: str) -> list[int]:
    function = next(functions(module_of(body, f"%x: {F}", F)))
    return [len(one.ops) for one in partitions(function, TARGETS.get("xnnpack"))]


def test_partitions_take_what_is_ready() -> None:
    assert _sizes(_chain("cos", "exp", "sin")) == [4]
    assert _sizes(_chain("cos", "sign", "sin")) == [1, 2]
    assert _sizes(_chain("sign", "cos", "sign", "sin")) == [1, 2]
    # op 2 reads op 0: it is scheduled before the refused op 1 though it comes after it
    assert _sizes(_chain("cos", "sign<0", "exp<0", "sin<2", "abs<1")) == [3, 2]


def test_control_flow_keeps_its_order() -> None:
    branches = f'({{ "tfl.yield"(%x) : ({F}) -> () }}, {{ "tfl.yield"(%x) : ({F}) -> () }})'
    body = (
        f'%0 = "tfl.cos"(%x) : ({F}) -> {F}\n'
        f'%1 = "tfl.if"(%c) {branches} : (tensor<i1>) -> {F}\n'
        f'%2 = "tfl.sin"(%x) : ({F}) -> {F}\n'
        f'%y = "tfl.maximum"(%1, %2) : ({F}, {F}) -> {F}'
    )
    function = next(functions(module_of(body, f"%x: {F}, %c: tensor<i1>", F)))
    found = partitions(function, TARGETS.get("xnnpack"))
    assert [[operator_of(op) for op in one.ops] for one in found] == [["COS", "SIN"], ["MAXIMUM"]]


# The tables themselves.


@pytest.mark.parametrize("name", OWN)
def test_tables_name_operators_and_passes_that_there_are(name: str) -> None:
    target = TARGETS.get(name)
    builtins = set(schema().enums["BuiltinOperator"].numbers)
    signals = {"CIRCULAR_BUFFER", "TFLM_DECODE"}
    for operator in target.operators():
        custom = operator.startswith("Signal") or operator in (*REGISTERED, *signals)
        assert custom or operator in builtins, operator
    mends = {entry.mend for entry in (*target.rows, *target.defects)} | {
        need.mend for row in target.rows for need in row.needs
    }
    assert mends - {""} <= set(pass_names())
    assert target.known
    assert target.about
    assert not target.runs_in or TARGETS.find(target.runs_in)


@pytest.mark.parametrize("name", OWN)
def test_operators_that_no_typed_op_holds_are_not_taken(name: str) -> None:
    target, numbers = TARGETS.get(name), schema().enums["BuiltinOperator"].numbers
    for operator in sorted(set(target.operators()) & set(numbers)):
        body = f'%y = "tfl.builtin"(%x, %x, %x) <{{code = {numbers[operator]} : i32}}> : ({F}, {F}, {F}) -> {F}'
        assert not verdict_of(name, body, f"%x: {F}", F).taken, operator


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_hybrid_kernels_are_those_that_the_definitions_of_ops_name(bits: int) -> None:
    """The built-in kernels have no defect with the widths of weights that `OpInfo.hybrid_bits` lists."""
    op = list(next(functions(module_of(*_dense(_PER_CHANNEL.format(f"i{bits}"))))).body.block.ops)[-2]
    assert isinstance(op, FullyConnectedOp)
    assert TARGETS.get("litert").verdict(op).taken or bits not in op.INFO.hybrid_bits


def test_patterns() -> None:
    layer = pattern("qi8 qi8/qci8 qi32? -> qi8")
    assert layer.matches(["qi8", "qci8", "qi32"], ["qi8"])
    assert layer.matches(["qi8", "qci8", "-"], ["qi8"])
    assert layer.matches(["qi8", "qi8"], ["qi8"])
    assert not layer.matches(["qi8", "qi8"], ["qi16"])
    assert not layer.matches(["qi8", "qi8", "qi32", "qi32"], ["qi8"])
    many = pattern("f32* -> f32")
    assert many.matches(["f32"] * 5, ["f32"])
    assert not many.matches(["f32", "qi8"], ["f32"])
    assert pattern("any *").matches(["i64", "bool"], ["str"])


def test_kinds_in_words() -> None:
    assert kind_in_words("qci8") == "int8 per channel"
    assert kind_in_words("i8") == "int8 without a scale"
    assert kind_in_words("qi32") == "int32 with a scale"
    assert kind_in_words("qbi4") == "int4 in blocks"
    assert kinds_in_words(["f32", "qi8", "qci8", "qu8"]) == "float, int8 or uint8"


def test_a_target_of_ones_own() -> None:
    chip = target_by_elements("chip", {"COS": ("FLOAT32", "INT8"), "RELU": ("", "INT8")})
    function = next(functions(module_of(*one("relu", F))))
    op = next(iter(function.body.block.ops))
    assert chip.verdict(op) == Verdict("refused", "takes int8, not float")
    whole = Target("whole", "", (takes("COS", "f32 -> f32"),), others=True)
    assert whole.verdict(op).taken
    assert not Target("none", "", ()).verdict(op).taken
