"""Whether a program still gives the outputs that another gave, on random inputs in the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tflir.backends.interpreter.kernel import dtype_of
from tflir.backends.interpreter.session import Port, Session
from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import element_of, shape_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Attribute

Array = npt.NDArray[Any]
_SEED = 7
_BYTES = 2
"""Integers of so many bytes hold quantized data and take every value; wider ones are indices, which must stay small."""


def outputs_check(module: ModuleOp, tolerance: float) -> Callable[[ModuleOp], bool | None]:
    """A check that the outputs of every signature are those of `module`.

    They may differ by `tolerance` times the largest element of the output. Where the inputs or outputs of the program
    are quantized and those of `module` are not, numbers are compared. None where the program can't be run.
    """
    rng = np.random.default_rng(_SEED)
    entries = Session(module).entries
    inputs = [[_random(port, rng) for port in entry.inputs] for entry in entries]
    wanted = _outputs(module, inputs)

    def check(candidate: ModuleOp) -> bool | None:
        try:
            found = _outputs(candidate, inputs)
        except Error:
            return None
        pairs = list(zip(wanted, found, strict=False))
        return len(wanted) == len(found) and all(_near(one, other, tolerance) for one, other in pairs)

    return check


def _outputs(module: ModuleOp, inputs: list[list[Array]]) -> list[Array]:
    """The outputs of every signature, as the numbers that they stand for."""
    session = Session(module)
    found: list[Array] = []
    for entry, values in zip(session.entries, inputs, strict=True):
        given = [_stored(value, port.type) for value, port in zip(values, entry.inputs, strict=True)]
        outputs = session.run(given, entry.key)
        found += [_number(outputs[port.name], port.type) for port in entry.outputs]
    return found


def _random(port: Port, rng: np.random.Generator) -> Array:
    shape, dtype = tuple(max(size, 1) if size < 0 else size for size in shape_of(port.type) or ()), dtype_of(port.type)
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize <= _BYTES:
        bounds = np.iinfo(dtype)
        return rng.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
    if dtype.kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    raise Error(f"no random data for inputs of {port.type}", location=port.name, hint="give a command as CHECK")


def _stored(value: Array, kind: Attribute) -> Array:
    """A number as it is stored in a type."""
    element = element_of(kind)
    if value.dtype == dtype_of(kind) or not isinstance(element, UniformQuantizedType):
        return value
    bounds = np.iinfo(dtype_of(kind))
    steps = np.round(value / float(element.layout.scales.flat[0])) + int(element.layout.zero_points.flat[0])
    return np.clip(steps, bounds.min, bounds.max).astype(dtype_of(kind))


def _number(value: Array, kind: Attribute) -> Array:
    """The numbers that an output stands for."""
    element = element_of(kind)
    if not isinstance(element, UniformQuantizedType) or element.layout.axes:
        return value
    return (value.astype(np.float64) - int(element.layout.zero_points.flat[0])) * float(element.layout.scales.flat[0])


def _near(one: Array, other: Array, tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind not in "fiub" or other.dtype.kind not in "fiub":
        return bool(np.array_equal(one, other))
    one, other = one.astype(np.float64), other.astype(np.float64)
    largest = float(np.max(np.abs(one[np.isfinite(one)]), initial=0.0))
    return bool(np.allclose(one, other, rtol=0.0, atol=tolerance * largest, equal_nan=True))
