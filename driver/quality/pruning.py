"""What pruning alone costs, where a pipeline also quantizes: the ratio of a model that is only pruned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tflir.passes.sparsity.prune import PrunePass

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.compare import Samples
    from tflir.backends.litert.run import Model
    from tflir.passes.base import PassReport


def is_pruned(reports: list[PassReport]) -> bool:
    """Whether a pass pruned weights, and others changed the model too."""
    pruned = [report.name == PrunePass.name and report.changed for report in reports]
    return any(pruned) and any(report.changed for report in reports if report.name != PrunePass.name)


def pruned_alone(original: Model, read: Callable[[], ModuleOp], pipeline: str, samples: Samples) -> float | None:
    """The lowest signal-to-noise ratio of an output in dB after the pruning of a pipeline alone; None if it has none.

    `read` returns the module of `original`. Raises `Error` if a model can't be run.
    """
    from tflir.backends.litert.compare import RANDOM_SAMPLES, compare_models
    from tflir.backends.litert.isolated import isolated
    from tflir.files import to_bytes
    from tflir.pass_manager import parse_pipeline, run_pipeline

    passes = [one for one in parse_pipeline(pipeline) if isinstance(one, PrunePass)]
    if not passes:
        return None
    module = read()
    run_pipeline(module, passes, verify_each=False)
    outputs = isolated(compare_models, original, to_bytes(module), samples or RANDOM_SAMPLES)
    return min((output.least_db for output in outputs), default=None)
