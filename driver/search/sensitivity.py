"""What each form of a layer's weights adds in noise, and costs: one short run for each layer and width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tflir.ir.weight_kind import BITS, FLOAT16, HALF, WeightKind
from tflir.search.evaluations import NOISE, SIZE, Request
from tflir.search.layers import Layer
from tflir.search.path import Choice

if TYPE_CHECKING:
    from tflir.search.compiler import Compiler
    from tflir.search.evaluations import Evaluations
    from tflir.search.judge import SnrJudge

Float64 = npt.NDArray[np.float64]
_SPARSE = 0.2
"""The least share of zeros that might be left out."""


@dataclass(frozen=True)
class Form:
    """A form of a layer's weights; None: float."""

    kind: WeightKind | None
    noise: tuple[float, ...]
    """The noise over signal that it adds at each output."""
    cost: float
    """What the model with this layer in this form costs beside the float model, in bytes or seconds."""


@dataclass(frozen=True)
class _Run:
    noise: Float64
    bytes: int


def forms_of(evaluations: Evaluations, judge: SnrJudge, *, latency: bool) -> list[list[Form]]:
    """The forms of each layer, float first.

    Measured are 4 bits behind a dequantize, which adds the noise of the weights alone, and 8 and 2 bits as the op reads
    them, with a scale per channel; the other forms follow. A layer that `is_unseen` gets no form that may be less
    accurate than int8 with a scale per channel.
    """
    compiler = evaluations.compiler
    found: list[list[Form]] = []
    evaluations.prepare(_requests(compiler, latency=latency))
    plain = evaluations.size([None] * len(compiler.layers))
    all_wide = [_measured(layer)[0] for layer in compiler.layers]
    base = _seconds(compiler, [None] * len(compiler.layers)) if latency else 0.0
    for at, layer in enumerate(compiler.layers):
        runs: dict[WeightKind, _Run] = {}
        for kind in _measured(layer):
            kinds = _alone(compiler, at, kind)
            result = evaluations.run(NOISE, kinds, lambda model: {"noise": judge.noise(model)}, may_fail=True)
            if "error" not in result:
                runs[kind] = _Run(np.array(result["noise"]), result["bytes"] - plain)
        shift = 0 if latency or not runs else _saved_among_others(evaluations, all_wide, at) - _wide(runs).bytes
        made = [Form(None, (), 0.0)]
        for kind in layer.kinds:
            form = _derived(layer, kind, runs)
            if form is None or not all(map(math.isfinite, form.noise)):
                continue
            if latency:
                if _finer(layer, kind) is None and not kind.is_float16:
                    made.append(replace(form, cost=_seconds(compiler, _alone(compiler, at, kind)) - base))
            else:
                made.append(replace(form, cost=_bytes(evaluations, at, form, plain, shift)))
        found.append([form for form in made if _is_safe(layer, form)] if is_unseen(layer, made) else made)
    quiet = (0.0,) * max((len(form.noise) for made in found for form in made), default=1)
    return [[Form(None, quiet, 0.0), *made[1:]] for made in found]


def is_unseen(layer: Layer, forms: Sequence[Form]) -> bool:
    """Whether rounding a layer changes its weights and yet no output: the data says nothing of it.

    An example is a layer in a branch that no sample takes.
    """
    return len(forms) > 1 and not layer.fits_int4 and not any(noise for form in forms for noise in form.noise)


def _is_safe(layer: Layer, form: Form) -> bool:
    kind = form.kind
    return kind is None or kind.is_float16 or (kind.bits == max(BITS) and _finer(layer, kind) is None)


def _bytes(evaluations: Evaluations, at: int, form: Form, plain: int, shift: float) -> float:
    """The bytes of a form of a layer beside float. By `shift` they differ from those of the layer alone where other
    layers have scales too, with which it shares zero points.
    """
    compiler = evaluations.compiler
    if form.kind is None or not _loses_zeros(compiler, compiler.layers[at]):
        return form.cost + shift
    return _written(evaluations, at, form.kind) - plain + (0 if form.kind.is_float16 else shift)


def _saved_among_others(evaluations: Evaluations, kinds: list[WeightKind], at: int) -> int:
    """The bytes of a layer in its widest form beside float, where all others have theirs: what the file holds once for
    several layers does not count.
    """
    return evaluations.size(kinds) - evaluations.size(_without(kinds, at))


def _loses_zeros(compiler: Compiler, layer: Layer) -> bool:
    """Whether the zeros of a layer may be left out, so that its bytes do not follow from the number of its weights."""
    return compiler.leaves_zeros_out and layer.zeros >= _SPARSE


def _written(evaluations: Evaluations, at: int, kind: WeightKind) -> float:
    """The bytes of the model with a layer in a form and all others float; of the scales, only how many is known."""
    layer = evaluations.compiler.layers[at]
    if (fine := _finer(layer, kind)) is None:
        return evaluations.size(_alone(evaluations.compiler, at, kind))
    return _written(evaluations, at, fine) - layer.scale_bytes


def _finer(layer: Layer, kind: WeightKind) -> WeightKind | None:
    """The same form with a scale for each channel instead of one for all; None if the layer has no such form."""
    if kind.is_float16 or kind.granularity == "channel":
        return None
    fine = replace(kind, granularity="channel")
    return fine if fine in layer.kinds else None


