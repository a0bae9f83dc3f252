"""Compares the outputs of two programs on the same inputs in the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tflir.backends.interpreter.kernel import dtype_of
from tflir.backends.interpreter.session import Port, Session
from tflir.backends.litert.compare import SEED, random_sample
from tflir.backends.litert.run import Port as Described
from tflir.data.npz import Archive
from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import element_of, shape_of
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

Array = npt.NDArray[Any]
Inputs = Sequence[Sequence[Array]]
"""Real numbers for the inputs of each signature, in order."""
Outputs = Mapping[tuple[str, str], Array]
"""Real numbers by the key of the signature and the name of the output, in order."""


def random_inputs(module: ModuleOp) -> Inputs:
    """Random numbers with a fixed seed. Raises `Error` for string inputs."""
    rng = np.random.default_rng(SEED)
    samples: list[list[Array]] = []
    for entry in Session(module).entries:
        ports = [_described(port) for port in entry.inputs]
        values = random_sample(ports, rng)
        samples.append([port.decode(values[port.name]) for port in ports])
    return samples


def recorded_inputs(module: ModuleOp, path: str) -> Inputs:
    """The first sample of an `.npz` archive. Raises `Error` if it has no value that fits an input."""
    archive = Archive(path)
    return [[_first(archive, port) for port in entry.inputs] for entry in Session(module).entries]


def _first(archive: Archive, port: Port) -> Array:
    """The first sample of an input; a missing batch dimension of 1 is added."""
    file = str(archive.path)
    if port.name not in archive.names:
        hint = f"it holds {', '.join(archive.names)}"
        raise Error(f"has no array for input '{port.name}'", file=file, hint=hint, status=USAGE)
    sample = next((values[port.name] for values in archive.samples([port.name])), None)
    if sample is None:
        raise Error(f"array '{port.name}' has no samples", file=file, hint="give at least one", status=USAGE)
    shape = shape_of(port.type) or ()
    if sample.ndim == len(shape) - 1:
        sample = sample[None]
    if sample.ndim != len(shape) or any(want not in (-1, has) for want, has in zip(shape, sample.shape, strict=True)):
        raise Error(f"samples of input '{port.name}' are {sample.shape}, not {shape}", file=file, status=USAGE)
    return sample


def outputs_of(module: ModuleOp, inputs: Inputs) -> Outputs:
    """The outputs of every signature, as real numbers: quantized inputs are quantized, quantized outputs dequantized.

    Raises `Error` if the program can't be run.
    """
    session = Session(module)
    outputs_found: dict[tuple[str, str], Array] = {}
    for entry, values in zip(session.entries, inputs, strict=True):
        encoded = [_described(port).encode(value) for value, port in zip(values, entry.inputs, strict=True)]
        outputs = session.run(encoded, entry.key)
        outputs_found |= {(entry.key, port.name): _described(port).decode(outputs[port.name]) for port in entry.outputs}
    return outputs_found


def moved(wanted: Outputs, found: Outputs, tolerance: float | None) -> str:
    """Which output differs, in words; '' if none does.

    An output may differ by `tolerance` times its largest element. With None, values may differ arbitrarily if the shape
    is the same and finite elements are finite, and the program may have additional outputs.
    """
    if len(found) < len(wanted) or (tolerance is not None and len(found) > len(wanted)):
        return f"makes {len(found)} outputs of {len(wanted)}"
    for ((_, name), before), after in zip(wanted.items(), found.values(), strict=False):
        if not _near(before, after, tolerance):
            return f"moves output '{name}'{_by(before, after)}"
    return ""


def outputs_check(module: ModuleOp, tolerance: float) -> Callable[[ModuleOp], bool | None]:
    """A check that the outputs of every signature are those of `module` on random inputs, within `tolerance`.

    It returns None for a program that can't be run.
    """
    inputs = random_inputs(module)
    expected = outputs_of(module, inputs)

    def check(candidate: ModuleOp) -> bool | None:
        try:
            return not moved(expected, outputs_of(candidate, inputs), tolerance)
        except Error:
            return None

    return check


def _described(port: Port) -> Described:
    """An input or output in the form of LiteRT's description, which encodes and decodes real numbers."""
    element = element_of(port.type)
    none = np.zeros(0)
    scales, points, axis = none, none, 0
    if isinstance(element, UniformQuantizedType) and not element.layout.blocks:
        layout = element.layout
        scales, points = layout.scales.reshape(-1), layout.zero_points.reshape(-1)
        axis = layout.axes[0] if layout.axes else 0
    shape = shape_of(port.type) or ()
    return Described(port.name, port.tensor, port.position, shape, dtype_of(port.type), scales, points, axis)


def _by(before: Array, after: Array) -> str:
    if before.shape != after.shape:
        return f" from shape {before.shape} to {after.shape}"
    if before.dtype.kind not in "fiub" or after.dtype.kind not in "fiub":
        return ""
    with np.errstate(invalid="ignore"):
        difference = np.abs(before.astype(np.float64) - after.astype(np.float64))
    return f" by {float(np.nanmax(difference, initial=0.0)):.3g}"


def _near(before: Array, after: Array, tolerance: float | None) -> bool:
    if before.shape != after.shape:
        return False
    if before.dtype.kind not in "fiub" or after.dtype.kind not in "fiub":
        return bool(np.array_equal(before, after))
    before, after = before.astype(np.float64), after.astype(np.float64)
    if tolerance is None:
        return bool(np.isfinite(after[np.isfinite(before)]).all())
    largest = float(np.max(np.abs(before[np.isfinite(before)]), initial=0.0))
    return bool(np.allclose(before, after, rtol=0.0, atol=tolerance * largest, equal_nan=True))
