"""Runs a model and records the smallest and the largest element that each channel of its tensors takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.observed import NamedObserver
from tflir.backends.litert.run import Array, Model, Note, Sample

Key = TypeVar("Key")
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


def add_extremes(found: dict[Key, Extremes], key: Key, value: Array) -> None:
    """Widens the extremes of the channels at a key by those of a value, which may have no elements."""
    if value.ndim and value.size:
        rows = value.reshape(-1, value.shape[-1])
        extremes = np.stack([rows.min(axis=0), rows.max(axis=0)]).astype(np.float32)
        found[key] = _wider(found[key], extremes) if key in found else extremes


def known(found: dict[Key, Extremes]) -> dict[Key, Extremes]:
    """Those of values that were finite and had the same channels each time."""
    return {key: extremes for key, extremes in found.items() if np.isfinite(extremes).all()}


def _wider(held: Extremes, other: Extremes) -> Extremes:
    """The extremes of both; NaN if they do not have the same channels."""
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
        add_extremes(found, (subgraph, name), value)
    return known(found)
