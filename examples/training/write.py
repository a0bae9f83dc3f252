"""Writes trained layers as a `.tflite`: the network is put together as MLIR text of the tfl dialect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from layers import Array, Conv, Dense, Layer, Lstm, MaxPool

import tflir


class _Text:
    """The text of a function, line by line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def constant(self, name: str, values: Array) -> tuple[str, str]:
        """A constant's value and type."""
        kind = f"tensor<{'x'.join(map(str, values.shape))}x{'f32' if values.dtype == np.float32 else 'i32'}>"
        body = f'dense<"0x{np.ascontiguousarray(values).tobytes().hex()}"> : {kind}'
        self.lines.append(f'  %{name} = "tfl.pseudo_const"() <{{value = {body}}}> : () -> {kind} loc("{name}")')
        return f"%{name}", kind

    def op(
        self, name: str, kind: str, operands: Sequence[tuple[str, str]], result: str, how: str = ""
    ) -> tuple[str, str]:
        """An op of one result."""
        values, types = (", ".join(part) for part in zip(*operands, strict=True))
        self.lines.append(f'  %{name} = "tfl.{kind}"({values}){how} : ({types}) -> {result} loc("{name}")')
        return f"%{name}", result


def _tensor(*shape: int) -> str:
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


def _conv(
    text: _Text, name: str, layer: Conv, x: tuple[str, str], shape: list[int]
) -> tuple[tuple[str, str], list[int]]:
    outputs = len(layer.weights[0])
    inner = [size if layer.pad else size - layer.size + 1 for size in shape[1:3]]
    how = (
        f' <{{padding = "{"SAME" if layer.pad else "VALID"}", stride_h = 1 : i32, stride_w = 1 : i32, '
        'dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "RELU"}>'
    )
    operands = [x, text.constant(f"{name}_filters", layer.weights[0]), text.constant(f"{name}_bias", layer.weights[1])]
    made = [1, *inner, outputs]
    return text.op(name, "conv_2d", operands, _tensor(*made), how), made


def _dense(text: _Text, name: str, layer: Dense, x: tuple[str, str]) -> tuple[tuple[str, str], list[int]]:
    act = "RELU" if layer.relu else "NONE"
    how = f' <{{fused_activation_function = "{act}", keep_num_dims = false, weights_format = "DEFAULT"}}>'
    operands = [x, text.constant(f"{name}_weights", layer.weights[0]), text.constant(f"{name}_bias", layer.weights[1])]
    made = [1, len(layer.weights[0])]
    return text.op(name, "fully_connected", operands, _tensor(*made), how), made


def _lstm(text: _Text, name: str, layer: Lstm, x: tuple[str, str], steps: int) -> tuple[tuple[str, str], list[int]]:
    """The layer, and its output after the last step."""
    text.lines.append('  %none = "tfl.no_value"() <{value}> : () -> none')
    none = [("%none", "none")]
    gates = "input", "forget", "cell", "output"
    kernel, recurrent, bias = (
        [text.constant(f"{name}_{what}_{gate}", part) for gate, part in zip(gates, np.split(weights, 4), strict=True)]
        for what, weights in zip(("kernel", "recurrent", "bias"), layer.weights, strict=True)
    )
    states: list[tuple[str, str]] = []
    for what in ("output_state", "cell_state"):
        kind = _tensor(1, layer.units)
        line = f'"tfl.pseudo_const"() <{{value = dense<0.0> : {kind}}}> {{tfl.is_variable}} : () -> {kind}'
        text.lines.append(f'  %{name}_{what} = {line} loc("{name}_{what}")')
        states.append((f"%{name}_{what}", kind))
    operands = [x, *kernel, *recurrent, *none * 3, *bias, *none * 2, *states, *none * 4]
    how = ' <{fused_activation_function = "TANH", cell_clip = 0.0 : f32, proj_clip = 0.0 : f32, time_major = false}>'
    whole = text.op(name, "unidirectional_sequence_lstm", operands, _tensor(1, steps, layer.units), how)
    places = [
        text.constant(f"last_{what}", np.array([0, at, 0], np.int32)) for what, at in (("begin", -1), ("end", steps))
    ]
    places.append(text.constant("last_strides", np.ones(3, np.int32)))
    how = (
        " <{begin_mask = 5 : i32, end_mask = 7 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, "
        "shrink_axis_mask = 2 : i32, offset = false}>"
    )
    return text.op("last", "strided_slice", [whole, *places], _tensor(1, layer.units), how), [1, layer.units]


def save(layers: Sequence[Layer], source: str, shape: Sequence[int], path: str, description: str) -> None:
    """Writes a network with the input `source` of `shape` and the output `probs`, the softmax of its scores."""
    text = _Text()
    x, dims = ("%x", _tensor(*shape)), list(shape)
    for at, layer in enumerate(layers):
        name = f"{type(layer).__name__.lower()}{at}"
        if isinstance(layer, Conv):
            x, dims = _conv(text, name, layer, x, dims)
        elif isinstance(layer, MaxPool):
            dims = [1, dims[1] // 2, dims[2] // 2, dims[3]]
            how = (
                ' <{padding = "VALID", stride_h = 2 : i32, stride_w = 2 : i32, filter_height = 2 : i32, '
                'filter_width = 2 : i32, fused_activation_function = "NONE"}>'
            )
            x = text.op(name, "max_pool_2d", [x], _tensor(*dims), how)
        elif isinstance(layer, Lstm):
            x, dims = _lstm(text, name, layer, x, dims[1])
        elif isinstance(layer, Dense):
            if len(dims) > 2:
                dims = [1, int(np.prod(dims))]
                flat = text.constant("flat_shape", np.array(dims, np.int32))
                x = text.op("flat", "reshape", [x, flat], _tensor(*dims))
            x, dims = _dense(text, name, layer, x)
    x = text.op("probs", "softmax", [x], _tensor(*dims), " <{beta = 1.0 : f32}>")
    inner = "\n".join(text.lines)
    module = tflir.loads(
        f"""builtin.module attributes {{tfl.schema_version = 3 : i32, tfl.description = "{description}",
    tfl.signatures = [{{key = "serving_default", function = @main, inputs = [["{source}", 0 : i32]],
    outputs = [["probs", 0 : i32]]}}]}} {{
func.func @main(%x: {_tensor(*shape)} loc("{source}")) -> {x[1]} {{
{inner}
  func.return {x[0]} : {x[1]}
}}
}}"""
    )
    tflir.save(module, path, force=True)
