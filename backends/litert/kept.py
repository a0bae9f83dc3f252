"""A copy of a model that keeps what some of its tensors hold until a run has ended.

The runtime can keep all tensors. It then gives each memory of its own, the scratch space of every kernel too, which may
take many times what the activations take, and has all of it twice while it grows. Outputs of a subgraph are kept as
well, while the rest shares memory as in any run: so the tensors that are asked for become outputs of a copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from tflir.backends.files import temporary_file
from tflir.backends.litert.wiring import Wiring, all_wirings, places_of_outputs
from tflir.ir.errors import Error, said_by_system

_MOST_BYTES = 1 << 31
"""A file has to be smaller: the runtime's offsets are numbers of 32 bits, one of which is a sign."""
_WORD = 4
_COPIED = 1 << 20


@dataclass(frozen=True)
class _Outputs:
    """The outputs that a subgraph gets."""

    place: int
    """Where the file has the offset of the old ones."""
    tensors: tuple[int, ...]
    added: int
    """How many of them are new; they come last."""


@dataclass(frozen=True)
class Kept:
    """A model, and the outputs that its subgraphs get, by their numbers."""

    model: str | bytes
    _size: int
    _outputs: Mapping[int, _Outputs]

    @staticmethod
    def of(model: str | bytes, tensors: Mapping[int, Collection[int]]) -> Kept | None:
        """A copy that keeps these tensors, given by the number of their subgraph, which is that of a signature.

        None where there can't be one: loops and branches count the outputs of what they run, and in a large file there
        is no room. `model` is one that the runtime can load. Raises `Error` if it can't be read.
        """
        entries, wirings = all_wirings(model)
        if any(op.callees for wiring in wirings for op in wiring.operators):
            return None
        places = places_of_outputs(model)
        outputs: dict[int, _Outputs] = {}
        for at in set(entries.values()) & tensors.keys():
            if added := _lacking(wirings[at], tensors[at]):
                if at not in places:
                    return None
                outputs[at] = _Outputs(places[at], (*wirings[at].outputs, *added), len(added))
        size = len(model) if isinstance(model, bytes) else os.path.getsize(model)
        room = sum(_WORD * (len(one.tensors) + 2) for one in outputs.values())
        return Kept(model, size, outputs) if size + room < _MOST_BYTES else None

    def added(self, subgraph: int) -> int:
        """How many outputs a subgraph has more than in the model. They come last."""
        return self._outputs[subgraph].added if subgraph in self._outputs else 0

    @contextlib.contextmanager
    def copy(self) -> Generator[str | bytes]:
        """The copy, a temporary file if the model is a file: the runtime maps it."""
        if not self._outputs:
            yield self.model
        elif isinstance(self.model, bytes):
            made = bytearray(self.model)
            for place, data in self._changes():
                made[place : place + len(data)] = data  # beyond its end, it grows by them
            yield bytes(made)
        else:
            with temporary_file() as (out, path):
                self._write(self.model, out)
                yield str(path)

    def _write(self, model: str, out: BinaryIO) -> None:
        try:
            with open(model, "rb") as source:
                shutil.copyfileobj(source, out, _COPIED)
        except OSError as error:
            raise Error(f"can't be read: {said_by_system(error)}", file=model) from None
        for place, data in self._changes():
            out.seek(place)
            out.write(data)
        out.flush()

    def _changes(self) -> Iterator[tuple[int, bytes]]:
        """What is written where: new vectors at the end of the file, and the offsets that lead to them."""
        end = self._size
        yield end, bytes(-end % _WORD)
        end += -end % _WORD
        for one in self._outputs.values():
            vector = struct.pack(f"<I{len(one.tensors)}i", len(one.tensors), *one.tensors)
            yield end, vector
            yield one.place, struct.pack("<I", end - one.place)
            end += len(vector)


def _lacking(wiring: Wiring, wanted: Collection[int]) -> list[int]:
    """The results of operators that are wanted and no outputs; the runtime keeps inputs and constants as it is."""
    left = (set(wanted) & wiring.makers.keys()) - set(wiring.outputs)
    return sorted(left - wiring.unwritten)
