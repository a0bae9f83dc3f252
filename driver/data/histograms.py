"""Records histograms of the activations that calibration sees, and the extremes of their channels, from runs in which
every tensor can be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from xdsl.ir import BlockArgument, OpResult, SSAValue

from tflir.backends.litert.histograms import HistogramRunner, Key, Seen, Watched
from tflir.backends.litert.run import Entry, Sample
from tflir.ir.functions import functions
from tflir.ir.names import location_of
from tflir.passes.calibration.logged import REORDERS, logged
from tflir.passes.equalize.equalize_channels import values_to_observe

if TYPE_CHECKING:
    import pathlib

    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp

_NAME = "tflir_value_{}"


class Counts:
    """Counts the elements of the activations of `module`, a copy of a model, which is to be written to a file.

    The results of ops in the copy get names that tell their positions.
    """

    def __init__(self, module: ModuleOp, *, histograms: bool = True, channels: bool = False) -> None:
        """`histograms`: of all activations. `channels`: of those that equalization may scale."""
        self._histograms, self._channels = histograms, channels
        self._watched: dict[int, list[Watched]] = {}
        self._same: dict[Key, Key] = {}
        """A value that only reorders the elements of another: it has its histogram."""
        for subgraph, function in enumerate(functions(module)):
            self._watched[subgraph] = list(self._of(function))

    def _of(self, function: FuncOp) -> Iterator[Watched]:
        name = function.sym_name.data
        positions: dict[SSAValue, int] = {value: position for position, value in logged(function)}
        scaled = set(values_to_observe(function)) if self._channels else set[SSAValue]()
        for value, position in positions.items():
            if isinstance(value, BlockArgument):
                if self._histograms:
                    yield Watched((name, position), input=value.index)
                continue
            assert isinstance(value, OpResult)
            source = positions.get(value.op.operands[0]) if value.op.name in REORDERS else None
            if source is not None and self._histograms:
                self._same[name, position] = name, source
            counted, channels = source is None and self._histograms, value in scaled
            if counted or channels:
                yield Watched((name, position), _NAME.format(position), counted=counted, channels=channels)
        for op in function.body.block.ops:
            if any(result in positions for result in op.results):
                op.location = location_of([_NAME.format(positions.get(result, "")) for result in op.results])

    def open(self, path: pathlib.Path, num_threads: int | None = None) -> None:
        """Opens the file at `path`, which holds the module. Raises `Error` if the model can't be run."""
        self._runner = HistogramRunner(path, self._watched, num_threads)

    def add(self, entry: Entry, values: Sample) -> None:
        """Runs one sample and counts."""
        self._runner.add(entry, values)

    def take(self, keys: Collection[Key]) -> Seen:
        """What was seen of the values `keys`, (function, position); counting begins anew."""
        seen = self._runner.take()
        found = seen.histograms
        for key, source in self._same.items():  # in program order: the source has its own by now
            if source in found:
                found[key] = found[source]
        channels = seen.channels
        return Seen(
            {key: found[key] for key in keys if key in found}, {key: channels[key] for key in keys if key in channels}
        )

    def close(self) -> None:
        """Frees the model's memory."""
        self._runner.close()
