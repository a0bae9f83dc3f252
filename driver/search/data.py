"""The data of a search, in three parts: to round weights with, to search with, and to check what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tflir.backends.litert.run import Array, Samples
from tflir.data.calibration import samples_of
from tflir.ir.errors import Error
from tflir.quality.accuracy import MOST_SAMPLES as MOST_CLASSIFIED
from tflir.quality.accuracy import check_labels, labelled_signature, labels_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

_CALIBRATION = 128
_MEASURED = 128
"""At most so many samples are measured for a signal-to-noise ratio, half of them for the search."""
_PARTS = 4
"""Without validation data, of so many samples one is for the search and one for the check."""


@dataclass(frozen=True)
class Part:
    """Samples, and the labels of those of the only signature, if there are any."""

    samples: Samples
    labels: Array | None = None

    @property
    def count(self) -> int:
        return sum(len(part) for part in self.samples.values())

    def first(self, most: int) -> Part:
        """The first samples of each signature."""
        samples = {key: part[:most] for key, part in self.samples.items()}
        return Part(samples, None if self.labels is None else self.labels[:most])


@dataclass(frozen=True)
class Data:
    """The three parts, which have no sample in common."""

    calibration: Part
    search: Part
    check: Part

    @property
    def repeated(self) -> int:
        """How many samples to measure on are equal to one that weights are rounded with."""
        seen = {key: set(map(_digest, part)) for key, part in self.calibration.samples.items()}
        measured = [*self.search.samples.items(), *self.check.samples.items()]
        return sum(_digest(sample) in seen.get(key, ()) for key, part in measured for sample in part)


def data_of(
    model: str | bytes, module: ModuleOp, options: Options, validation: Any, *, accuracy: bool, labelled: bool
) -> Data:
    """The data of a search: `options` have the representative data, and how values are scaled.

    `validation` is another dataset or None. Every second sample of it is for the check; without it, samples of the
    representative data are held out. With `accuracy`, more samples are read. Labels are read if there are any; that
    they don't fit is an error with `labelled` alone. Raises `Error` (status 2) if there are too few samples, also if
    the validation data has a single one, or fewer labels.
    """
    most = MOST_CLASSIFIED if accuracy else _MEASURED
    kept = samples_of(model, module, options, most=_CALIBRATION if validation is not None else _CALIBRATION + most)
    if validation is None:
        whole = _with_labels(kept, options.representative_dataset, strict=labelled)
        if _longest(kept) < 3:
            hint = "give at least 3, or --validation-dataset"
            raise Error("the representative data has too few samples to hold some out", hint=hint, status=2)
        return _in_parts(whole)
    other = replace(options, representative_dataset=validation, calibration_samples=None)
    held = samples_of(model, module, other, most=most)
    whole = _with_labels(held, validation, strict=labelled)
    if _longest(whole.samples) < 2:
        raise Error("the validation data has a single sample", hint="give at least 2", status=2)
    return Data(Part(kept), _every(whole, 2, (0,)), _every(whole, 2, (1,)))


def _with_labels(samples: Samples, source: Any, *, strict: bool) -> Part:
    """The samples of a dataset and its labels, of which there may be more, if it has any.

    Labels that do not fit are an error with `strict`.
    """
    labels = labels_of(source)
    if strict and labels is not None:
        check_labels(labels, len(samples[labelled_signature(samples)]))
    return Part(samples, labels if labels is not None and labels.shape else None)


def _in_parts(whole: Part) -> Data:
    """Of every four samples two to calibrate, one to search and one to check; of three samples one each."""
    if _longest(whole.samples) < _PARTS:
        return Data(_every(whole, 3, (0,)), _every(whole, 3, (1,)), _every(whole, 3, (2,)))
    return Data(_every(whole, _PARTS, (0, 2)), _every(whole, _PARTS, (1,)), _every(whole, _PARTS, (3,)))


def _every(whole: Part, period: int, places: tuple[int, ...]) -> Part:
    """The samples at some places of every `period`."""
    samples = {
        key: [sample for at, sample in enumerate(part) if at % period in places] for key, part in whole.samples.items()
    }
    if whole.labels is None:
        return Part(samples)
    count = min(len(whole.labels), _longest(whole.samples))
    return Part(samples, whole.labels[[at for at in range(count) if at % period in places]])


def _digest(sample: Mapping[str, Array]) -> bytes:
    """A hash of the values of a sample."""
    made = hashlib.blake2b(digest_size=16)
    for name in sorted(sample):
        made.update(f"{name} {sample[name].shape} {sample[name].dtype} ".encode())
        made.update(np.ascontiguousarray(sample[name]).tobytes())
    return made.digest()


def _longest(samples: Samples) -> int:
    return max((len(part) for part in samples.values()), default=0)
