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


class OutputsCheck:
    """Whether programs give the outputs that one gave, on the same inputs."""

    def __init__(self, module: ModuleOp, tolerance: float | None, data: str | None = None) -> None:
        """Runs `module` on random inputs, or on the first sample of the `.npz` archive `data`.

        Outputs may move by `tolerance` times the largest element of each; with None as far as they like, if their
        shapes stay and they are finite where they were. Raises `Error` where `module` can't be run.
        """
        rng = np.random.default_rng(_SEED)
        entries = Session(module).entries
        known = _archive(data) if data is not None else None
        self._inputs = [
            [_random(port, rng) if known is None else _recorded(port, known, data or "") for port in entry.inputs]
            for entry in entries
        ]
        self._names = [port.name for entry in entries for port in entry.outputs]
        self._tolerance = tolerance
        self._wanted = _outputs(module, self._inputs)
        self.reason = ""
        """Why the last program could not be run."""

    def moved(self, module: ModuleOp) -> str | None:
        """Which output of `module` is another, in words; '' for none, None where the program can't be run."""
        try:
            found = _outputs(module, self._inputs)
        except Error as error:
            self.reason = str(error)
            return None
        if len(found) < len(self._wanted) or (self._tolerance is not None and len(found) > len(self._wanted)):
            return f"makes {len(found)} outputs of {len(self._wanted)}"
        for name, one, other in zip(self._names, self._wanted, found, strict=False):
            if not _near(one, other, self._tolerance):
                return f"moves output '{name}'{_by(one, other)}"
        return ""


def outputs_check(module: ModuleOp, tolerance: float) -> Callable[[ModuleOp], bool | None]:
    """A check that the outputs of every signature are those of `module`.

    They may differ by `tolerance` times the largest element of the output. Where the inputs or outputs of the program
    are quantized and those of `module` are not, numbers are compared. None where the program can't be run.
    """
    held = OutputsCheck(module, tolerance)

    def check(candidate: ModuleOp) -> bool | None:
        moved = held.moved(candidate)
        return None if moved is None else not moved

    return check


def _archive(path: str) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError) as error:
        raise Error(f"can't be read: {error}", file=path, hint="give an .npz archive of inputs", status=2) from None


def _recorded(port: Port, known: dict[str, Array], path: str) -> Array:
    """The first sample of an input: the first along an axis that the input does not have, else with a batch of 1."""
    if port.name not in known:
        hint = f"it holds {', '.join(known) or 'nothing'}"
        raise Error(f"has no array for input '{port.name}'", file=path, hint=hint, status=2)
    shape = shape_of(port.type) or ()
    sample = known[port.name][0]
    if sample.ndim == len(shape) - 1:
        sample = sample[None]
    if sample.ndim != len(shape) or any(want not in (-1, has) for want, has in zip(shape, sample.shape, strict=True)):
        raise Error(f"samples of input '{port.name}' are {sample.shape}, not {shape}", file=path, status=2)
    return sample.astype(dtype_of(port.type)) if sample.dtype.kind == dtype_of(port.type).kind else sample


def _by(one: Array, other: Array) -> str:
    if one.shape != other.shape:
        return f" from shape {one.shape} to {other.shape}"
    if one.dtype.kind not in "fiub" or other.dtype.kind not in "fiub":
        return ""
    with np.errstate(invalid="ignore"):
        difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return f" by {float(np.nanmax(difference, initial=0.0)):.3g}"


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


def _near(one: Array, other: Array, tolerance: float | None) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind not in "fiub" or other.dtype.kind not in "fiub":
        return bool(np.array_equal(one, other))
    one, other = one.astype(np.float64), other.astype(np.float64)
    if tolerance is None:
        return bool(np.isfinite(other[np.isfinite(one)]).all())
    largest = float(np.max(np.abs(one[np.isfinite(one)]), initial=0.0))
    return bool(np.allclose(one, other, rtol=0.0, atol=tolerance * largest, equal_nan=True))