def _without(kinds: Sequence[WeightKind], at: int) -> list[WeightKind | None]:
    return [None if place == at else kind for place, kind in enumerate(kinds)]


def _requests(compiler: Compiler, *, latency: bool) -> list[Request]:
    """All evaluations that `forms_of` may ask for."""
    layers = range(len(compiler.layers))
    noise = [(NOISE, _alone(compiler, at, kind)) for at in layers for kind in _measured(compiler.layers[at])]
    wide = [_measured(layer)[0] for layer in compiler.layers]
    compared = [] if latency else [wide, *(_without(wide, at) for at in layers)]
    for at, layer in enumerate(compiler.layers if not latency else ()):
        if _loses_zeros(compiler, layer):
            compared += [_alone(compiler, at, kind) for kind in layer.kinds if _finer(layer, kind) is None]
    return [*noise, *((SIZE, kinds) for kinds in ([None for _ in layers], *compared))]


def _wide(runs: dict[WeightKind, _Run]) -> _Run:
    return runs[max(runs, key=lambda kind: kind.bits)]


def choices(forms: Sequence[Sequence[Form]]) -> list[list[Choice[Form]]]:
    """The forms as choices of a path, with noise as one number: outputs that get more noise count more."""
    totals = sum((np.array(max(made, key=lambda form: sum(form.noise)).noise) for made in forms), np.zeros(1))
    weights: Any = totals / totals.sum() if totals.sum() > 0 else np.ones_like(totals)
    return [[Choice(form, form.cost, float(weights @ np.array(form.noise))) for form in made] for made in forms]


def predicted_db(place: Sequence[Choice[Form]]) -> float:
    """The least signal-to-noise ratio over the outputs that the noise of all layers together gives, in dB."""
    noise: Any = np.sum([choice.kind.noise for choice in place], axis=0)
    largest = float(np.max(noise))
    return math.inf if largest <= 0 else -10 * math.log10(largest)


def _measured(layer: Layer) -> list[WeightKind]:
    """The form of each width of integers that is run."""
    found: list[WeightKind] = []
    integers = [kind for kind in layer.kinds if not kind.is_float16]
    for bits in sorted({kind.bits for kind in integers}, reverse=True):
        wanted = "dequantize" if bits == 4 else "hybrid"
        of_width = [kind for kind in integers if kind.bits == bits]
        found.append(next((kind for kind in of_width if kind.form == wanted), of_width[0]))
    return found


def _derived(layer: Layer, kind: WeightKind, runs: dict[WeightKind, _Run]) -> Form | None:
    """A form from the runs of its layer; None if those that say something of it failed.

    The noise of weights grows as the square of the step; an op that reads integers adds the noise of its activations.
    """
    if (run := runs.get(kind)) is not None:
        return Form(kind, tuple(run.noise.tolist()), run.bytes)
    if kind.is_float16:
        return _float16(layer, runs)
    if (fine := _finer(layer, kind)) is not None:
        form = _derived(layer, fine, runs)
        if form is None:
            return None
        of_weights = np.minimum(_weights(kind.bits, runs), form.noise)
        noise = np.array(form.noise) + (layer.coarser - 1) * of_weights
        return Form(kind, tuple(noise.tolist()), form.cost - layer.scale_bytes)
    same = next((one for one in runs if one.form == kind.form), None)
    if same is None:
        return None
    run = runs[same]
    noise = np.maximum(run.noise - _weights(same.bits, runs), 0.0) + _weights(kind.bits, runs)
    return Form(kind, tuple(noise.tolist()), run.bytes - layer.elements * (same.bits - kind.bits) / 8)


def _float16(layer: Layer, runs: dict[WeightKind, _Run]) -> Form | None:
    """float16 weights, from the run of narrower ones behind a dequantize: there are no scales."""
    found = next(((kind, run) for kind, run in runs.items() if kind.bits == 4 and kind.form == "dequantize"), None)
    if found is None:
        return None
    kind, run = found
    wider = layer.elements * (FLOAT16 - kind.bits) / 8 - layer.scale_bytes
    return Form(HALF, tuple((run.noise * layer.float16_noise).tolist()), run.bytes + wider)


def _weights(bits: int, runs: dict[WeightKind, _Run]) -> Float64:
    """The noise of the weights alone, which the run of 4 bits gives, where the op computes in float."""
    narrow = [run.noise for kind, run in runs.items() if kind.bits == 4]
    if not narrow:
        return np.zeros(1)
    return narrow[0] * (_most(4) / _most(bits)) ** 2


def _most(bits: int) -> int:
    """The largest integer of symmetric weights."""
    return (1 << (bits - 1)) - 1


def _alone(compiler: Compiler, at: int, kind: WeightKind) -> list[WeightKind | None]:
    """All layers float but one."""
    return [kind if place == at else None for place in range(len(compiler.layers))]


def _seconds(compiler: Compiler, kinds: Sequence[WeightKind | None]) -> float:
    """The estimated time of a run of the compiled model with the default delegate."""
    from tflir.ir.targets.latency import estimate

    return estimate(compiler.module(kinds, aims=False)).seconds
