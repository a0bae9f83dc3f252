"""`--optimize-for latency`: a model that the target would run slower than before is made in another mode.

The cost model says how long each form takes, so that the same input gives the same bytes on every machine. Without a
target nothing is chosen by it, but a model that becomes much slower in LiteRT is said to be so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tflir.flags import WITH_LATENCY, Optimize
from tflir.option import ModeName
from tflir.options import Options
from tflir.pipeline import mode_of, pipeline_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.passes.base import PassReport

_LEAST_GAIN = {ModeName.INTEGER: 0.9, ModeName.DYNAMIC_RANGE: 0.97, ModeName.FLOAT16: 1.0}
"""The part of the time before that a mode may take by the estimate, whose error counts against the mode that changes
more ops: a mode that hardly gains may lose in truth."""

_DEFAULT = "xnnpack"
"""What stock LiteRT runs models on."""
_SLOWER = 1.2
"""How many times as long a model must take by the estimate before that is said: estimates above are slower in truth."""
_MANY = 10

_INSTEAD = {ModeName.DYNAMIC_RANGE: "dynamic range"}


@dataclass(frozen=True)
class Chosen:
    """The module that is written, what its passes did, and what is said of its latency."""

    module: ModuleOp
    reports: list[PassReport]
    remark: str


def no_slower(
    module: ModuleOp, options: Options, reports: list[PassReport], read: Callable[[], ModuleOp]
) -> Chosen | None:
    """What to write in place of `module`, which the passes of `options` made of the model that `read` gives.

    It is the module itself unless speed counts and it would be slower than the model was. None where there is nothing
    to say: for a target whose latency is not known, without a target unless the model became slower, or where no mode
    changed the kinds of ops.
    """
    mode = mode_of(options)
    if mode.name == ModeName.PASSES:
        return None
    if options.target is None:
        said = _slower(module, options, read)
        return None if said is None else Chosen(module, reports, said)
    if options.target not in WITH_LATENCY:
        return None
    before, after = _seconds(read(), options), _seconds(module, options)
    kept = Chosen(module, reports, _share(mode.name, options, after / before))
    most = _most(options)
    if options.optimize_for != "latency" or most is None or after <= most * before or not _is_free(options):
        return kept
    for other in _others(options, mode.name):
        made = read()
        done = run_mode(made, other)
        share, limit = _seconds(made, other) / before, _most(other)
        if limit is None or share <= limit:
            said = f"{kept.remark}; instead: {_INSTEAD.get(mode_of(other).name, 'left as it was')}, {share:.2f}"
            return Chosen(made, done, said)
    return kept


def _slower(module: ModuleOp, options: Options, read: Callable[[], ModuleOp]) -> str | None:
    """That LiteRT would take much longer than before, and what to do; None where it would not, or nothing was asked."""
    if options.tf_compat or not (options.quantizes or options.sparsifies):
        return None
    share = _seconds(module, options) / _seconds(read(), options)
    if not _SLOWER <= share < math.inf:
        return None
    advice = "tflir check lists ops that its delegate leaves"
    if _most(options) is not None and _is_free(options) and options.recipe is None:
        advice = "--target xnnpack --optimize-for latency avoids that"
    return f"slower: LiteRT is estimated to take {share:.{0 if share >= _MANY else 1}f} times as long: {advice}"


def _most(options: Options) -> float | None:
    """The part of the time before that the model may take in this mode; None where it is not held to any."""
    name = mode_of(options).name
    return 1.0 if name == ModeName.NONE and options.sparsifies else _LEAST_GAIN.get(name)


def _share(name: str, options: Options, share: float) -> str:
    mode = "" if name == ModeName.NONE else f" ({name})"
    return f"estimated latency on {options.target}: {share:.2f} of what it was{mode}"


def _is_free(options: Options) -> bool:
    """Whether nothing that was asked for needs this very mode."""
    floats = options.inference_input_type == options.inference_output_type == "float32"
    return floats and options.requantize is None and not options.asks_for_passes and not options.has_integers


def _others(options: Options, name: ModeName) -> Iterator[Options]:
    """The options of the modes that may stand in for this one, the smallest model first."""
    goal: dict[str, Any] = {
        "target": options.target,
        "optimize_for": options.optimize_for,
        "sparsity_target": options.sparsity_target,
    }
    ops: dict[str, Any] = {"quantize_only": options.quantize_only, "skip": options.skip}
    if name == ModeName.INTEGER or (name == ModeName.DYNAMIC_RANGE and options.recipe is not None):
        flags = options.optimizations if options.recipe is None else (*options.optimizations, Optimize.DEFAULT)
        yield Options(optimizations=flags, disable_per_channel=options.disable_per_channel, **goal, **ops)
    if options.sparsifies and name != ModeName.NONE:
        yield Options(optimizations=(Optimize.EXPERIMENTAL_SPARSITY,), **goal, **ops)
    yield Options(target=options.target, optimize_for=options.optimize_for)


def run_mode(module: ModuleOp, options: Options) -> list[PassReport]:
    """Runs the passes that options mean on a module; returns what each did."""
    from tflir.pass_manager import parse_pipeline, run_pipeline

    passes = pipeline_of(options)
    return run_pipeline(module, parse_pipeline(passes), verify_each=False) if passes else []


def _seconds(module: ModuleOp, options: Options) -> float:
    from tflir.ir.targets.latency import estimate

    return estimate(module, target=options.target or _DEFAULT).seconds
