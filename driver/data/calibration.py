"""Calibration: runs the model in LiteRT on representative data and records the range of every activation."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tflir.backends.files import temporary_file
from tflir.backends.litert.isolated import IsolatedRunner
from tflir.backends.litert.run import Array, Entry, Model, Note, Sample, runtime_name
from tflir.data.dataset import Dataset, Scaling
from tflir.data.histograms import Counts
from tflir.data.recorded import Recorded, Span, channels_of, fingerprint
from tflir.data.stored import StoredInputs
from tflir.data.suspicions import Suspicions
from tflir.files import write_model
from tflir.ir.entries import entry_functions
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.names import SIGNATURES, name_of
from tflir.passes.calibration.insert_range_outputs import EXTRA, HIGH, LOW, Probe, insert_range_outputs
from tflir.passes.calibration.logged import is_state, values_of
from tflir.passes.calibration.lstm import Layer
from tflir.passes.calibration.slots import Slot
from tflir.passes.quantization.masks import masks_among_inputs, may_be_infinite
from tflir.passes.quantization.preserve_quantized import PreserveQuantizedPass
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

_MOST = np.finfo(np.float32).max
_FAR = 4096
"""After this many samples, reading stops even if a signature has no sample yet."""


def calibrate(
    module: ModuleOp,
    dataset: Any,
    *,
    samples: int | None = None,
    shard: tuple[int, int] = (1, 1),
    scaling: Scaling | StoredInputs | None = None,
    tf_compat: bool = False,
    progress: Note | None = None,
    num_threads: int | None = None,
    histograms: bool = False,
    channels: bool = False,
) -> Recorded:
    """The smallest and largest element of every float32 tensor of `module` over `dataset`.

    The runtime computes them: the outputs of a copy of the module are reductions of all tensors. `samples` limits the
    number of samples, `shard` (i, n) selects every n-th of them from the i-th on, `scaling` converts stored values to
    real ones. Variables are reset before each sample; with `tf_compat` they persist, and the default delegate is not
    used, as in TensorFlow's calibrator. With `histograms` or `channels` each sample runs once more, without the default
    delegate: the elements of each tensor are counted by exponent, and the extremes of channels that equalization may
    scale are noted. `progress` is called with the number of samples done and of all samples (0 if not known). Raises
    `Error` if the model can't be run, if a sample does not fit its inputs, or if a tensor has a value that is not
    finite; what looks wrong otherwise is in the result's `warnings`.
    """
    how: dict[str, Any] = {"samples": samples, "shard": shard, "scaling": scaling, "tf_compat": tf_compat}
    how |= {"num_threads": num_threads, "histograms": histograms, "channels": channels}
    with Calibration(module, dataset, **how) as calibration:
        return calibration.recorded(progress=progress)


class Calibration:
    """A model that is ready to run on parts of a dataset; the parameters are those of `calibrate`."""

    def __init__(
        self,
        module: ModuleOp,
        dataset: Any,
        *,
        samples: int | None = None,
        shard: tuple[int, int] = (1, 1),
        scaling: Scaling | StoredInputs | None = None,
        tf_compat: bool = False,
        num_threads: int | None = None,
        histograms: bool = False,
        channels: bool = False,
    ) -> None:
        self._module = module
        self._anew = not tf_compat
        self._histograms, self._channels = histograms, channels
        self._few = samples != 1 and shard[1] == 1
        self._shard = shard
        observed = snapshot(module)
        PreserveQuantizedPass().run(observed)
        self._probes = insert_range_outputs(observed)
        if tf_compat and shard[1] > 1 and keeps_state(module):
            what = (
                "a shard of a model with variables, which TensorFlow lets go on from sample to sample, is no part of a "
                "run"
            )
            raise Error(what, hint="leave out --tf-compat, or --shard", status=USAGE)
        with contextlib.ExitStack() as stack:
            path = stack.enter_context(saved(observed))
            self._counts = stack.enter_context(self._counting(num_threads)) if histograms or channels else None
            runner = IsolatedRunner(path, delegate=not tf_compat, fallback=True, num_threads=num_threads)
            self._runner = stack.enter_context(runner)
            entries, masks = in_file_order(self._runner.entries, module), _masks(module)
            self.data = Dataset(dataset, entries, limit=samples, shard=shard, scaling=scaling, masks=masks)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:  # noqa: PYI036 - what it gets is given on
        self._stack.__exit__(*raised)

    def close(self) -> None:
        """Frees the model's memory and removes its file."""
        self.__exit__(None, None, None)

    def recorded(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        progress: Note | None = None,
        begun: Callable[[int], None] | None = None,
    ) -> Recorded:
        """The ranges over the samples from `start`, counted from 0, up to `stop`, which is not included.

        `progress` is called with the number of runs done and of all samples (0 if not known), `begun` with the number
        of each sample, from 1, before it runs.
        """
        collected = _Collected(self._module, self._probes, anew=self._anew)
        self.suspicions = suspicions = Suspicions(self._module)
        for done, (entry, values) in enumerate(self.data.part(start, stop), 1):
            if begun is not None:
                begun(self.data.number)
            suspicions.add(entry, values, self.data.number, self.data.taken)
            collected.add(entry, self._runner.run(entry, values, anew=self._anew), self.data.number)
            if self._counts is not None:
                self._counts.add(entry, values)
            if progress is not None:
                progress(done, self.data.count or 0)
        warnings = [*suspicions.lines(few=self._few), *self._empty_shard()]
        recorded = replace(collected.recorded(), warnings=tuple(warnings))
        if self._counts is None:
            return recorded
        seen = self._counts.take(recorded.ranges)
        channels = {key: channels_of(extremes) for key, extremes in seen.channels.items()}
        return replace(
            recorded,
            histograms=seen.histograms if self._histograms else None,
            channels=channels if self._channels else None,
        )

    def _empty_shard(self) -> Iterator[str]:
        """A warning if the samples that were read end before the first one of the shard."""
        first, of = self._shard
        if of > 1 and self.data.number < first:
            yield f"shard {first} of {of} has none of the samples: there are only {self.data.number}"

    @contextlib.contextmanager
    def _counting(self, num_threads: int | None) -> Generator[Counts]:
        """Looks at the activations of a copy of the module."""
        copy = snapshot(self._module)
        PreserveQuantizedPass().run(copy)
        counts = Counts(copy, histograms=self._histograms, channels=self._channels)
        with saved(copy) as path:
            counts.open(path, num_threads)
            with contextlib.closing(counts):
                yield counts


