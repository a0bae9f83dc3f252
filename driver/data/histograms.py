"""Records a histogram of every activation that calibration sees, from runs in which every tensor can be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from xdsl.ir import BlockArgument, OpResult, SSAValue

from tflir.backends.litert.histograms import HistogramRunner, Key, Watched
from tflir.backends.litert.run import Entry, Sample
from tflir.ir.functions import functions
from tflir.ir.histogram import Histogram
from tflir.ir.names import location_of
from tflir.passes.calibration.logged import REORDERS, logged

if TYPE_CHECKING:
    import pathlib

    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp

_NAME = "tflir_value_{}"


class Counts:
    """Counts the elements of the activations of `module`, a copy of a model, which is to be written to a file.

    The results of ops in the copy get names that tell their positions.
    """

    def __init__(self, module: ModuleOp) -> None:
        self._watched: dict[int, list[Watched]] = {}
        self._same: dict[Key, Key] = {}
        """A value that only reorders the elements of another: it has its histogram."""
        for subgraph, function in enumerate(functions(module)):
            self._watched[subgraph] = list(self._of(function))

    def _of(self, function: FuncOp) -> Iterator[Watched]:
        name = function.sym_name.data
        positions: dict[SSAValue, int] = {value: position for position, value in logged(function)}
        for value, position in positions.items():
            if isinstance(value, BlockArgument):
                yield Watched((name, position), input=value.index)
                continue
            assert isinstance(value, OpResult)
            source = positions.get(value.op.operands[0]) if value.op.name in REORDERS else None
            if source is None:
                yield Watched((name, position), _NAME.format(position))
            else:
                self._same[name, position] = name, source
        for op in function.body.block.ops:
            if any(result in positions for result in op.results):
                op.location = location_of([_NAME.format(positions.get(result, "")) for result in op.results])

    def open(self, path: pathlib.Path, num_threads: int | None = None) -> None:
        """Opens the file at `path`, which holds the module. Raises `Error` if the model can't be run."""
        self._runner = HistogramRunner(path, self._watched, num_threads)

    def add(self, entry: Entry, values: Sample) -> None:
        """Runs one sample and counts."""
        self._runner.add(entry, values)

    def take_histograms(self, keys: Collection[Key]) -> dict[Key, Histogram]:
        """The histograms of those of the values `keys`, (function, position), that have one; counting begins anew."""
        found = self._runner.take_histograms()
        for key, source in self._same.items():  # in program order: the source has its own by now
            if source in found:
                found[key] = found[source]
        return {key: found[key] for key in keys if key in found}

    def close(self) -> None:
        """Frees the model's memory."""
        self._runner.close()
