"""Data in the integers of an input that is quantized, and the real numbers that they stand for.

Models in which an input has other integers, or is float, get the same numbers: samples have the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tflir.backends.litert.run import Array, Port
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.names import name_of
from tflir.ir.types import quantized_element

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_MOST_BYTES = 2
"""Of wider integers float32 holds not all, and no model stores inputs in them."""
_MUCH = 8.0
"""Real numbers so many times larger than an input holds do not suit it."""


@dataclass(frozen=True)
class StoredInput:
    """How an input stores real numbers: (integer - zero point) * scale."""

    tensor: str
    dtype: str
    """numpy's name of its integers."""
    scale: float
    zero_point: int

    @staticmethod
    def of_port(port: Port) -> StoredInput | None:
        """That of an input; None unless it has small integers with one scale."""
        if port.dtype.kind not in "iu" or port.dtype.itemsize > _MOST_BYTES or port.scales.size != 1:
            return None
        return StoredInput(port.tensor, port.dtype.name, float(port.scales[0]), int(port.zero_points[0]))

    @property
    def _integers(self) -> tuple[int, int]:
        """The least and the largest integer that it stores."""
        limits = np.iinfo(self.dtype)
        return int(limits.min), int(limits.max)

    @property
    def _numbers(self) -> tuple[float, float]:
        """The real numbers that these stand for."""
        least, most = self._integers
        return (least - self.zero_point) * self.scale, (most - self.zero_point) * self.scale

    def real(self, data: Array, name: str) -> Array:
        """The numbers that `data` stands for if it has integers, else `data`. Raises `Error`, which names the input, if
        these are none that it can store.
        """
        if data.dtype.kind not in "iu" or not data.size:
            return data
        least, most = self._integers
        if data.min() < least or data.max() > most:
            hint = f"integers are those that it stores; give {self.dtype}, or the real numbers as float32"
            raise Error(f"input '{name}' has values that {self.dtype} can't hold", hint=hint)
        return ((data.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)

    def how_taken(self, data: Array, name: str) -> str:
        """A line that says how `data` is taken, if it has integers of another type than those that are stored."""
        if data.dtype.kind not in "iu" or data.dtype.name == self.dtype:
            return ""
        (least, most), (low, high) = self._integers, self._numbers
        said = f"{data.dtype.name} for input '{name}' is taken as the {self.dtype} that the model stores"
        return f"{said}, {least} to {most} for {low:.4g} to {high:.4g}: real numbers are float32"

    def check(self, data: Array, name: str) -> None:
        """Raises `Error`, which names the input, if real numbers are far larger than those that it can store."""
        if data.dtype.kind != "f" or not data.size:
            return
        low, high = self._numbers
        least, most = float(data.min()), float(data.max())
        if max(-least, most) > _MUCH * max(-low, high):
            what = f"input '{name}' holds {low:.4g} to {high:.4g}, and the data has {least:.4g} to {most:.4g}"
            hint = f"give real numbers in its range, its own integers as {self.dtype}, or --input-scale"
            raise Error(what, hint=hint)


@dataclass(frozen=True)
class StoredInputs:
    """How the inputs of a model store numbers that was made float since."""

    inputs: tuple[StoredInput, ...]

    def of(self, tensor: str) -> StoredInput | None:
        """That of an input by the name of its tensor; None if it was not quantized."""
        return next((one for one in self.inputs if one.tensor == tensor), None)


def stored_inputs(module: ModuleOp) -> tuple[StoredInput, ...]:
    """Those of all inputs that are quantized; of a name that two have otherwise, none."""
    found: dict[str, set[StoredInput]] = {}
    for one in _stored(module):
        found.setdefault(one.tensor, set()).add(one)
    return tuple(one for same in found.values() if len(same) == 1 for one in same)


def _stored(module: ModuleOp) -> Iterator[StoredInput]:
    for function in entry_functions(module):
        for argument in function.body.block.args:
            kind, name = quantized_element(argument), name_of(argument)
            if kind is None or kind.is_per_axis or not name or kind.storage.width.data > 8 * _MOST_BYTES:
                continue
            dtype = f"{'u' if kind.is_unsigned else ''}int{kind.storage.width.data}"
            if dtype in ("int8", "uint8", "int16", "uint16"):
                layout = kind.layout
                yield StoredInput(name, dtype, float(layout.scales), int(layout.zero_points))
