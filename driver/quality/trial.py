"""Trials: a model is converted with fixed options on one part of the data, and measured on another."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of, saved
from tflir.data.samples import as_dataset, held_out
from tflir.files import to_bytes
from tflir.quality.measure import Float64, Reference, decibels
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

MOST_SAMPLES = 64
"""At most this many samples take part."""
_PARTS = 4
"""Into how many parts samples are split, each of which is held out once."""


@dataclass(frozen=True)
class Measured:
    """Signal and noise over samples that were held out of calibration."""

    sums: dict[tuple[str, str], Float64]
    """Σ y² and Σ (x - y)² of each sample for each signature and output, shape `(samples, 2)`."""
    bytes: int = 0
    """The size of the models together."""

    @property
    def worst(self) -> tuple[str, str]:
        """The signature and output of the lowest ratio."""
        return min(self.sums, key=lambda at: (np.isnan(self._ratio(at)), self._ratio(at)))

    @property
    def snr(self) -> float:
        """The lowest ratio of signal to noise over all samples in dB, as `Reference.snr`."""
        return self._ratio(self.worst)

    def gains_over(self, other: Measured) -> Float64:
        """By how many dB the noise of each sample is below the other's, at the output where the other is worst."""
        mine, its = (part.sums[other.worst][:, 1] for part in (self, other))
        least = max(1e-12 * float(other.sums[other.worst][:, 0].max(initial=0)), np.finfo(np.float64).tiny)
        return 10 * np.log10(np.maximum(its, least) / np.maximum(mine, least))

    def _ratio(self, at: tuple[str, str]) -> float:
        return decibels(*self.sums[at].sum(axis=0))


class Trials:
    """A model and its data in one or more parts, each split into samples to convert with and samples to measure on."""

    def __init__(self, module: ModuleOp, options: Options, progress: Note | None = None, expected: int = 1) -> None:
        """`options` define the data; `progress` is called with the conversions done and those that are expected, if
        there are so many measurements."""
        self._module = module
        self._progress = progress
        self._done = 0
        self._expected = expected
        with saved(module) as path:
            samples = samples_of(str(path), module, options, most=MOST_SAMPLES)
            self._splits = split(samples)
            self._references = [Reference(str(path), held) for _, held in self._splits]
        self.held_out = sum(len(part) for _, held in self._splits for part in held.values())
        """The number of samples that are measured."""

    def measure(self, options: Options) -> Measured:
        """The sums over all samples that are held out, of the model that `options` make of the others."""
        parts: dict[tuple[str, str], list[Float64]] = {}
        size = 0
        for (kept, _), reference in zip(self._splits, self._references, strict=True):
            model = self._converted(options, kept)
            size += len(model)
            for output, sums in reference.sums(model).items():
                parts.setdefault(output, []).append(sums)
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, max(self._done, self._expected * len(self._splits)))
        return Measured({output: np.concatenate(sums) for output, sums in parts.items()}, size)

    def _converted(self, options: Options, samples: Samples) -> bytes:
        from tflir.converter import Converter

        converter = Converter.from_module(lambda: snapshot(self._module)).without_trials()
        converter.use(
            replace(
                options,
                representative_dataset=as_dataset(samples),
                calibration_samples=None,
                input_scale=None,
                input_offset=None,
                input_mean=None,
                input_std=None,
                sequential_rounding="auto",  # trials round each layer on its own
                beside=options.beside - {"sequential_rounding"},
            )
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return to_bytes(converter.module())


Split = tuple[Samples, Samples]
"""Samples by signature to convert with, and those to measure on."""


def split(samples: Samples) -> list[Split]:
    """Every sample is held out once, a quarter of them at a time. Empty with a single one."""
    count = max((len(part) for part in samples.values()), default=0)
    folds = min(_PARTS, count)
    return [_without(samples, folds, place) for place in range(folds)] if folds > 1 else []


def _without(samples: Samples, folds: int, place: int) -> Split:
    """Holds out the samples at `place` of every `folds`; a signature with too few for that keeps all."""
    kept: Samples = {}
    held: Samples = {}
    for key, part in samples.items():
        kept[key], held[key] = held_out(part, folds, place) if len(part) > 1 else (part, [])
    return kept, held