def keeps_state(module: ModuleOp) -> bool:
    """Whether a run of the model depends on earlier runs if variables persist, as they do with `tf_compat`."""
    return any(op.name == "tfl.var_handle" or any(is_state(result) for result in op.results) for op in module.walk())


def samples_of(
    model: Model, module: ModuleOp, options: Options, *, most: int, shard: tuple[int, int] = (1, 1)
) -> dict[str, list[Sample]]:
    """The first samples of a dataset for each signature, at most `most`. Raises `Error` if one does not fit.

    `module` is that of the same model; `options` define the dataset, of which `shard` is a part.
    """
    with IsolatedRunner(model, fallback=True) as runner:
        found = runner.entries
    samples: dict[str, list[Sample]] = {entry.key: [] for entry in found}
    entries = in_file_order(found, module)
    limit, scaling = options.calibration_samples, options.reading
    masks = _masks(module)
    data = Dataset(options.representative_dataset, entries, limit=limit, shard=shard, scaling=scaling, masks=masks)
    for number, (entry, values) in enumerate(data):
        if len(samples[entry.key]) < most:
            samples[entry.key].append(values)
        if number >= _FAR or all(len(part) >= most for part in samples.values()):
            break
    return samples


def _masks(module: ModuleOp) -> set[str]:
    """The names of inputs that may be infinite, such as attention masks."""
    return {name for function in entry_functions(module) for name in masks_among_inputs(function)}


def in_file_order(entries: Sequence[Entry], module: ModuleOp) -> list[Entry]:
    """The entries with their inputs in the order of the file, not of their names."""
    held: Any = module.attributes.get(SIGNATURES, ())
    places = {
        runtime_name(record.data["key"].data): {
            runtime_name(pair.data[0].data): pair.data[1].value.data for pair in record.data["inputs"]
        }
        for record in held
    }
    return [
        replace(entry, inputs=tuple(sorted(entry.inputs, key=lambda port: places[entry.key].get(port.name, 0))))
        if entry.key in places
        else entry
        for entry in entries
    ]


@contextlib.contextmanager
def saved(module: ModuleOp) -> Generator[pathlib.Path]:
    """Writes the module to a file, which the runtime maps, so that its constants are in memory only once."""
    with temporary_file() as (out, path):
        write_model(module, out)
        out.flush()
        try:
            yield path
        except Error as error:
            if error.file == str(path):
                error.file = ""  # the temporary file means nothing to the user
            raise


