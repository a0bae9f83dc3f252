"""Which channels go: those that need not stay and that no layer reads, where constants are folded into its bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflir.passes.base import PassReport
from tflir.passes.channels.blocks import Blocks
from tflir.passes.channels.spaces import Classes, Ids, Mask
from tflir.passes.channels.trace import Layer, Trace

_ALWAYS = "a value keeps at least one channel"
_ELSEWHERE = "constant here, but not everywhere where they are read"
_BLOCKS = "the weights that read them are zero in blocks, of which they are part"
_BORDER = "not 0, and a layer with a border reads them"


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    kept: Mask
    """For each number whether its channels stay; those that do hold what they held."""

    def stays(self, ids: Ids) -> Mask:
        """Which of these stay."""
        return self.kept[ids]


def make_plan(trace: Trace, report: PassReport) -> Plan | None:
    """The plan; None where every channel stays. Declines where a dead channel stays, and says why."""
    finding = _Finding(trace)
    finding.close()
    for layer in trace.layers:
        for why in finding.refusals(layer):
            report.decline(why, layer.op)
    kept = finding.stays[finding.classes.of]
    return None if kept.all() else Plan(kept)


class _Finding:
    """The classes that stay, as far as they are found."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.classes: Classes = trace.spaces.classes()
        self.stays: Mask = self.classes.why > 0
        self.bordered: Mask = np.zeros_like(self.stays)
        """Those that hold a constant where a layer reads them, which only its border keeps out of its bias."""
        self._blocks: dict[int, Blocks] = {}

    def close(self) -> None:
        """Adds what is read for what stays, one channel where a value would have none, and what blocks hold."""
        self._add_what_is_read()
        while self._add_where_none_stays() or self._add_torn_blocks():
            self._add_what_is_read()

    def _add_what_is_read(self) -> None:
        """Goes back through the layers until nothing is added; the order of the program makes few rounds of it."""
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
        """Why rows that make constants and columns without weights stay, each reason once."""
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
