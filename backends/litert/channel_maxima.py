"""Runs a model and records the largest magnitude that each channel of its tensors takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.observed import NamedObserver
from tflir.backends.litert.run import Model, Note, Sample

Magnitudes = npt.NDArray[np.float32]
Maxima = dict[tuple[int, str], Magnitudes]
"""By the number of the subgraph and the name of the tensor: one magnitude for each index of its last dimension."""


def channel_maxima(
    model: Model,
    tensors: Mapping[int, Sequence[str]],
    samples: Mapping[str, Sequence[Sample]],
    progress: Note | None = None,
) -> Maxima:
    """The largest magnitudes over the samples; tensors are given by subgraph, samples by signature.

    Tensors that can't be read, whose names are not unique, or that are not finite on a sample are left out. `progress`
    is called with the samples done and of all samples. Raises `Error` if the model can't be run.
    """
    return isolated(_channel_maxima, model, dict(tensors), dict(samples), progress=progress)


def _channel_maxima(
    model: Model,
    tensors: Mapping[int, Sequence[str]],
    samples: Mapping[str, Sequence[Sample]],
    progress: Note | None = None,
) -> Maxima:
    maxima: Maxima = {}
    for subgraph, name, value in NamedObserver(model, tensors).run(samples, progress):
        if not value.ndim or not value.size:
            continue
        largest: Magnitudes = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0).astype(np.float32)
        at = subgraph, name
        if at not in maxima:
            maxima[at] = largest
        elif maxima[at].shape == largest.shape:
            maxima[at] = np.maximum(maxima[at], largest)
        else:
            maxima[at] = np.full(1, np.nan, np.float32)
    return {at: largest for at, largest in maxima.items() if np.isfinite(largest).all()}
