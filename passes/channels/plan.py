"""Decides which channels are removed.

A class of channels (see `channel_ids.py`) is kept if some use needs it, such as an output of the function, or if a
layer whose output channel is kept multiplies it by a nonzero weight. A channel that holds a constant is no exception,
unless the layer can add the constant times its weights to its bias. Everything else is removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflir.passes.base import PassReport
from tflir.passes.channels.blocks import Blocks
from tflir.passes.channels.channel_ids import Classes, Ids, Mask
from tflir.passes.channels.trace import Layer, Trace

_ALWAYS = "a value keeps at least one channel"
_ELSEWHERE = "constant here, but not everywhere where they are read"
_BLOCKS = "the weights that read them are zero in blocks, of which they are part"
_BORDER = "not 0, and a layer with a border reads them"


@dataclass(frozen=True)
class Plan:
    """The channels to keep."""

    kept: Mask
    """For each channel id whether it is kept. The elements of kept channels do not change."""

    def stays(self, ids: Ids) -> Mask:
        """A mask over `ids`: those that are kept."""
        return self.kept[ids]


def make_plan(trace: Trace, report: PassReport) -> Plan | None:
    """The plan, or None if no channel can be removed. Declines each layer with a dead channel that is kept, and why."""
    finding = _Finding(trace)
    finding.close()
    for layer in trace.layers:
        for why in finding.refusals(layer):
            report.decline(why, layer.op)
    kept = finding.stays[finding.classes.of]
    return None if kept.all() else Plan(kept)


class _Finding:
    """Finds the classes of channels that must be kept; `stays` grows until `close` has found all."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.classes: Classes = trace.spaces.classes()
        self.stays: Mask = self.classes.why > 0
        self.bordered: Mask = np.zeros_like(self.stays)
        """Classes that hold a constant which a layer could fold into its bias if it had no border of zeros."""
        self._blocks: dict[int, Blocks] = {}

    def close(self) -> None:
        """Adds classes until nothing changes: inputs of kept output channels, the first channel of a value that would
        have none left, and the columns that blocks of weights need.
        """
        self._add_what_is_read()
        while self._add_where_none_stays() or self._add_torn_blocks():
            self._add_what_is_read()

    def _add_what_is_read(self) -> None:
        """Keeps every input channel that a kept output channel reads.

        Layers are visited from the last to the first, so that one round follows a whole chain of layers; rounds are
        repeated until nothing is added.
        """
        grown = True
        while grown:
            grown = False
            for layer in reversed(self.trace.layers):
                read = layer.reads_of(self.stays[self.classes.of[layer.rows]]) & np.isnan(layer.foldable)
                found = self.classes.of[layer.columns[read]]
                self.bordered[self.classes.of[layer.columns[read & ~np.isnan(layer.given)]]] = True
                grown |= not self.stays[found].all()
                self.stays[found] = True

    def _add_where_none_stays(self) -> bool:
        spaces = [*(found.ids for found in self.trace.channels.values()), *(use.ids for use in self.trace.constants)]
        added = False
        for ids in spaces:
            if not self.stays[self.classes.of[ids]].any():
                first = self.classes.of[ids[:1]]
                self.stays[first] = True
                self.classes.keep(first, _ALWAYS)
                added = True
        return added

    def _add_torn_blocks(self) -> bool:
        added = False
        for number, layer in enumerate(self.trace.layers):
            classes = self.classes.of[layer.columns]
            stays = self.stays[classes]
            if stays.all():
                continue
            if number not in self._blocks:
                self._blocks[number] = Blocks(layer)
            torn = classes[self._blocks[number].torn(stays)]
            if torn.size:
                self.stays[torn] = True
                self.classes.keep(torn, _BLOCKS)
                added = True
        return added

    def refusals(self, layer: Layer) -> list[str]:
        """Why constant output channels of a layer, and input channels that it ignores, are kept; each reason once."""
        classes = self.classes
        constant = ~np.isnan(self.trace.channels[layer.op.results[0]].known)
        rows = classes.of[layer.rows[constant]]
        columns = classes.of[layer.columns[~layer.reads_of(np.ones(layer.rows.size, np.bool_))]]
        found: list[str] = [classes.reasons[n] for n in np.unique(classes.why[np.concatenate((rows, columns))]) if n]
        read = rows[(classes.why[rows] == 0) & self.stays[rows]]
        if self.bordered[read].any():
            found.append(_BORDER)
        if not self.bordered[read].all():
            found.append(_ELSEWHERE)
        return found
