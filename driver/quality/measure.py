"""How close the answers of a compiled model are to those of the float model, before a final softmax or logistic.

These flatten what they get: probabilities near 0 and 1 hide most of the noise, which data that was not seen brings out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.compare import counterpart, matched_outputs, renamed
from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.run import Array, Entry, Model, Note, Port, Runner, Sample
from tflir.backends.litert.wiring import Wiring, wirings

Samples = Mapping[str, Sequence[Sample]]
"""The inputs of each signature by its key ('' without signatures)."""
Float64 = npt.NDArray[np.float64]
_SOFTMAX = "SOFTMAX"
_FLATTENING = (_SOFTMAX, "LOGISTIC")
_PASSED = ("DEQUANTIZE", "QUANTIZE", "RESHAPE")
"""Ops that may stand between such an op and the output."""
_NUMBERS = "fiub"


@dataclass
class Answer:
    """One output of a model over all samples."""

    signature: str
    name: str
    """The output's name, in the float model."""
    before: str
    """SOFTMAX or LOGISTIC if the op that makes the output is that; else empty."""
    outputs: list[Array] = field(default_factory=list[Array])
    """Its value for each sample."""
    logits: list[Array] = field(default_factory=list[Array])
    """What that op reads, for each sample; for a softmax without its mean over the last axis."""


class Reference:
    """The answers of a float model to samples, with which those of others are compared.

    `model` is a path or the bytes of a `.tflite`. It runs in a child process with the built-in kernels, variables are
    reset before each sample. Raises `Error` if it can't be run, or if a sample does not fit its inputs.
    """

    def __init__(self, model: Model, samples: Samples, *, progress: Note | None = None) -> None:
        self._samples = {key: list(part) for key, part in samples.items()}
        self._entries, self._answers = isolated(answers, model, self._samples, progress=progress)

    def snr(self, model: Model, *, progress: Note | None = None) -> float:
        """The least of `snr_by_output`; nan if no output has a value other than 0.

        `model` is a compiled form of the float model, as a path or as bytes. Raises `Error` if it can't be run.
        """
        ratios = self.snr_by_output(model, progress=progress).values()
        return min((ratio for ratio in ratios if not math.isnan(ratio)), default=math.nan)

    def snr_by_output(self, model: Model, *, progress: Note | None = None) -> dict[tuple[str, str], float]:
        """10 log10(Σ y² / Σ (x - y)²) in dB for each signature and output: y the float model's, x the other's.

        The sums are over all samples and elements of what a final softmax or logistic reads, else of the output;
        quantized tensors count as the real values that they stand for. Infinite where nothing differs, nan where y is 0
        everywhere.
        """
        return {output: decibels(*sums.sum(axis=0)) for output, sums in self.sums(model, progress=progress).items()}

    def sums(self, model: Model, *, progress: Note | None = None) -> dict[tuple[str, str], Float64]:
        """Σ y² and Σ (x - y)² of each sample, for each signature and output: shape `(samples, 2)`."""
        _, found = isolated(answers, model, self._samples, self._entries, progress=progress)
        return {(mine.signature, mine.name): _sums(mine, its) for mine, its in zip(self._answers, found, strict=True)}


def answers(
    model: Model,
    samples: dict[str, list[Sample]],
    like: Sequence[Entry] | None = None,
    progress: Note | None = None,
) -> tuple[tuple[Entry, ...], list[Answer]]:
    """The entry points of a model, and its outputs over the samples; runs in this process.

    `like`: the entry points of the model that the samples are for, if it is another; answers come in their order.
    """
    runner = Runner(model, delegate=False)
    wired = wirings(model)
    entries = runner.entries if like is None else tuple(like)
    done, total = 0, sum(len(samples.get(entry.key, ())) for entry in entries)
    found: list[Answer] = []
    for entry in entries:
        own = entry if like is None else counterpart(entry, runner)
        wiring = wired[own.key]
        ports = runner.tensors(wiring.subgraph)
        places = list(zip(entry.outputs, matched_outputs(entry, own), strict=True))
        ends = [_end(port, wiring, ports) for _, port in places]
        made = [Answer(entry.key, port.name, kind) for (port, _), (kind, _) in zip(places, ends, strict=True)]
        read = [before.index for _, before in ends if before is not None]
        kept = Runner(model, delegate=False, keep={wiring.subgraph: read}) if read else runner
        for sample in samples.get(entry.key, ()):
            values = kept.run(own, renamed(sample, entry, own))
            for answer, (_, port), (_, before) in zip(made, places, ends, strict=True):
                answer.outputs.append(values[port.name])
                logits = None if before is None else kept.tensor(before, wiring.subgraph)
                if logits is None:
                    answer.before = ""
                else:
                    answer.logits.append(_centred(logits) if answer.before == _SOFTMAX else logits)
            done += 1
            if progress is not None:
                progress(done, total)
        found += made
    return runner.entries, found


def _end(output: Port, wiring: Wiring, ports: Mapping[int, Port]) -> tuple[str, Port | None]:
    """The kind of the softmax or logistic that makes an output, and the tensor that it reads; '' and None if none."""
    maker = wiring.makers.get(output.index)
    while maker is not None and maker.kind in _PASSED:
        maker = wiring.makers.get(maker.inputs[0])
    if maker is None or maker.kind not in _FLATTENING or maker.inputs[0] not in ports:
        return "", None
    return maker.kind, ports[maker.inputs[0]]


def _centred(logits: Array) -> Float64:
    """Without their mean over the last axis, which a softmax ignores; infinite elements (masks) do not count."""
    wide = logits.astype(np.float64)
    known = np.isfinite(wide)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    return wide - np.where(known, wide, 0).sum(axis=-1, keepdims=True) / count


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise); infinite without noise, nan without signal."""
    if not signal > 0:
        return math.nan
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if noise < math.inf else -math.inf


def _sums(mine: Answer, its: Answer) -> Float64:
    """Signal and noise of each sample at one output, at the logits where both models end in the same op."""
    same = mine.before == its.before != ""
    pairs = zip(*((one.logits if same else one.outputs) for one in (mine, its)), strict=True)
    return np.array([_signal_and_noise(y, x) for y, x in pairs], np.float64).reshape(-1, 2)


def _signal_and_noise(mine: Array, its: Array) -> tuple[float, float]:
    """Σ y² over finite elements and Σ (x - y)², in which elements that are not finite count only if they differ."""
    if mine.dtype.kind not in _NUMBERS or its.dtype.kind not in _NUMBERS:
        return 0.0, 0.0
    y, x = mine.astype(np.float64), its.astype(np.float64)
    signal = float(np.square(np.where(np.isfinite(y), y, 0)).sum())
    if y.shape != x.shape:
        return signal, math.inf
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, x - y)
        noise = float(np.square(difference).sum())
    return signal, math.inf if math.isnan(noise) else noise
