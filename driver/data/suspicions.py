"""What looks wrong in the data of a calibration although it fits the model, in a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tflir.backends.litert.run import Array, Entry
from tflir.ir.entries import entry_functions
from tflir.ir.names import name_of
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, ranges_of
from tflir.ir.tfl.quantization import FakeQuantOp, QuantizeOp
from tflir.ir.types import element_of
from tflir.passes.rewriting.values import is_float

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import SSAValue

_FIRST = 4
"""A quarter of the samples, but at least so many, are the first ones, with which later ones are compared."""
_FAR = 4.0
"""A later sample is far if it exceeds the range of the first ones by more than so many times its width."""
_MUCH = 8.0
"""Data whose largest magnitude is so many times that of the recorded range does not suit the model."""
_PIXELS = 255.0


@dataclass
class _Input:
    """What one float input was given: the smallest and largest element of each sample."""

    name: str
    lows: list[float] = field(default_factory=list[float])
    highs: list[float] = field(default_factory=list[float])
    numbers: list[int] = field(default_factory=list[int])
    """Which samples they are, from 1."""
    whole: bool = True
    """Whether all elements are whole numbers."""

    def add(self, number: int, value: Array) -> None:
        self.lows.append(float(value.min()))
        self.highs.append(float(value.max()))
        self.numbers.append(number)
        self.whole = self.whole and bool((value == np.rint(value)).all())


class Suspicions:
    """Watches samples as they are read."""

    def __init__(self, module: ModuleOp) -> None:
        """`module` is the model that they are for."""
        self._known = input_ranges(module)
        self._inputs: dict[tuple[str, str], _Input] = {}
        self._zeros: list[int] = []
        self._samples = 0
        self._batches = False
        self._taken: dict[str, str] = {}

    def add(
        self, entry: Entry, values: Mapping[str, Array], number: int, taken: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Adds the inputs of sample `number`, counted from 1; `taken` says by input how integers were taken so far."""
        self._samples += 1
        self._taken |= taken
        floats = [port for port in entry.inputs if port.dtype.kind == "f" and values[port.name].size]
        for port in floats:
            value = values[port.name]
            self._inputs.setdefault((entry.key, port.tensor), _Input(port.name)).add(number, value)
            self._batches = self._batches or (bool(port.shape) and port.shape[0] < 0 and len(value) > 1)
        if floats and not any(values[port.name].any() for port in floats):
            self._zeros.append(number)

    def state(self) -> dict[str, Any]:
        """All that was seen, in the form of JSON, for `add_state`."""
        inputs = [[*key, asdict(found)] for key, found in self._inputs.items()]
        return {
            "inputs": inputs,
            "zeros": self._zeros,
            "samples": self._samples,
            "batches": self._batches,
            "taken": self._taken,
        }

    def add_state(self, state: Mapping[str, Any]) -> None:
        """Adds what another one saw of the samples that come next."""
        self._samples += state["samples"]
        self._zeros += state["zeros"]
        self._taken |= state["taken"]
        self._batches = self._batches or state["batches"]
        for key, tensor, seen in state["inputs"]:
            held = self._inputs.setdefault((key, tensor), _Input(seen["name"]))
            held.lows += seen["lows"]
            held.highs += seen["highs"]
            held.numbers += seen["numbers"]
            held.whole = held.whole and seen["whole"]

    def lines(self, *, few: bool = True) -> Iterator[str]:
        """What looks wrong; with `few` also that there is a single sample."""
        yield from self._taken.values()
        if few and self._samples == 1 and not self._batches and self._inputs:
            yield "there is a single sample, of which all ranges are: a hundred is usual"
        if self._zeros:
            yield f"{_samples(self._zeros, self._samples)} all zeros: leave out what is no real input"
        for (_, tensor), found in self._inputs.items():
            known = self._known.get(tensor)
            line = ("" if known is None else _unlike(found, known)) or _far(found)
            if line:
                yield line


def _samples(numbers: list[int], of: int) -> str:
    if len(numbers) == of:
        return f"all {of} samples are" if of > 1 else "the sample is"
    return f"sample {numbers[0]} is" if len(numbers) == 1 else f"{len(numbers)} of {of} samples are"


def _unlike(found: _Input, known: Range) -> str:
    """Why the data of an input does not suit the range that the model holds for it."""
    low, high = min(found.lows), max(found.highs)
    largest = max(abs(known.low), abs(known.high))
    if max(abs(low), abs(high)) <= _MUCH * largest:
        return ""
    pixels = found.whole and low >= 0 and high <= _PIXELS
    hint = "--input-scale and --input-offset, or --input-mean and --input-std, convert " + (
        "images" if pixels else "values"
    )
    said = f"input '{found.name}' takes values from {low:.4g} to {high:.4g}"
    return f"{said}, and the model's own range of it is {known.low:.4g} to {known.high:.4g}: {hint}"


def _far(found: _Input) -> str:
    """Which samples are far outside what the first ones range over."""
    first = max(_FIRST, len(found.lows) // 4)
    low, high = min(found.lows[:first]), max(found.highs[:first])
    most = _FAR * (high - low)
    far = [at for at in range(first, len(found.lows)) if found.highs[at] > high + most or found.lows[at] < low - most]
    if not far or not most:
        return ""
    at = max(far, key=lambda at: max(found.highs[at] - high, low - found.lows[at]))
    reached = found.highs[at] if found.highs[at] - high >= low - found.lows[at] else found.lows[at]
    others = f", {len(far) - 1} others are far from them too" if len(far) > 1 else ""
    said = f"sample {found.numbers[at]} reaches {reached:.4g} at input '{found.name}'"
    return f"{said}, where the first {first} are from {low:.4g} to {high:.4g}{others}: is it a real input?"


def input_ranges(module: ModuleOp) -> dict[str, Range]:
    """The ranges that a model holds for its float inputs, by the names of their tensors: recorded ones, or those of the
    quantization that alone reads them.
    """
    found: dict[str, Range] = {}
    for function in entry_functions(module):
        recorded = ranges_of(function)
        for argument in function.body.block.args:
            known = recorded.get(argument) or _trained(argument)
            if is_float(argument) and known is not None and max(abs(known.low), abs(known.high)) > 0:
                found[name_of(argument) or ""] = known
    return found


def _trained(value: SSAValue) -> Range | None:
    """The range of the quantization, or of the fake quantization, that reads a value."""
    readers = [use.operation for use in value.uses]
    if len(readers) != 1:
        return None
    reader = readers[0]
    if isinstance(reader, FakeQuantOp):
        return Range(float(reader.min.value.data), float(reader.max.value.data))
    kind = element_of(reader.results[0].type) if isinstance(reader, QuantizeOp) else None
    if not isinstance(kind, UniformQuantizedType) or kind.layout.axes:
        return None
    scale, zero_point = float(kind.layout.scales), int(kind.layout.zero_points)
    low, high = (scale * (end - zero_point) for end in kind.range.data)
    return Range(low, high)
