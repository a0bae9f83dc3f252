"""Runs a model on samples and gives what its tensors hold, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tflir.backends.litert.run import Array, Model, Runner, Sample
from tflir.backends.litert.wiring import wirings


def observed(
    model: Model,
    tensors: Mapping[str, Sequence[str]],
    samples: Mapping[str, Sequence[Sample]],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[str, str, Array]]:
    """The key of the signature, the name of the tensor and its value, for each tensor of each sample in order.

    `tensors` are names by signature. Those that can't be read, or whose names are not unique, are left out. The
    built-in kernels run in this process. `progress` is called with the samples done and of all samples. Raises `Error`
    if the model can't be run.
    """
    runner = Runner(model, delegate=False, keep_all=True)
    wired = wirings(model)
    done, total = 0, sum(map(len, samples.values()))
    for entry in runner.entries:
        wiring = wired[entry.key]
        ports, named = runner.tensors(wiring.subgraph), wiring.unique_names()
        wanted = {name: ports[named[name]] for name in tensors.get(entry.key, ()) if named.get(name) in ports}
        for sample in samples.get(entry.key, ()):
            runner.run(entry, sample)
            for name, port in wanted.items():
                value = runner.tensor(port, wiring.subgraph)
                if value is not None:
                    yield entry.key, name, value
            done += 1
            if progress is not None:
                progress(done, total)
