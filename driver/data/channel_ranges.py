"""Records the extremes of channels on the ops that make them, from which scales of channels are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsl.ir import OpResult

from tflir.backends.litert.channel_ranges import channel_ranges
from tflir.backends.litert.run import Note, Sample
from tflir.data.calibration import samples_of, saved
from tflir.ir.constants import elements
from tflir.ir.functions import functions
from tflir.ir.names import CHANNEL_RANGES, name_of
from tflir.passes.equalize.equalize_channels import values_to_observe

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

MOST_SAMPLES = 128
"""At most this many samples are run."""


def record_channel_ranges(
    module: ModuleOp,
    options: Options,
    samples: dict[str, list[Sample]] | None = None,
    *,
    progress: Note | None = None,
) -> bool:
    """Runs the model on `samples`, else on the representative data of `options`, and records the extremes on its ops.

    False if no channel can be scaled; the model is not run then. Raises `Error` if it can't be run, or if a sample does
    not fit its inputs.
    """
    makers = {
        (subgraph, name): value.op
        for subgraph, function in enumerate(functions(module))
        for value in values_to_observe(function)
        if isinstance(value, OpResult) and len(value.op.results) == 1 and (name := name_of(value))
    }
    if not makers:
        return False
    tensors: dict[int, list[str]] = {}
    for subgraph, name in makers:
        tensors.setdefault(subgraph, []).append(name)
    with saved(module) as path:
        if samples is None:
            samples = samples_of(str(path), module, options, most=MOST_SAMPLES)
        found = channel_ranges(str(path), tensors, samples, progress)
    for at, extremes in found.items():
        makers[at].attributes[CHANNEL_RANGES] = elements(extremes)
    return True