class _Collected:
    """Running extremes of each entry function."""

    def __init__(self, module: ModuleOp, probes: dict[str, Probe], *, anew: bool) -> None:
        self._module = module
        self._anew = anew
        self._probes = probes
        self._functions = {function.sym_name.data: function for function in functions(module)}
        self._by_key = functions_of_signatures(module) or {"": next(iter(probes), "")}
        self._extremes: dict[str, tuple[Array, Array]] = {}
        self._states: dict[tuple[str, int], tuple[float, float]] = {}
        self._layers: dict[tuple[str, int], Layer | None] = {}
        self._masks: dict[str, set[int]] = {}
        self._samples = 0

    def add(self, entry: Entry, outputs: dict[str, Array], number: int) -> None:
        """Adds the outputs of the run of one sample."""
        self._samples += 1
        name = self._by_key[entry.key]
        probe = self._probes[name]
        high, low, *extras = _in_order(entry, outputs)
        self._check(probe, high, low, number)
        high, low = np.clip(high, -_MOST, _MOST), np.clip(low, -_MOST, _MOST)  # values of masks may be infinite
        held = self._extremes.get(name)
        self._extremes[name] = (
            (high.copy(), low.copy()) if held is None else (np.maximum(held[0], high), np.minimum(held[1], low))
        )
        for position, state in zip(probe.states, extras, strict=False):
            least, most = self._states.get((name, position), (0.0, 0.0))  # variables start from zero
            self._states[name, position] = min(least, float(state.min())), max(most, float(state.max()))
        for position, sequence in zip(probe.sequences, extras[len(probe.states) :], strict=True):
            if (name, position) not in self._layers:
                self._layers[name, position] = Layer.at(self._functions[name], position)
            layer = self._layers[name, position]
            if layer is not None:
                layer.add(sequence, anew=self._anew)

    def _check(self, probe: Probe, high: Array, low: Array, number: int) -> None:
        """Raises `Error` for values that are not finite."""
        good = np.isfinite(high) & np.isfinite(low) | (high < low)  # a tensor without elements has none
        flags = np.array([meaning[0].is_nan_flag for meaning in probe.meanings], np.bool_)
        if not flags.size:
            return
        for position in np.flatnonzero(~good | flags):
            slot = probe.meanings[position][0]
            if good[position] and high[position] <= 0:
                continue
            if not flags[position] and not np.isnan([high[position], low[position]]).any() and self._is_mask(slot):
                continue
            values = list(values_of(self._functions[slot.function]))
            name = name_of(values[slot.position]) or f"value {slot.position}"
            raise Error(
                f"sample {number}: the tensor takes values that are NaN or infinite",
                location=f"{slot.function}: {name}",
                hint="leave the sample out, or fix the model",
            )

    def _is_mask(self, slot: Slot) -> bool:
        """Whether the value may be infinite, since every use treats infinity like a large number."""
        if slot.function not in self._masks:
            function = self._functions[slot.function]
            found = may_be_infinite(function)
            self._masks[slot.function] = {at for at, value in enumerate(values_of(function)) if value in found}
        return slot.position in self._masks[slot.function]

    def recorded(self) -> Recorded:
        """All ranges that were recorded."""
        ranges: dict[tuple[str, int], tuple[float, float]] = dict(self._states)
        for name, (high, low) in self._extremes.items():
            for place, meaning in enumerate(self._probes[name].meanings):
                if high[place] < low[place] or meaning[0].is_nan_flag:
                    continue  # a branch that was not taken
                for slot in meaning:
                    key = (slot.function, slot.position)
                    span = float(low[place]), float(high[place])
                    held = ranges.get(key, span)
                    ranges[key] = min(held[0], span[0]), max(held[1], span[1])
        inner: dict[tuple[str, int], list[Span | None]] = {}
        for (name, position), layer in self._layers.items():
            if layer is None:
                continue
            inner[name, position] = layer.intermediates()
            cell, state = layer.cell(), self._position_of_cell(name, layer)
            if self._anew and cell is not None and state is not None:
                held = ranges.get((name, state), cell)
                ranges[name, state] = min(held[0], cell[0]), max(held[1], cell[1])
        return Recorded(fingerprint(self._module), self._samples, ranges, inner)

    def _position_of_cell(self, name: str, layer: Layer) -> int | None:
        """The position of the layer's cell state, of which TensorFlow only sees the value after a sequence."""
        cell = layer.op.operands[19]
        return next((n for n, value in enumerate(values_of(self._functions[name])) if value is cell), None)


def _in_order(entry: Entry, outputs: dict[str, Array]) -> list[Array]:
    """The outputs of a run: the vectors of largest and smallest elements, then the others."""
    if not entry.key:
        return [outputs[port.name] for port in entry.outputs]
    extras = [outputs[f"{EXTRA}_{number}"] for number in range(len(outputs) - 2)]
    return [outputs[HIGH], outputs[LOW], *extras]


def functions_of_signatures(module: ModuleOp) -> dict[str, str]:
    """The function of each signature by the runtime's name for it. Raises `Error` if two have the same such name."""
    held: Any = module.attributes.get(SIGNATURES, ())
    by_name: dict[str, str] = {}
    for record in held:
        key: str = record.data["key"].data
        called = runtime_name(key)
        if called != key and (called in by_name or not called):
            raise Error(f"signature '{key}' has a NUL in its key, where names end", hint="give it another key")
        by_name[called] = record.data["function"].root_reference.data
    return by_name
