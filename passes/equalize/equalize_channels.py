"""`tfl-equalize-channels`: scales channels so that those of one tensor have similar ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, elements, load_numpy
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.spilled import Spill
from tflir.ir.statistics import Range, ranges_of, set_ranges
from tflir.passes.base import PassReport, TflPass
from tflir.passes.channels.channel_ids import Classes, Float32, TooManyChannels
from tflir.passes.channels.constants import set_constant
from tflir.passes.channels.rules import trace_function
from tflir.passes.channels.trace import ConstantUse, Trace, constant_array
from tflir.passes.equalize.moments import scale_moments
from tflir.passes.equalize.rules import Layers, Weighted
from tflir.passes.equalize.scales import Float64, scales_of


@dataclass(frozen=True)
class EqualizeChannelsPass(TflPass):
    """
    Divides what makes a channel by a scale and multiplies what reads it by the same, so that the channels of a tensor,
    which has one scale after quantization, take more similar parts of its range. The model computes the same.

    ```mlir
    %c = "tfl.fully_connected"(%x, %w, %b) …  // %w = dense<[[8.0], [0.5]]>, %b = dense<[4.0, 1.0]>
    %y = "tfl.fully_connected"(%c, %v, %n) …  // %v = dense<[[1.0, 1.0]]>
    ```
    becomes, if the largest magnitudes of the channels of %c are 16 and 1,
    ```mlir
    %c = "tfl.fully_connected"(%x, %w, %b) …  // %w = dense<[[2.0], [0.5]]>, %b = dense<[1.0, 1.0]>
    %y = "tfl.fully_connected"(%c, %v, %n) …  // %v = dense<[[4.0, 1.0]]>
    ```
    With a the largest magnitude and r the largest share of the channel's weights in a row that reads it, the scale is
    a^alpha / r^(1-alpha); it is a where only depthwise convolutions read the channel. Calibration records extremes in
    `tfl.channel_ranges`, which is removed here; without it, the largest weights that make the channels stand for a.
    Between the layers there may be ops for which f(x / s) = f(x) / s: RELU, PRELU, ADD, pooling, CONCATENATION and so
    on. Channels that reach other ops, or arguments and results of functions, keep their values. Constants that change
    become float32 if they were float16. Recorded ranges of values that change follow from the extremes of their
    channels, and are removed where these are not known; recorded moments are those of the scaled values.
    """

    name = "tfl-equalize-channels"
    changes = "rounding"
    per_function = True

    alpha: float = 0.5
    """From 0 (weights alone decide) to 1 (activations alone)."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise Error(f"pass {self.name}: alpha is a number from 0 to 1, not {self.alpha:g}", status=USAGE)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            self._equalize(function, report)
        for op in module.walk():
            op.attributes.pop(names.CHANNEL_RANGES, None)

    def _equalize(self, function: FuncOp, report: PassReport) -> None:
        layers = Layers()
        try:
            trace = trace_function(function, layers.rules)
        except TooManyChannels:
            report.decline("its values have far more channels than its constants", function)
            return
        extremes = _extremes(function)
        maxima = {value: np.abs(both).max(axis=0) for value, both in extremes.items()}
        scales, classes = scales_of(trace, layers.found, maxima, self.alpha)
        for layer in layers.found:
            _decline(layer, classes, report)
        if (scales == 1).all():
            return
        of_ids = scales[classes.of]
        ranges: dict[SSAValue, Range | None] = {}
        for value, held in ranges_of(function).items():
            if _changes(trace, value, of_ids):
                ranges[value] = _scaled(held, extremes.get(value), of_ids[trace.channels[value].ids])
        set_ranges(function, ranges)
        spill = Spill()
        for layer in layers.found:
            _scale_weights(layer, of_ids, report)
            scale_moments(layer, of_ids[layer.columns], spill)
        for use in trace.constants:
            _scale_constant(use, of_ids, report)


def _changes(trace: Trace, value: SSAValue, scales: Float64) -> bool:
    return value in trace.channels and bool((scales[trace.channels[value].ids] != 1).any())


def values_to_observe(function: FuncOp) -> list[SSAValue]:
    """The values of a function that have channels which can be scaled: their largest magnitudes decide the scales."""
    layers = Layers()
    try:
        trace = trace_function(function, layers.rules)
    except TooManyChannels:
        return []
    classes = trace.spaces.classes()
    free = np.zeros(classes.of.size, np.bool_)
    for layer in layers.found:
        free[classes.of[layer.columns]] = True
    free &= classes.why == 0
    return [value for value, found in trace.channels.items() if free[classes.of[found.ids]].any()]


def _extremes(function: FuncOp) -> dict[SSAValue, Float32]:
    """The smallest and the largest element of each channel, shape `(2, channels)`, of values where it is recorded."""
    found: dict[SSAValue, Float32] = {}
    for op in function.body.block.ops:
        held = op.attributes.get(names.CHANNEL_RANGES)
        if isinstance(held, ArrayElementsAttr) and len(op.results) == 1:
            found[op.results[0]] = as_numpy(held).astype(np.float32).reshape(2, -1)
    return found


def _scaled(held: Range, extremes: Float32 | None, scales: Float64) -> Range | None:
    """The range after each channel was divided by its scale: as much of what the value takes as before, which is less
    where a method clips. None if the extremes of the channels are not known.
    """
    if extremes is None or extremes.shape[1] != scales.size or not extremes.size:
        return None
    ends = zip((held.low, held.high), _ends(extremes), _ends(extremes / scales), strict=True)
    low, high = (after * (recorded / before if before else 1.0) for recorded, before, after in ends)
    return Range(low, high)


def _ends(extremes: npt.NDArray[Any]) -> tuple[float, float]:
    return float(extremes[0].min()), float(extremes[1].max())


def _decline(layer: Weighted, classes: Classes, report: PassReport) -> None:
    numbers: list[int] = np.unique(classes.why[classes.of[layer.rows]]).tolist()
    for number in numbers:
        if number:
            report.decline(classes.reasons[number], layer.op)


def _scale_weights(layer: Weighted, scales: Float64, report: PassReport) -> None:
    multiplied, divided = scales[layer.columns], scales[layer.rows]
    if (multiplied == 1).all() and (divided == 1).all():
        return
    array = load_numpy(layer.weights.source.value).astype(np.float64)
    along_rows = divided if layer.depthwise else divided.reshape(-1, *[1] * (array.ndim - 1))
    set_constant(layer.op, 1, elements((array * multiplied / along_rows).astype(np.float32)))
    report.count("channels scaled", int(np.count_nonzero(divided != 1)))


def _scale_constant(use: ConstantUse, scales: Float64, report: PassReport) -> None:
    divided = scales[use.ids]
    if (divided == 1).all():
        return
    array = constant_array(use.op.operands[use.index])
    assert array is not None
    if not array.any():
        return
    set_constant(use.op, use.index, elements((array.astype(np.float64) / divided).astype(np.float32)))
    report.count("constants scaled")
