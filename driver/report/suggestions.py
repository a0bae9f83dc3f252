"""Suggests ops to keep in float if a quantized model's outputs are poor: those that add most of the noise."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.commands.terminal import decibels
from tflir.flags import OpsSet
from tflir.ir.errors import Error

if TYPE_CHECKING:
    from tflir.backends.litert.compare import OutputComparison
    from tflir.backends.litert.layers import Layer
    from tflir.options import Options

GOOD_DB = 20.0
"""Outputs with at least this ratio are good; if an op's inputs have it, the noise in its result is its own."""
_MOST = 3
_LEAST_SHARE = 0.1
"""An op with less than this share of the worst op's noise, or of the poor output's, is not suggested."""
_LEAST_FALL_DB = 6.0
"""The least loss of an op that is suggested: every op of a deep model loses some dB, and skipping a few has
no effect."""
_WASTED = 4
"""A represented range that is more than this many times the used range is given as a reason."""
_CLIPPED = 1.05
_INPUT = "input"
_WIDER = "int16 activations add less"
_INT16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


@dataclass(frozen=True)
class Suggestion:
    """An op to keep in float, and why."""

    signature: str
    op: str
    name: str
    pattern: str
    """The value of `--skip` that matches only this op."""
    why: str


@dataclass(frozen=True)
class Advice:
    """What to do about poor outputs."""

    skip: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    """Other problems, which skipping ops does not solve."""
    skipped: tuple[str, ...] = ()
    """The values of --skip that were already given."""
    instead: str = ""
    """What to do instead of --skip, if that can't be combined with the other options."""
    widen: bool = False
    """Whether int16 activations are suggested, which the notes say too."""

    @property
    def flag(self) -> str:
        """`--skip A,B`, quoted for a shell; '' if there is nothing to skip."""
        if not self.skip or self.instead:
            return ""
        return f"--skip {shlex.quote(','.join((*self.skipped, *(suggestion.pattern for suggestion in self.skip))))}"


def advice(outputs: Sequence[OutputComparison], layers: Sequence[Layer], options: Options | None = None) -> Advice:
    """At most three ops to skip, the one that adds most noise first; nothing where all outputs are good.

    `options`: those that the model was compiled with.

    Noise is measured as noise over signal: an op adds what its result has above the noisiest of its inputs. Not
    suggested are ops whose inputs are already poor, ops that are float, and ops that do not lead to a poor output or
    add little compared with that output's noise.
    """
    from tflir.backends.litert.layers import noise_ratio

    poor = {(item.signature, item.name): noise_ratio(item.least_db) for item in outputs if item.least_db < GOOD_DB}
    reach = [layer for layer in layers if _led_to(layer, poor)]
    standing_out = [layer for layer in reach if _to_blame(layer, min(_led_to(layer, poor)))]
    # Signatures may share ops: suggest each only once.
    blamed = {layer.name: layer for layer in sorted(standing_out, key=lambda layer: layer.added)}
    worst = sorted(blamed.values(), key=lambda layer: -layer.added)[:_MOST]
    worst = [layer for layer in worst if layer.added >= _LEAST_SHARE * worst[0].added]
    names = sorted({layer.name for layer in layers})
    skip = tuple(
        Suggestion(item.signature, item.op, item.name, pattern(item.name, names), _why(item)) for item in worst
    )
    random = {item.signature for item in outputs if item.random}
    notes = tuple(_notes(reach, random, bool(poor) and bool(layers) and not skip, options))
    return Advice(skip, notes, *_skipping(options), widen=any(_WIDER in note for note in notes))


def _skipping(options: Options | None) -> tuple[tuple[str, ...], str]:
    """The values of --skip so far, and what to do instead if it can't be used."""
    if options is None:
        return (), ""
    if options.replaces_passes:
        return (), "begin --passes with tfl-select-ops{skip=…}"
    return tuple(options.skip), "leave them out of --quantize-only" if options.quantize_only else ""


def _led_to(layer: Layer, poor: Mapping[tuple[str, str], float]) -> list[float]:
    """The noise over signal of the poor outputs that depend on a layer."""
    return [poor[layer.signature, name] for name in layer.feeds if (layer.signature, name) in poor]


def _to_blame(layer: Layer, output_noise: float) -> bool:
    if not layer.quantized or layer.op == _INPUT or layer.input_snr_db < GOOD_DB:
        return False
    stands_out = layer.input_snr_db - layer.snr_db >= _LEAST_FALL_DB
    return stands_out and _LEAST_SHARE * output_noise <= layer.added < math.inf


def _why(layer: Layer) -> str:
    before = "exact inputs" if math.isinf(layer.input_snr_db) else f"inputs of {decibels(layer.input_snr_db)}"
    loss = f"from {before} to {decibels(layer.snr_db)}"
    return f"{loss}; {range_fault(layer)}" if range_fault(layer) else loss


def range_fault(layer: Layer) -> str:
    """What is wrong with the range that a layer's integers represent, given the original's values; '' if nothing.

    Values are real numbers, in the tensor's units.
    """
    if layer.held is None or not layer.low <= layer.high:
        return ""
    low, high = layer.held
    used, held = layer.high - layer.low, high - low
    if max(layer.high - high, low - layer.low) > (_CLIPPED - 1) * held:
        return f"values from {layer.low:.3g} to {layer.high:.3g} are cut to {low:.3g} … {high:.3g}"
    if layer.dtype == "int8" and 0 < used * _WASTED < held:
        return f"values from {layer.low:.3g} to {layer.high:.3g} use little of {low:.3g} … {high:.3g}"
    return ""


def _notes(reach: Iterable[Layer], random: set[str], unexplained: bool, options: Options | None) -> Iterator[str]:
    inputs = [layer for layer in reach if layer.op == _INPUT and layer.snr_db < GOOD_DB]
    for layer in inputs:
        fault = range_fault(layer) or f"{decibels(layer.snr_db)} as {layer.dtype}"
        if layer.signature in random:
            hint = "random inputs do not suit it: give --representative-dataset"
        else:
            hint = "calibrate with data like this (--representative-dataset, --stats)"
        yield f"input '{layer.name}': {fault}; {hint}"
    if unexplained and not inputs:
        yield f"no single op stands out: noise gathers over many; {_less_noise(options)}"


def _less_noise(options: Options | None) -> str:
    """What to do if no op can be suggested."""
    if options is None or _INT16 not in options.target_spec.supported_ops:
        return f"{_WIDER}: --supported-ops {_INT16.name}"
    return "leave more ops float with --skip or --quantize-only"


def pattern(name: str, others: Iterable[str]) -> str:
    """The value of `--skip` that matches the tensor `name`, but none of the `others`, as a regular expression might.

    Commas separate patterns in the option, so that a comma in the name is written as `.`.
    """
    from tflir.passes.name_filter import expression

    plain = "," not in name and name == name.strip() != ""
    with contextlib.suppress(Error):
        if plain and not any(map(expression(name), (other for other in others if other != name))):
            return name
    escaped = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", name).replace(",", ".")
    return f"^{escaped.replace(' ', chr(92) + 's') if escaped != escaped.strip() else escaped}$"
