"""What to leave float where a quantized model's outputs are poor: the ops that add most of the noise themselves."""

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
"""Outputs of so much signal to noise need nothing; inputs of so much are clean, and the op is to blame."""
_MOST = 3
_LEAST_SHARE = 0.1
"""Less of the worst op's noise, or of the poor output's, is too little: to skip the op would be in vain."""
_LEAST_FALL_DB = 6.0
"""How much an op must lose: less is what every op of a deep model loses, and skipping a few of them gains nothing."""
_WASTED = 4
"""How many times the range that is used may be held before that is a reason."""
_CLIPPED = 1.05
_INPUT = "input"
_INT16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


@dataclass(frozen=True)
class Suggestion:
    """An op to leave float, and why."""

    signature: str
    op: str
    name: str
    pattern: str
    """What `--skip` takes to mean this op and no other."""
    why: str


@dataclass(frozen=True)
class Advice:
    """What to do about poor outputs."""

    skip: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    """What is wrong where skipping ops is no help."""
    skipped: tuple[str, ...] = ()
    """What was given to --skip already."""
    instead: str = ""
    """What to do in the place of --skip, where it can't be given beside the other options."""

    @property
    def flag(self) -> str:
        """`--skip A,B`, quoted for a shell; '' where nothing is to be skipped so."""
        if not self.skip or self.instead:
            return ""
        return f"--skip {shlex.quote(','.join((*self.skipped, *(one.pattern for one in self.skip))))}"


def advice(outputs: Sequence[OutputComparison], layers: Sequence[Layer], options: Options | None = None) -> Advice:
    """At most three ops to skip, the one that adds most noise first; nothing where all outputs are good.

    `options`: those that the model was compiled with.

    Noise is counted as noise over signal: what an op's result has above the noisiest of its inputs is its own. Ops
    whose inputs are poor already are not blamed, nor those that are float anyway, lead to no poor output, or add
    little beside that output's noise.
    """
    from tflir.backends.litert.layers import noise_ratio

    poor = {(one.signature, one.name): noise_ratio(one.least_db) for one in outputs if one.least_db < GOOD_DB}
    reach = [layer for layer in layers if _led_to(layer, poor)]
    standing_out = [layer for layer in reach if _to_blame(layer, min(_led_to(layer, poor)))]
    # Signatures may share ops: one suggestion each.
    blamed = {layer.name: layer for layer in sorted(standing_out, key=lambda layer: layer.added)}
    worst = sorted(blamed.values(), key=lambda layer: -layer.added)[:_MOST]
    worst = [layer for layer in worst if layer.added >= _LEAST_SHARE * worst[0].added]
    names = sorted({layer.name for layer in layers})
    skip = tuple(Suggestion(one.signature, one.op, one.name, pattern(one.name, names), _why(one)) for one in worst)
    random = {one.signature for one in outputs if one.random}
    notes = _notes(reach, random, bool(poor) and bool(layers) and not skip, options)
    return Advice(skip, tuple(notes), *_skipping(options))


def _skipping(options: Options | None) -> tuple[tuple[str, ...], str]:
    """What --skip has already, and what stands in its place where it can't be given."""
    if options is None:
        return (), ""
    if options.replaces_passes:
        return (), "begin --passes with tfl-select-ops{skip=…}"
    return tuple(options.skip), "leave them out of --quantize-only" if options.quantize_only else ""


def _led_to(layer: Layer, poor: Mapping[tuple[str, str], float]) -> list[float]:
    """The noise over signal of the poor outputs that are computed from a layer."""
    return [poor[layer.signature, name] for name in layer.feeds if (layer.signature, name) in poor]


def _to_blame(layer: Layer, output_noise: float) -> bool:
    if not layer.quantized or layer.op == _INPUT or layer.input_snr_db < GOOD_DB:
        return False
    stands_out = layer.input_snr_db - layer.snr_db >= _LEAST_FALL_DB
    return stands_out and _LEAST_SHARE * output_noise <= layer.added < math.inf


def _why(layer: Layer) -> str:
    before = "exact inputs" if math.isinf(layer.input_snr_db) else f"inputs of {decibels(layer.input_snr_db)}"
    said = f"from {before} to {decibels(layer.snr_db)}"
    return f"{said}; {range_fault(layer)}" if range_fault(layer) else said


def range_fault(layer: Layer) -> str:
    """What is wrong with the range that a layer's integers hold, beside what the original's values take; '' if nothing.

    Values are the tensor's own, in its own units.
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
    """What to do where there is no op to blame."""
    if options is None or _INT16 not in options.target_spec.supported_ops:
        return f"int16 activations add less: --supported-ops {_INT16.name}"
    return "leave more ops float with --skip or --quantize-only"


def pattern(name: str, others: Iterable[str]) -> str:
    """What `--skip` takes to mean the tensor `name` and none of the `others`, which a regular expression may match too.

    Commas part patterns there, so that in a name they are written as any character.
    """
    from tflir.passes.name_filter import expression

    plain = "," not in name and name == name.strip() != ""
    with contextlib.suppress(Error):
        if plain and not any(map(expression(name), (other for other in others if other != name))):
            return name
    escaped = re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", name).replace(",", ".")
    return f"^{escaped.replace(' ', chr(92) + 's') if escaped != escaped.strip() else escaped}$"
