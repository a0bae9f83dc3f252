"""One op run by LiteRT's reference kernels and by the reference interpreter, on the same arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from models_builder import NONE, Model, options

import tflir
from tflir.backends.litert.quiet import quiet

TOLERANCE = 1e-5
"""Beside the largest element of an output."""


_MOST_WITH_BIAS = 4
"""Operands of a layer whose last one is a bias."""


@dataclass(frozen=True)
class Const:
    """An operand that the model holds."""

    array: Any
    how: dict[str, Any] = field(default_factory=dict[str, Any])
    """Scales and the like of its tensor."""


@dataclass(frozen=True)
class Given:
    """An operand of integers with scales, an input of the model."""

    array: Any
    how: dict[str, Any] = field(default_factory=dict[str, Any])
    """Scales and the like of its tensor."""


class Quantized(NamedTuple):
    """A result of integers with a scale."""

    rank: int
    dtype: Any
    scale: float
    point: int


@dataclass(frozen=True)
class State:
    """A variable tensor."""

    shape: tuple[int, ...]
    dtype: Any = np.float32
    how: dict[str, Any] = field(default_factory=dict[str, Any])
    """Scales and the like of its tensor."""


def one_op(
    builtin: str,
    operands: Sequence[npt.NDArray[Any] | Const | Given | State | None],
    results: Sequence[tuple[int, npt.DTypeLike] | Quantized],
    opts: Any = None,
    *,
    version: int = 1,
    intermediates: Sequence[Quantized] = (),
) -> bytes:
    """A model of one op; `results` are ranks and types, their dimensions are not known."""
    model = Model()
    graph = model.graph()
    tensors: list[int] = []
    inputs: list[int] = []
    for place, operand in enumerate(operands):
        name = f"x{place}"
        if operand is None:
            tensors.append(NONE)
        elif isinstance(operand, Const):
            tensors.append(graph.constant(name, operand.array, **operand.how))
        elif isinstance(operand, Given):
            tensors.append(graph.tensor(name, operand.array.shape, operand.array.dtype, **operand.how))
            inputs.append(tensors[-1])
        elif isinstance(operand, State):
            tensors.append(graph.tensor(name, operand.shape, operand.dtype, variable=True, **operand.how))
        else:
            tensors.append(graph.tensor(name, operand.shape, operand.dtype))
            inputs.append(tensors[-1])
    if tensors[-1] == NONE and len(tensors) <= _MOST_WITH_BIAS:
        tensors.pop()  # some kernels take an absent bias only where the operator does not list it
    made: list[int] = []
    for place, (rank, dtype, *scale) in enumerate(results):
        how = {"scales": scale[:1], "zero_points": scale[1:]} if scale else {}
        made.append(graph.tensor(f"y{place}", (-1,) * rank, dtype, **how))
    inner = [
        graph.tensor(f"inner{place}", (0,), item.dtype, scales=[item.scale], zero_points=[item.point])
        for place, item in enumerate(intermediates)
    ]
    graph.op(builtin, tensors, made, opts, version=version, intermediates=inner or None)
    graph.io(inputs, made)
    return model.to_bytes()


def litert_outputs(data: bytes, inputs: Sequence[npt.NDArray[Any]], runs: int = 1) -> list[npt.NDArray[Any]]:
    """What LiteRT's reference kernels give, in the last of `runs`; its usual ones for ops that the former lack."""
    with quiet():
        try:
            runtime = Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        except (ValueError, RuntimeError):
            usual = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            runtime = Interpreter(model_content=data, experimental_op_resolver_type=usual)
        runtime.allocate_tensors()
        for _ in range(runs):
            for detail, value in zip(runtime.get_input_details(), inputs, strict=True):
                runtime.set_tensor(detail["index"], value)
            runtime.invoke()
        return [np.array(runtime.get_tensor(detail["index"])) for detail in runtime.get_output_details()]


def agree(
    builtin: str,
    operands: Sequence[npt.NDArray[Any] | Const | Given | State | None],
    results: Sequence[tuple[int, npt.DTypeLike] | Quantized],
    table: str = "",
    *,
    exact: bool = False,
    tolerance: float = TOLERANCE,
    version: int = 1,
    runs: int = 1,
    intermediates: Sequence[Quantized] = (),
    **fields: Any,
) -> None:
    """Holds that both give the same; `fields` are those of the options `table`. Integers are the same to the bit."""
    opts = options(table, **fields) if table else None
    data = one_op(builtin, operands, results, opts, version=version, intermediates=intermediates)
    given = (operand.array if isinstance(operand, Given) else operand for operand in operands)
    inputs = [operand for operand in given if isinstance(operand, np.ndarray)]
    session = tflir_session(data)
    expected = litert_outputs(data, inputs, runs)
    found: list[npt.NDArray[Any]] = []
    for _ in range(runs):
        found = list(session.run(inputs).values())
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        if exact or ours.dtype.kind in "biu":
            np.testing.assert_array_equal(ours, theirs)
        else:
            largest = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest)


def tflir_session(data: bytes) -> Any:
    """The model in the reference interpreter."""
    from tflir.backends.interpreter import Session

    return Session(tflir.loads(data))
