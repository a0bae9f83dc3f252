"""Programs of one op for the tests of mending, and their runs in LiteRT with and without its default delegate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import tflir
from tflir.passes.mend.mend_xnnpack import MendXnnpackPass

Shape = Sequence[int]
FLOAT = "f32"
INT8 = "!quant.uniform<i8:f32, 0.05:-3>"
UINT8 = "!quant.uniform<u8:f32, 0.05:120>"
ELEMENTS = (FLOAT, INT8, UINT8)


def tensor(shape: Shape, element: str = FLOAT) -> str:
    """The text of a tensor type."""
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def numbers(name: str, values: Any) -> str:
    """The line that makes a constant of int32."""
    array = np.array(values)
    kind = tensor(array.shape, "i32")
    return f'  %{name} = "tfl.pseudo_const"() <{{value = dense<{array.tolist()}> : {kind}}}> : () -> {kind}\n'


def integers(name: str, shape: Shape, value: int, element: str) -> str:
    """The line that makes a quantized constant of one value."""
    stored = tensor(shape, "i8" if "<i8" in element else "ui8")
    kind = tensor(shape, element)
    said = f"<{{qtype = {kind}, value = dense<{value}> : {stored}}}>"
    return f'  %{name} = "tfl.pseudo_qconst"() {said} : () -> {kind}\n'


def program(lines: str, operand: str, *results: str) -> str:
    """A function of %x that runs `lines` and returns %y0, %y1 and so on."""
    made = ", ".join(f"%y{index}" for index in range(len(results)))
    kinds = ", ".join(results)
    head = f'func.func @main(%x: {operand} loc("x")) -> ({kinds}) {{\n'
    return f"{head}{lines}  func.return {made} : {kinds}\n}}"


def one(
    name: str, options: str, shape: Shape, results: Sequence[Shape], element: str, before: str = "", more: str = ""
) -> str:
    """A program of one op on %x. `before` makes the constants that `more` lists, as `%p : tensor<2xi32>` each."""
    others = [each.split(" : ") for each in more.split("; ")] if more else []
    operands = ", ".join(("%x", *(value for value, _ in others)))
    kinds = ", ".join((tensor(shape, element), *(kind for _, kind in others)))
    made = ", ".join(f"%y{index}" for index in range(len(results)))
    types = [tensor(each, element) for each in results]
    line = f'  {made} = "tfl.{name}"({operands}) {options} : ({kinds}) -> ({", ".join(types)})\n'
    return program(before + line, tensor(shape, element), *types)


class Mended:
    """A program before and after mending."""

    def __init__(self, text: str, **options: Any) -> None:
        module = tflir.loads(text)
        self.before = bytes(tflir.dumps(module, "tflite"))
        (self.report,) = tflir.run_passes(module, MendXnnpackPass(**{"always": True} | options))
        self.after = bytes(tflir.dumps(module, "tflite"))
        self.text = str(tflir.dumps(module, "mlir"))

    def differences(self, *, reference: bool = True) -> list[float]:
        """By how much the outputs differ, with the delegate and without; 0 where they are the same, bit for bit."""
        found: list[float] = []
        for delegated in (True, False) if reference else (True,):
            for one, other in zip(outputs(self.before, delegated), outputs(self.after, delegated), strict=True):
                assert one.shape == other.shape
                assert one.dtype == other.dtype
                same = one.tobytes() == other.tobytes()
                found.append(0.0 if same else float(np.abs(one.astype(np.float64) - other).max()) or np.inf)
        return found


def outputs(model: bytes, delegated: bool) -> list[npt.NDArray[Any]]:
    """What LiteRT computes of random inputs."""
    runtime = loaded(model, delegated)
    random = np.random.default_rng(7)
    for details in runtime.get_input_details():
        shape, dtype = tuple(details["shape"]), np.dtype(details["dtype"])
        if dtype == np.float32:
            value = random.standard_normal(shape).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            value = random.integers(limits.min, limits.max + 1, shape).astype(dtype)
        runtime.set_tensor(details["index"], value)
    runtime.invoke()
    return [runtime.get_tensor(details["index"]) for details in runtime.get_output_details()]


def loaded(model: bytes, delegated: bool = True) -> Any:
    """An interpreter, with the default delegate or without."""
    without = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    kind = OpResolverType.AUTO if delegated else without
    runtime = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kind)
    runtime.allocate_tensors()
    return runtime


def left(model: bytes) -> set[str]:
    """The operators that the default delegate leaves to built-in kernels."""
    details: list[dict[str, Any]] = loaded(model)._get_ops_details()
    makers = {int(index): op for op in details if op["op_name"] != "DELEGATE" for index in op["outputs"]}
    taken: set[int] = set()
    for delegate in (op for op in details if op["op_name"] == "DELEGATE"):
        waiting, inputs = [int(index) for index in delegate["outputs"]], {int(index) for index in delegate["inputs"]}
        while waiting:
            index = waiting.pop()
            if index in inputs or index not in makers or makers[index]["index"] in taken:
                continue
            taken.add(makers[index]["index"])
            waiting += [int(operand) for operand in makers[index]["inputs"]]
    return {op["op_name"] for op in details if op["op_name"] != "DELEGATE" and op["index"] not in taken}
