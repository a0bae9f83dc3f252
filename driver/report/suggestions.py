"""Suggests ops to keep in float if a quantized model's outputs are poor: those that add most of the noise."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
_PRUNING = "tfl-prune"
_NARROW = ("int4", "int2", "uint4")
"""How the names of element types of less than 8 bits begin."""
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
    form: str = ""
    """The option that gives another form of weights or activations, which a note suggests; '' if none does."""

    @property
    def flag(self) -> str:
        """`--skip A,B`, quoted for a shell; '' if there is nothing to skip."""
        if not self.skip or self.instead:
            return ""
        return f"--skip {shlex.quote(','.join((*self.skipped, *(suggestion.pattern for suggestion in self.skip))))}"


def advice(
    outputs: Sequence[OutputComparison],
    layers: Sequence[Layer],
    options: Options | None = None,
    kinds: Callable[[], Kinds] | None = None,
) -> Advice:
    """At most three ops to skip, the one that adds most noise first; nothing where all outputs are good.

    `options`: those that the model was compiled with. `kinds` returns its element types.

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
    if poor and options is not None and _prunes(options):
        return Advice(notes=("pruning takes part in the noise: less sparsity of tfl-prune leaves more of the weights",))
    found = kinds or (lambda: Kinds({layer.dtype for layer in layers if layer.op != _INPUT}))
    notes = tuple(_notes(reach, random))
    if notes or skip or not (poor and layers):
        return Advice(skip, notes, *_skipping(options))
    form = _less_noise(found(), options)
    note = f"no single op stands out: noise gathers over many; {form}"
    return Advice(skip, (note,), *_skipping(options), form=form.flag)


def _prunes(options: Options) -> bool:
    return _PRUNING in " ".join([options.passes or "", *map(str, (*options.before, *options.after))])


@dataclass(frozen=True)
class Kinds:
    """The element types of a compiled model, as `int8 per-channel`."""

    activations: Collection[str] = ()
    constants: Collection[str] = ()

    def activations_are(self, *names: str) -> bool:
        """Whether some activation has one of these types."""
        return any(kind.startswith(names) for kind in self.activations)

    @property
    def narrow(self) -> bool:
        """Whether weights have less than 8 bits."""
        return any(kind.startswith(_NARROW) for kind in self.constants)

    @property
    def float16(self) -> bool:
        """Whether weights are float16, and none integer."""
        kinds = [kind for kind in self.constants if kind.startswith(("float16", "int8", "uint8", *_NARROW))]
        return bool(kinds) and all(kind.startswith("float16") for kind in kinds)


@dataclass(frozen=True)
class Form:
    """Another form of weights or activations that adds less noise."""

    why: str
    flag: str = ""
    """The option that gives it; '' if there is none to add."""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.why}{self.flag}{self.after}"


def advice_without_layers(
    outputs: Sequence[OutputComparison], options: Options | None, kinds: Callable[[], Kinds]
) -> Advice:
    """What to do about poor outputs of a model whose layers can't be compared; nothing where all are good."""
    if all(item.least_db >= GOOD_DB for item in outputs):
        return Advice()
    form = _less_noise(kinds(), options)
    return Advice(notes=(f"which ops add the noise is not known; {form}",), form=form.flag)


def _skipping(options: Options | None) -> tuple[tuple[str, ...], str]:
    """The values of --skip so far, and what to do instead if it can't be used."""
    if options is None:
        return (), ""
    if options.replaces_passes:
        return (), "begin --passes with tfl-select-ops{skip=…}"
    allowed = options.checked().target_spec.supported_ops
    if OpsSet.TFLITE_BUILTINS not in allowed:
        wider = "int16x8" if _INT16 in allowed else "int8"
        return (), f"--mode {wider} may leave them float with --skip, which integer operators alone do not allow"
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


def _notes(reach: Iterable[Layer], random: set[str]) -> Iterator[str]:
    inputs = [layer for layer in reach if layer.op == _INPUT and layer.snr_db < GOOD_DB]
    for layer in inputs:
        fault = range_fault(layer) or f"{decibels(layer.snr_db)} as {layer.dtype}"
        if layer.signature in random:
            hint = "random inputs do not suit it: give inputs with --test-data"
        else:
            hint = "calibrate with data like this (--representative-dataset, --stats)"
        yield f"input '{layer.name}': {fault}; {hint}"


def _less_noise(kinds: Kinds, options: Options | None) -> Form:
    """What to do if no op can be suggested: the next form of weights or activations that adds less noise.

    Each step leads further up: 4 bits, 8 bits, 16 bits. So following the advice ends, and never where it began.
    """
    recipe = options is not None and options.recipe is not None
    integers = kinds.activations_are("int8", "uint8")
    if options is not None and options.disable_per_channel:
        return Form("weights with a scale for each channel add less: leave --disable-per-channel out")
    if kinds.narrow:
        mode, name = ("int8", "static_wi8_ai8") if integers else ("dynamic-range", "dynamic_wi8_afp32")
        return Form("weights of 8 bits add less: ", f"--recipe {name}" if recipe else f"--mode {mode}")
    if integers:
        return Form("int16 activations add less: ", "--recipe static_wi8_ai16" if recipe else "--mode int16x8")
    if kinds.float16:
        return Form("leave more ops float with --skip or --quantize-only")
    said = "float activations and float16 weights" if kinds.activations_are("int16") else "float16 weights"
    return Form(f"{said} add less: ", "--mode float16", " instead of the recipe" if recipe else "")


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
