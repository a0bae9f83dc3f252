"""Which tensors a run keeps: those that are asked for, beside the memory that it takes anyway."""

from __future__ import annotations

from pathlib import Path

import models_builder as models
import numpy as np
import pytest

from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.kept import Kept
from tflir.backends.litert.run import Array, Runner
from tflir.backends.litert.wiring import all_wirings

MODELS = {
    "convolutions": models.convolutions,
    "dynamic": models.dynamic,
    "fully connected": models.fully_connected,
    "gather": models.gather,
    "int8": models.int8,
    "loop": models.loop,
    "branch": models.branch,
    "signatures": models.signatures,
    "stateful": models.stateful,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("as_file", [False, True])
def test_tensors_have_the_bits_that_they_have_where_all_are_kept(name: str, as_file: bool, tmp_path: Path) -> None:
    model = MODELS[name]()
    given: str | bytes = model
    if as_file:
        (tmp_path / "model.tflite").write_bytes(model)
        given = str(tmp_path / "model.tflite")
    everything = Runner(given, delegate=False, keep_all=True)
    entries, wirings = all_wirings(given)
    for entry in everything.entries:
        wiring = wirings[entries[entry.key]]
        runner = Runner(given, delegate=False, keep={wiring.subgraph: wiring.activations})
        (same,) = (one for one in runner.entries if one.key == entry.key)
        assert [port.name for port in same.outputs] == [port.name for port in entry.outputs]
        sample = random_sample(entry.inputs, np.random.default_rng(1))
        assert _bits(everything.run(entry, sample)) == _bits(runner.run(same, sample))
        for tensor in wiring.activations:
            wanted, found = (each.stored(tensor, wiring.subgraph) for each in (everything, runner))
            assert wanted is not None
            assert found is not None
            assert wanted.tobytes() == found.tobytes()


def _bits(outputs: dict[str, Array]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in outputs.items()}


def test_a_copy_differs_by_its_outputs_alone() -> None:
    model = models.convolutions()
    _, (wiring,) = all_wirings(model)
    inside = [tensor for tensor in wiring.activations if tensor not in (*wiring.inputs, *wiring.outputs)]
    kept = Kept.of(model, {0: inside})
    assert kept is not None
    assert kept.added(0) == len(inside)
    with kept.copy() as copy:
        assert isinstance(copy, bytes)
        _, (changed,) = all_wirings(copy)
    assert changed.outputs == (*wiring.outputs, *sorted(inside))
    assert (changed.operators, changed.inputs, changed.names) == (wiring.operators, wiring.inputs, wiring.names)


def test_the_copy_of_a_file_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = tmp_path / "model.tflite"
    model.write_bytes(models.convolutions())
    _, (wiring,) = all_wirings(model)
    runner = Runner(model, delegate=False, keep={0: wiring.activations})
    assert [file.name for file in tmp_path.iterdir()] == ["model.tflite"]
    assert runner.run(runner.entries[0], random_sample(runner.entries[0].inputs, np.random.default_rng(1)))


def test_loops_count_the_outputs_of_their_bodies() -> None:
    model = models.loop()
    assert Kept.of(model, {0: all_wirings(model)[1][0].activations}) is None


def test_what_is_kept_already_takes_no_copy() -> None:
    model = models.convolutions()
    _, (wiring,) = all_wirings(model)
    kept = Kept.of(model, {0: (*wiring.inputs, *wiring.outputs)})
    assert kept is not None
    with kept.copy() as copy:
        assert copy is model
