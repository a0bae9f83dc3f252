"""Runs a model on samples and gives what its tensors hold, those of branches and loops included.

Of the body of a loop the runtime keeps the last iteration only. So the loop runs once more, in a second instance of the
runtime: its condition and its body are called one after the other, from the values that the loop started with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from tflir.backends.litert.run import Array, Entry, Model, Port, Runner, Sample
from tflir.backends.litert.wiring import Operator, Wiring, all_wirings
from tflir.ir.errors import Error

_MOST_ITERATIONS = 10_000
"""After this many, a loop is left: variables may be what ends it, and these do not change here as they do there."""


class Observer:
    """A model in this process, run by the built-in kernels, and the tensors that are to be read, after `watch`.

    For models that the runtime can load. Raises `Error` if the file can't be read.
    """

    def __init__(self, model: Model, *, num_threads: int | None = None) -> None:
        self._model, self._num_threads = model, num_threads
        self._again: Runner | None = None
        self._of_key, self.wirings = all_wirings(model)
        """The wirings of all subgraphs, by their numbers."""
        self._ports: dict[int, dict[int, Port]] = {}
        self._leads = {at: self._reach(at) for at in range(len(self.wirings))}

    def watch(self, wanted: Mapping[int, Collection[int]]) -> None:
        """Loads the model and says which tensors are to be read: their indices by the number of their subgraph.

        Raises `Error` if the model can't be loaded.
        """
        self._runner = Runner(self._model, delegate=False, keep=wanted, num_threads=self._num_threads)
        for subgraph, tensors in wanted.items():
            ports, unwritten = self._runner.tensors(subgraph), self.wirings[subgraph].unwritten
            self._ports[subgraph] = {at: ports[at] for at in tensors if at in ports and at not in unwritten}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entry points of the model."""
        return self._runner.entries

    def run(self, entry: Entry, sample: Sample) -> Iterator[tuple[int, int, Array]]:
        """Runs a sample, after variables were reset; the subgraph and index of each wanted tensor with its value.

        A tensor of a loop comes once for each iteration, of a branch that is not taken never. Raises `Error` if the
        model can't be run.
        """
        self._runner.run(entry, sample)
        yield from self._read(self._runner, self.wirings[self._of_key[entry.key]])

    def _reach(self, subgraph: int) -> set[int]:
        """The subgraphs that may run when this one does, itself included."""
        found: set[int] = set()
        left = [subgraph]
        while left:
            at = left.pop()
            if at not in found:
                found.add(at)
                left += [callee for op in self.wirings[at].operators for callee in op.callees]
        return found

    def _read(self, runner: Runner, wiring: Wiring) -> Iterator[tuple[int, int, Array]]:
        """What a subgraph holds after it ran in `runner`, and then what it runs itself."""
        for tensor, port in self._ports.get(wiring.subgraph, {}).items():
            value = runner.tensor(port, wiring.subgraph)
            if value is not None:
                yield wiring.subgraph, tensor, value
        calls: list[tuple[Operator, list[Array]]] = []
        for op in wiring.operators:
            if any(self._ports.get(at) for callee in op.callees for at in self._leads[callee]):
                values = [runner.stored(tensor, wiring.subgraph) for tensor in op.inputs]
                known = [value for value in values if value is not None]
                if len(known) == len(values):
                    calls.append((op, known))
        for op, values in calls:  # all were read before: calls change what an instance holds
            if op.kind == "WHILE":
                yield from self._loop(op, values)
            elif values[0].size == 1:
                yield from self._called(op.callees[0 if values[0].item() else 1], values[1:])

    def _loop(self, op: Operator, values: list[Array]) -> Iterator[tuple[int, int, Array]]:
        condition, body = op.callees
        for _ in range(_MOST_ITERATIONS):
            goes_on: list[Array] = []
            yield from self._called(condition, values, goes_on)
            if not (goes_on and goes_on[0].size == 1 and goes_on[0].item()):
                return
            made: list[Array] = []
            yield from self._called(body, values, made)
            if len(made) != len(values):
                return
            values = made

    def _called(
        self, subgraph: int, values: list[Array], outputs: list[Array] | None = None
    ) -> Iterator[tuple[int, int, Array]]:
        """Calls a subgraph, adds its outputs to `outputs`, and gives what it holds; nothing if it can't be called."""
        if self._again is None:
            self._again = Runner(self._model, delegate=False, keep_all=True, num_threads=self._num_threads)
        wiring = self.wirings[subgraph]
        try:
            made = self._again.call(wiring, values)
        except Error:
            return
        if outputs is not None:
            outputs += made
        yield from self._read(self._again, wiring)


class NamedObserver:
    """An `Observer` of tensors by their names, which are given by subgraph.

    Those that can't be read, or whose names are not unique, are left out. Raises `Error` if the model can't be loaded.
    """

    def __init__(self, model: Model, tensors: Mapping[int, Sequence[str]]) -> None:
        self._observer = Observer(model)
        self._names: dict[int, dict[int, str]] = {}
        for subgraph, wanted in tensors.items():
            unique = self._observer.wirings[subgraph].unique_names()
            self._names[subgraph] = {unique[name]: name for name in wanted if name in unique}
        self._observer.watch(self._names)

    def run(
        self, samples: Mapping[str, Sequence[Sample]], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[int, str, Array]]:
        """The number of the subgraph, the name of the tensor and its value, for each tensor of each sample in order.

        `samples` are by signature. Tensors of loops come once for each iteration. `progress` is called with the samples
        done and of all samples. Raises `Error` if the model can't be run.
        """
        done, total = 0, sum(map(len, samples.values()))
        for entry in self._observer.entries:
            for sample in samples.get(entry.key, ()):
                for subgraph, tensor, value in self._observer.run(entry, sample):
                    yield subgraph, self._names[subgraph][tensor], value
                done += 1
                if progress is not None:
                    progress(done, total)
