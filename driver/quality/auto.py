"""The option value `auto`: a step is kept if it helps on data that is held out, else left out.

Steps are tried one after the other, each on top of what was kept. Where data is scarce, every sample is held out once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tflir.backends.litert.run import Note
from tflir.flags import AUTO, RANGE_METHODS
from tflir.ir.functions import functions
from tflir.option import ModeName
from tflir.passes.equalize.equalize_channels import values_to_observe
from tflir.passes.quantization.float_regions import NO_REGION, regions_of
from tflir.pipeline import mode_of
from tflir.quality.trial import Measured, Trials

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

_EQUALIZATION = "equalization"
_REGIONS = "float regions"
_RANGES = "ranges"
_DEFAULT_RANGES = "minmax"
_WIDER_RANGES = "margin"
_FEW = 8
"""Of fewer samples, the next ones are likely to leave the ranges, and those held out hardly show how much is clipped:
wider ranges are taken unless they lose."""
LEAST_GAIN = 0.5
"""What a step must gain at least, in dB."""
_MOST_LOSS = 0.1
"""What GPTQ, which was asked for, and wider ranges for few samples may lose at most, in dB."""
_SPREAD = 1.0
"""The spread of the gains of single samples in dB that is taken for granted before any is seen."""
_DEVIATIONS = 2.0
"""By how many standard errors the mean gain of single samples must lie above 0."""
_INTEGER = (ModeName.INTEGER, ModeName.INTEGER_ONLY)
_MOST_GROWTH = 1.05
"""How many times as many bytes regions in float may take."""


@dataclass(frozen=True)
class Decision:
    """One step that was tried on data that is held out."""

    step: str
    choice: str
    """What was tried of it; '' if it has one form."""
    kept: bool
    before: float
    """The ratio in dB without it."""
    after: float
    reason: str = ""
    """Why it was left out, though it gained enough."""

    def __str__(self) -> str:
        name = " ".join(word for word in (self.step, self.choice, "kept" if self.kept else "left out") if word)
        reason = f", {self.reason}" if self.reason else ""
        return f"{name}: {self.before:.1f} dB -> {self.after:.1f} dB on held-out data{reason}"


@dataclass(frozen=True)
class Decided:
    """Options without what was left open, and a line for each decision."""

    options: Options
    remarks: list[str]
    decisions: list[Decision] = field(default_factory=list[Decision])
    """What was measured; the remarks say the same, and why steps were not tried."""


@dataclass(frozen=True)
class Step:
    """Something to decide: changes of options of which one is kept if it gains enough, else none."""

    name: str
    without: dict[str, Any]
    """The options without it."""
    changes: dict[str, dict[str, Any]]
    """The options with it, by the name of the choice ('' if there is one)."""
    least_gain: float = LEAST_GAIN
    most_growth: float = math.inf
    """How many times as many bytes it may take."""


def is_open(options: Options) -> bool:
    """Whether options leave something to be decided by measuring."""
    return bool(steps_of(options)) or options.float_regions == AUTO


def steps_of(options: Options) -> list[Step]:
    """What options leave open, in the order in which it is decided.

    Channels come before ranges: what is gained by ranges depends on how even the channels are.
    """
    integer = mode_of(options).name in _INTEGER
    steps: list[Step] = []
    if options.equalize == AUTO:
        steps.append(Step(_EQUALIZATION, {"equalize": "off"}, {"": {"equalize": "on"}}))
    if options.calibration_method == AUTO:
        changes = {name: {"calibration_method": name} for name in RANGE_METHODS if name != _DEFAULT_RANGES}
        steps.append(Step(_RANGES, {"calibration_method": _DEFAULT_RANGES}, changes))
    measured = options.representative_dataset is not None  # with moments alone, layers decide for themselves
    bias = integer and measured and options.bias_correction == AUTO
    if integer and options.weight_algorithm == "gptq" and (steps or bias):
        change = {"": {"weight_algorithm": "gptq"}}
        steps.append(Step("GPTQ", {"weight_algorithm": "minmax"}, change, -_MOST_LOSS))
    if bias:
        steps.append(Step("bias correction", {"bias_correction": "off"}, {"": {"bias_correction": "auto"}}))
    return steps


def _region_steps(module: ModuleOp, options: Options) -> list[Step]:
    """A step for each kind of regions that could compute in float, each in addition to those kept before."""
    if options.float_regions != AUTO:
        return []
    return [
        Step(
            _REGIONS,
            {"float_regions": "off", "region_ends": ()},
            {str(regions): {"float_regions": "on", "region_ends": regions.ends}},
            most_growth=_MOST_GROWTH,
        )
        for regions in regions_of(module)
    ]


def _applied(options: Options, change: dict[str, Any]) -> Options:
    """The options with a change; regions are added to those that there are."""
    ends = change.get("region_ends", ())
    more = tuple(name for name in ends if name not in options.region_ends)
    return replace(options, **change | ({"region_ends": (*options.region_ends, *more)} if ends else {}))


def decide(module: ModuleOp, options: Options, *, progress: Note | None = None) -> Decided:
    """Decides by trials on the representative data of `options` what is left open.

    What was left out is tried once more at the end if a later step was kept. `module` is the float model, which stays
    as it is. `progress` is called with the conversions done and the most that there can be. Raises `Error` if the
    model can't be converted or run.
    """
    regions = _region_steps(module, options)
    steps = [*steps_of(options), *regions]
    state = replace(options, **{name: value for step in steps for name, value in step.without.items()})
    remarks: list[str] = []
    if options.float_regions == AUTO and not regions:
        state = replace(state, float_regions="off")
        remarks.append(f"{_REGIONS} left out: {NO_REGION}")
    if options.equalize == AUTO and not any(values_to_observe(function) for function in functions(module)):
        steps = steps[1:]
        remarks.append(f"{_EQUALIZATION} left out: no channel can be scaled")
    if not steps:
        return Decided(state, remarks)
    trials = Trials(module, options, progress, sum(len(step.changes) + 1 for step in steps))
    if not trials.held_out:
        return _undecided(state, steps, remarks)
    if options.calibration_method == AUTO and trials.held_out < _FEW:
        wider = {_WIDER_RANGES: {"calibration_method": _WIDER_RANGES}}
        at = next(place for place, step in enumerate(steps) if step.name == _RANGES)
        steps.insert(at, Step(_RANGES, {}, wider, -_MOST_LOSS))
    base = trials.measure(state)
    decisions: list[Decision] = []
    again: list[Step] = []
    kept_since = False
    for step in steps:
        state, base, best = _tried(trials, step, state, base, decisions)
        if best is not None:
            again.append(best)
        elif again:
            kept_since = True
    for step in again if kept_since else []:
        state, base, _ = _tried(trials, step, state, base, decisions)
    if not state.uses_gptq:
        # Without GPTQ it would do nothing, and be refused.
        state = replace(state, sequential_rounding="auto", beside=state.beside - {"sequential_rounding"})
    return Decided(state, [*remarks, *map(str, decisions)], decisions)


def _tried(
    trials: Trials, step: Step, state: Options, base: Measured, decisions: list[Decision]
) -> tuple[Options, Measured, Step | None]:
    """The options and the measure after a step; and if it was left out, the step with the choices that gained."""
    new = {name: change for name, change in step.changes.items() if not _has(state, change)}
    if not new:
        return state, base, None
    found = {name: trials.measure(_applied(state, change)) for name, change in new.items()}
    gaining = [name for name in found if helps(found[name], base, step.least_gain)]
    helping = [name for name in gaining if found[name].bytes <= step.most_growth * base.bytes]
    best = max(helping or found, key=lambda name: found[name].snr)
    reason = "" if helping else doubt(found[best], base, step.least_gain)
    if gaining and not helping:
        reason = f"{100 * (found[best].bytes / base.bytes - 1):.1f} % more bytes"
    decisions.append(Decision(step.name, best, bool(helping), base.snr, found[best].snr, reason))
    if helping:
        return _applied(state, step.changes[best]), found[best], None
    gained = {name: step.changes[name] for name in found if found[name].snr > base.snr}
    return state, base, replace(step, changes=gained or {best: step.changes[best]})


def _has(options: Options, change: dict[str, Any]) -> bool:
    """Whether the options have a change already."""
    applied = _applied(options, change)
    return all(getattr(options, name) == getattr(applied, name) for name in change)


def _undecided(state: Options, steps: list[Step], remarks: list[str]) -> Decided:
    """Without what may be left out, but with what was asked for."""
    asked = [step for step in steps if step.least_gain <= 0]
    kept = {name: value for step in asked for change in step.changes.values() for name, value in change.items()}
    names = ", ".join(dict.fromkeys(step.name for step in steps if step not in asked))
    said = f"{names} left out: there is a single sample, of which none can be held out"
    return Decided(replace(state, **kept), [*remarks, *([said] if names else [])])


def helps(found: Measured, base: Measured, least_gain: float) -> bool:
    """Whether `found` gains at least so much over `base` in dB; for a gain, single samples must agree.

    The more their gains differ and the fewer they are, the more the mean of these must exceed 0: by some standard
    errors, whose variance has one more sample of a spread that is taken for granted.
    """
    if not (found.snr == base.snr or found.snr - base.snr >= least_gain):
        return False
    gains = found.gains_over(base)
    with np.errstate(invalid="ignore"):  # nothing is sure of gains that are infinite
        variance = (_SPREAD**2 + float(np.square(gains - gains.mean()).sum())) / gains.size
    return least_gain <= 0 or float(gains.mean()) > _DEVIATIONS * math.sqrt(variance / gains.size)


def doubt(found: Measured, base: Measured, least_gain: float) -> str:
    """Why a gain that is large enough does not count: single samples do not agree on it. '' for any other gain."""
    if found.snr - base.snr < least_gain or helps(found, base, least_gain):
        return ""
    gains = found.gains_over(base)
    return f"{gains.min():+.1f} to {gains.max():+.1f} dB on single samples, which may be chance"
