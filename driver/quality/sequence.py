"""Whether weights that are aimed one layer after the other help, on data that is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of, saved
from tflir.data.samples import held_out
from tflir.data.sequential import MOST_SAMPLES, Rounding, aim_in_sequence, as_float
from tflir.ir.errors import Error
from tflir.pass_manager import run_pipeline
from tflir.passes.weights.quantize_weights import QuantizeWeightsPass
from tflir.passes.weights.round_weights import RoundWeightsPass
from tflir.passes.weights.rounding import HELD_OUT
from tflir.quality.auto import LEAST_GAIN, Decision, doubt, helps
from tflir.quality.measure import Reference
from tflir.quality.trial import Measured
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.options import Options

_STEP = "sequential rounding"


def rounding_among(passes: Sequence[ModulePass]) -> tuple[int, list[Rounding]]:
    """The place of the first pass that rounds weights, or the number of passes, and all that do."""
    places = [at for at, each in enumerate(passes) if isinstance(each, QuantizeWeightsPass | RoundWeightsPass)]
    found = [each for each in passes if isinstance(each, QuantizeWeightsPass | RoundWeightsPass)]
    return min(places, default=len(passes)), found


def samples_for(module: ModuleOp, options: Options) -> Samples:
    """The samples of the representative data by which weights are aimed. Raises `Error` if one does not fit."""
    with saved(module) as path:
        return samples_of(str(path), module, options, most=MOST_SAMPLES)


@dataclass(frozen=True)
class Aimed:
    """The module that is to be rounded, and what was found of it."""

    module: ModuleOp
    decision: Decision | None = None
    """None if nothing was compared."""
    remark: str = ""
    """What a user should know; empty if no weights can be aimed."""


def aimed(
    module: ModuleOp, passes: Sequence[Rounding], samples: Samples, *, biases: bool, progress: Note | None = None
) -> Aimed:
    """The module that `passes` are to round: with weights that are aimed if that helps, else as it is.

    `samples` are those of the only signature; one of every four is held out to compare the two. A model that is too
    large, of which the runtime does not run a part, or for which there are too few samples, is left as it is.
    """
    tried = snapshot(module)
    try:
        if not aim_in_sequence(tried, passes, samples, biases=biases, progress=progress):
            return Aimed(module)
    except Error as error:
        return Aimed(module, remark=f"{_STEP} left out: {error.what}")
    held = {key: held_out(part, every := min(HELD_OUT, len(part)), every - 1)[1] for key, part in samples.items()}
    with saved(as_float(snapshot(module))) as path:
        reference = Reference(str(path), held)
    before, after = (_measured(reference, one, passes) for one in (module, tried))
    kept, reason = helps(after, before, LEAST_GAIN), doubt(after, before, LEAST_GAIN)
    decision = Decision(_STEP, "", kept, before.snr, after.snr, reason)
    return Aimed(tried if decision.kept else module, decision, str(decision))


def _measured(reference: Reference, module: ModuleOp, passes: Sequence[Rounding]) -> Measured:
    """The noise of rounded weights alone."""
    rounded = snapshot(module)
    run_pipeline(rounded, passes, verify_each=False)
    with saved(as_float(rounded)) as path:
        return Measured(reference.sums(str(path)))
