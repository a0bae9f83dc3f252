"""Runs a model on samples and gives what its tensors hold, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tflir.backends.litert.run import Array, Model, Runner, Sample
from tflir.backends.litert.wiring import wirings


class Observer:
    """A model in this process, whose tensors can be read after each run: the built-in kernels compute them.

    Raises `Error` if the model can't be run.
    """

    def __init__(self, model: Model) -> None:
        self._runner = Runner(model, delegate=False, keep_all=True)
        self._wired = wirings(model)

    def observed(
        self, tensors: Mapping[str, Sequence[str]], samples: Mapping[str, Sequence[Sample]]
    ) -> Iterator[tuple[str, str, Array]]:
        """The key of the signature, the name of the tensor and its value, for each tensor of each sample in order.

        `tensors` are names by signature. Those that can't be read, or whose names are not unique, are left out.
        """
        runner = self._runner
        for entry in runner.entries:
            wiring = self._wired[entry.key]
            ports, named = runner.tensors(wiring.subgraph), wiring.unique_names()
            wanted = {name: ports[named[name]] for name in tensors.get(entry.key, ()) if named.get(name) in ports}
            for sample in samples.get(entry.key, ()):
                runner.run(entry, sample)
                for name, port in wanted.items():
                    value = runner.tensor(port, wiring.subgraph)
                    if value is not None:
                        yield entry.key, name, value
