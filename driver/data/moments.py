"""Records what layers read on their ops: means and second moments, from which weights are rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tflir.backends.litert.moments import BLOCK, Moments, Reading, Sums, second_moments
from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of, saved
from tflir.data.samples import held_out
from tflir.ir.constants import elements
from tflir.ir.functions import functions
from tflir.ir.names import HELD_OUT_MEAN, HELD_OUT_MOMENTS, INPUT_MEAN, SECOND_MOMENTS, name_of
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.linear import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp
from tflir.ir.types import shape_of
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.values import is_float
from tflir.passes.weights.rounding import HELD_OUT

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Attribute

    from tflir.options import Options

MOST_SAMPLES = 128
"""At most this many samples are run: sums hardly change after that."""
_MOST_COLUMNS = 8192
"""A layer that reads longer vectors is left out: its second moments would take over half a gigabyte."""


@dataclass(frozen=True)
class Recorded:
    """How many layers have second moments, and how many were left out."""

    layers: int
    without: int


Summing = Callable[["ModuleOp", "list[Reading]", "Options", "Note | None"], tuple[Sums, Sums]]
"""Gives the moments over the data of the options: of the samples that are kept, and of those that are held out."""


def record_moments(
    module: ModuleOp, options: Options, *, progress: Note | None = None, summed: Summing | None = None
) -> Recorded:
    """Records the moments on the ops of layers: those of the files of `options`, else on the representative data.

    `summed` computes them on the data, by default in one process. Raises `Error` if the model can't be run, if a sample
    does not fit its inputs, or if a file is not of this model.
    """
    readers = readers_of(module)
    layers = sum(isinstance(op, Conv2DOp | DepthwiseConv2DOp | FullyConnectedOp) for op in module.walk())
    if not readers:
        return Recorded(0, layers)
    sums, checks = _found(module, list(readers), options, progress, summed)
    spill = Spill()
    done = 0
    for ops in readers.values():
        moments, check = sums.pop(0), checks.pop(0)
        if moments is None:
            continue
        attributes = _means(moments, spill, SECOND_MOMENTS, INPUT_MEAN)
        if check is not None:
            attributes |= _means(check, spill, HELD_OUT_MOMENTS, HELD_OUT_MEAN)
        for op in ops:
            op.attributes.update(attributes)
        done += len(ops)
    return Recorded(done, layers - done)


def _found(
    module: ModuleOp, readings: list[Reading], options: Options, progress: Note | None, summed: Summing | None
) -> tuple[Sums, Sums]:
    if options.moments:
        from tflir.data.moments_file import read_moments

        return read_moments(options.moments, module, readings)
    return (summed or sums_of)(module, readings, options, progress)


def readers_of(module: ModuleOp) -> dict[Reading, list[TflOp]]:
    """What layers read, and the layers that read it, in program order."""
    readers: dict[Reading, list[TflOp]] = {}
    for subgraph, function in enumerate(functions(module)):
        for op in function.body.block.ops:
            if isinstance(op, TflOp) and (reading := _reading(op, subgraph)) is not None:
                readers.setdefault(reading, []).append(op)
    return readers


def sums_of(
    module: ModuleOp,
    readings: list[Reading],
    options: Options,
    progress: Note | None = None,
    *,
    shard: tuple[int, int] = (1, 1),
) -> tuple[Sums, Sums]:
    """The sums over the data of `options`, or over a shard of it, in one process: see `Summing`."""
    with saved(module) as path:
        blocks = blocks_of(samples_of(str(path), module, options, most=MOST_SAMPLES, shard=shard))
        kept, held = ([block[part] for block in blocks] for part in range(2))
        first, second = (second_moments(str(path), readings, part, progress) for part in (kept, held))
        return first, second


def blocks_of(samples: Samples) -> list[tuple[Samples, Samples]]:
    """The samples in blocks by their numbers: those that moments are recorded from, and those that are held out.

    Of one sample nothing is held out.
    """
    count = max((len(part) for part in samples.values()), default=0)
    return [_block(samples, start) for start in range(0, count, BLOCK)]


def _block(samples: Samples, start: int) -> tuple[Samples, Samples]:
    kept: Samples = {}
    held: Samples = {}
    for key, part in samples.items():
        every = min(HELD_OUT, len(part))
        block = part[start : start + BLOCK]
        kept[key], held[key] = held_out(block, every, (every - 1 - start) % every) if every > 1 else (block, [])
    return kept, held


def _means(moments: Moments, spill: Spill, of_products: str, of_total: str) -> dict[str, Attribute]:
    """The attributes of these names that hold the means of x x^T and of x."""
    products = np.divide(moments.products, moments.count, out=moments.products)
    total = (moments.total / moments.count).astype(np.float32)
    return {of_products: spill.constant(products), of_total: elements(total)}


def _reading(op: TflOp, subgraph: int) -> Reading | None:
    """What a layer with constant float weights reads; None for other ops, and where the tensor has no name."""
    if not isinstance(op, Conv2DOp | DepthwiseConv2DOp | FullyConnectedOp):
        return None
    weights = constant_of(op.operands[1])
    name = name_of(op.operands[0])
    if weights is None or not name or not is_float(op.operands[0]):
        return None
    shape = weights.shape
    if isinstance(op, FullyConnectedOp):
        return Reading(subgraph, name, shape[1]) if len(shape) == 2 and shape[1] <= _MOST_COLUMNS else None
    read = shape_of(op.operands[0].type)
    depthwise = isinstance(op, DepthwiseConv2DOp)
    columns = shape[1] * shape[2] * (1 if depthwise else shape[3])
    if not read or len(read) != 4 or columns > _MOST_COLUMNS or (not depthwise and read[3] != shape[3]):
        return None
    return Reading(
        subgraph,
        name,
        columns,
        (shape[1], shape[2]),
        (_whole(op, "stride_h"), _whole(op, "stride_w")),
        (_whole(op, "dilation_h_factor"), _whole(op, "dilation_w_factor")),
        same=op.padding.data == "SAME",
        depthwise=depthwise,
    )


def _whole(op: TflOp, name: str) -> int:
    value: Any = op.properties[name]
    return int(value.value.data)
