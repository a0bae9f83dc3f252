"""Runs a model and records the smallest and the largest element that each channel of its tensors takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.observed import NamedObserver
from tflir.backends.litert.run import Array, Model, Note, Sample

Extremes = npt.NDArray[np.float32]
"""The smallest and the largest element of each channel, an index of the last dimension: shape `(2, channels)`."""
ChannelRanges = dict[tuple[int, str], Extremes]
"""By the number of the subgraph and the name of the tensor."""


def channel_ranges(
    model: Model,
    tensors: Mapping[int, Sequence[str]],
    samples: Mapping[str, Sequence[Sample]],
    progress: Note | None = None,
) -> ChannelRanges:
    """The extremes over the samples; tensors are given by subgraph, samples by signature.

    Tensors that can't be read, whose names are not unique, or that are not finite on a sample are left out. `progress`
    is called with the samples done and of all samples. Raises `Error` if the model can't be run.
    """
    return isolated(_channel_ranges, model, dict(tensors), dict(samples), progress=progress)


def extremes_of(value: Array) -> Extremes | None:
    """The extremes of the channels of one value; None if it has no elements."""
    if not value.ndim or not value.size:
        return None
    rows = value.reshape(-1, value.shape[-1])
    return np.stack([rows.min(axis=0), rows.max(axis=0)]).astype(np.float32)


def wider(held: Extremes | None, other: Extremes) -> Extremes:
    """The extremes of both; NaN if they do not have the same channels."""
    if held is None:
        return other
    if held.shape != other.shape:
        return np.full((2, 1), np.nan, np.float32)
    return np.stack([np.minimum(held[0], other[0]), np.maximum(held[1], other[1])])


def _channel_ranges(
    model: Model,
    tensors: Mapping[int, Sequence[str]],
    samples: Mapping[str, Sequence[Sample]],
    progress: Note | None = None,
) -> ChannelRanges:
    found: ChannelRanges = {}
    for subgraph, name, value in NamedObserver(model, tensors).run(samples, progress):
        if (extremes := extremes_of(value)) is not None:
            found[subgraph, name] = wider(found.get((subgraph, name)), extremes)
    return {at: extremes for at, extremes in found.items() if np.isfinite(extremes).all()}
