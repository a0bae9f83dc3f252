"""Compares a compiled model's activations with the original's, layer by layer, on the same inputs.

Activations are matched by the tensor's name, or by that of its quantized form (`NAME_i8`). Both models run in the
runtime's own kernels, after which every tensor can be read; those inside a delegate could not be.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tflir.backends.litert.compare import (
    SEED,
    Note,
    Samples,
    Tally,
    all_samples,
    counterpart,
    matched_outputs,
    renamed,
)
from tflir.backends.litert.input_ranges import span_of
from tflir.backends.litert.run import Array, Entry, Model, Port, Runner
from tflir.backends.litert.wiring import Wiring, wirings

MOST_SAMPLES = 8
"""At most this many samples are used, since every tensor of every run is read."""
_TWIN = re.compile(r"(.+)_(?:i8|u8|i16|int8|uint8|int16|quantized|requantized|dequantize)\d*")
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
INPUT = "input"
"""The `op` of a layer whose tensor is an input of the model."""
EXACT_DB = 40.0
"""Where a fall is measured, a higher ratio counts as this: noise of less than 1 % of the signal does no harm."""


def unquantized(name: str) -> str:
    """The name of the tensor that `name` is a quantized form of; itself if it is none."""
    match = _TWIN.fullmatch(name)
    return match[1] if match else name


@dataclass(frozen=True)
class Layer:
    """One activation of both models, over all samples. `Layer`s of a signature come in program order."""

    signature: str
    """The signature's key; empty if the model has none."""
    name: str
    """The tensor's name in the original."""
    op: str
    """The operator that produces it in the compiled model (`CONV_2D`), or `input`."""
    dtype: str
    """numpy's name of the compiled tensor's dtype: int8, float32."""
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    low: float
    """The smallest element seen in the original; nan if there was none."""
    high: float
    snr_db: float
    """10 log10(Σ y² / Σ (x - y)²), y the original's; infinite where the two are identical."""
    input_snr_db: float
    """The lowest `snr_db` of the layers that it is computed from; infinite if there is none."""
    max_difference: float
    quantized: bool
    """Whether an operand (weights included) or a result of the operator is quantized."""
    feeds: tuple[str, ...]
    """The outputs that are computed from it; itself, if it is an output."""
    compiled_name: str = ""
    """The tensor's name in the compiled model."""
    subgraphs: tuple[int, int] = (0, 0)
    """Where it is in the original and in the compiled model."""

    @property
    def added(self) -> float:
        """A lower bound of the noise over signal that its op adds: what it has above the noisiest of its
        inputs; ≥ 0.
        """
        return max(0.0, noise_ratio(self.snr_db) - noise_ratio(self.input_snr_db))

    @property
    def fall_db(self) -> float:
        """By how many dB its ratio is below that of the noisiest of its inputs, which counts as at most `EXACT_DB`;
        ≥ 0.
        """
        before = min(self.input_snr_db, EXACT_DB)
        return before - self.snr_db if self.snr_db < before else 0.0

    @property
    def held(self) -> tuple[float, float] | None:
        """The smallest and largest value that the compiled tensor can represent; None unless it has a single scale."""
        return span_of(self.dtype, self.scales, self.zero_points)


def noise_ratio(snr_db: float) -> float:
    """Noise over signal, from a signal-to-noise ratio in dB."""
    return 10 ** (-snr_db / 10) if snr_db > -math.inf else math.inf


@dataclass
class _Pair:
    """An activation in both models, while samples are added."""

    name: str
    mine: Port
    its: Port
    tally: Tally = field(default_factory=Tally)
    low: float = math.inf
    high: float = -math.inf
    seen: bool = False

    def add(self, original: Array | None, compiled: Array | None) -> None:
        """Adds one sample; ignores tensors that can't be compared element by element."""
        if original is None or compiled is None or original.shape != compiled.shape or not original.size:
            return
        self.seen = True
        self.tally.add(original, compiled)
        self.low, self.high = min(self.low, float(original.min())), max(self.high, float(original.max()))


def compare_layers(
    original: Model,
    compiled: Model,
    samples: Samples = MOST_SAMPLES,
    *,
    seed: int = SEED,
    progress: Note | None = None,
) -> list[Layer]:
    """Every activation of `original` that `compiled` still has, in the compiled model's program order.

    `samples` as for `compare_models`, but at most `MOST_SAMPLES` are used. The subgraph of each signature is compared;
    bodies of control flow can't be observed and are left out, and so are tensors without a unique name. Memory holds
    both models with all activations of one sample that are compared. `progress` is called with the number of runs done
    and of all runs. Raises `Error` if a model can't be run in the runtime's own kernels, or if the compiled one lacks a
    signature.
    """
    reference, subject = (Runner(model, delegate=False) for model in (original, compiled))
    wired, rewired = wirings(original), wirings(compiled)
    drawn = all_samples(reference.entries, compiled, samples, seed)
    inputs = [drawn[entry.key][:MOST_SAMPLES] for entry in reference.entries]
    done, total = itertools.count(1), sum(len(part) for part in inputs)
    layers: list[Layer] = []
    for entry, part in zip(reference.entries, inputs, strict=True):
        other = counterpart(entry, subject)
        mine, its = wired[entry.key], rewired[other.key]
        pairs = _pairs(mine, reference.tensors(mine.subgraph), its, subject.tensors(its.subgraph))
        first = Runner(original, delegate=False, keep={mine.subgraph: [pair.mine.index for pair in pairs.values()]})
        second = Runner(compiled, delegate=False, keep={its.subgraph: list(pairs)})
        for sample in part:
            first.run(entry, sample)
            second.run(other, renamed(sample, entry, other))
            for pair in pairs.values():
                pair.add(first.tensor(pair.mine, mine.subgraph), second.tensor(pair.its, its.subgraph))
            if progress is not None:
                progress(next(done), total)
        seen = {tensor: pair for tensor, pair in pairs.items() if pair.seen}
        layers += _layers(entry, other, seen, mine, its, subject.tensors(its.subgraph))
    return layers


def is_quantized(model: Model) -> bool:
    """Whether any tensor of the model, constants included, is quantized or float16.

    Raises `Error` if the runtime can't load it.
    """
    runner = Runner(model, delegate=False)
    ports = (port for at in range(runner.subgraphs) for port in runner.tensors(at).values())
    return any(_is_quantized(port) or port.dtype == np.float16 for port in ports)


def _pairs(mine: Wiring, my_ports: Mapping[int, Port], its: Wiring, its_ports: Mapping[int, Port]) -> dict[int, _Pair]:
    """The activations to compare, by the compiled model's tensor, in its program order."""
    names = mine.unique_names()
    chosen = {tensor: name for name, tensor in _counterparts(names, its).items()}
    pairs: dict[int, _Pair] = {}
    for tensor in its.activations:
        if tensor in chosen and tensor in its_ports and names[chosen[tensor]] in my_ports:
            pair = _Pair(chosen[tensor], my_ports[names[chosen[tensor]]], its_ports[tensor])
            if _of_numbers(pair.mine) and _of_numbers(pair.its):
                pairs[tensor] = pair
    return pairs


def _counterparts(names: Mapping[str, int], its: Wiring) -> dict[str, int]:
    """The compiled model's tensor for each name of the original: the one of that name, else its first quantized form,
    else, of a quantized tensor alone of its name, what it is a form of, or another form of that.

    If an input or output is converted by QUANTIZE or DEQUANTIZE, it is the quantized tensor, which has type and scale.
    """
    own = its.unique_names()
    twins: dict[str, int] = {}
    for name, tensor in own.items():
        if (plain := unquantized(name)) != name:
            twins.setdefault(plain, tensor)
    same_name = {own[name] for name in names if name in own}
    quantized = {
        operator.inputs[0]: operator.outputs[0] for operator in reversed(its.operators) if operator.kind == "QUANTIZE"
    }
    chosen: dict[str, int] = {}
    for name in names:
        tensor = own.get(name, twins.get(name))
        plain = unquantized(name)
        if tensor is None and plain not in names:
            tensor = own.get(plain, twins.get(plain))
        if tensor is None:
            continue
        maker = its.makers.get(tensor)
        inside = None
        if maker is None:
            inside = quantized.get(tensor)
        elif maker.kind == "DEQUANTIZE" and maker.inputs[0] in its.activations:
            inside = maker.inputs[0]
        chosen[name] = tensor if inside is None or inside in same_name else inside
    return chosen


def _of_numbers(port: Port) -> bool:
    return port.dtype.kind == "f" or (port.dtype.kind in "iu" and port.scales.size > 0)


def _layers(
    entry: Entry, other: Entry, pairs: Mapping[int, _Pair], mine: Wiring, its: Wiring, ports: Mapping[int, Port]
) -> Iterator[Layer]:
    outputs = {
        name.name: its.leads_to(port.index)
        for name, port in zip(entry.outputs, matched_outputs(entry, other), strict=True)
    }
    kinds = {mine.names[tensor]: operator.kind for tensor, operator in mine.makers.items()}
    before = _worst_before(pairs, its)
    for tensor, pair in pairs.items():
        maker = its.makers.get(tensor)
        kind = maker.kind if maker is not None else INPUT
        if kind in _CONVERSIONS:
            kind = kinds.get(pair.name, INPUT)
        touched = () if maker is None else (*maker.inputs, *maker.outputs)
        yield Layer(
            entry.key,
            pair.name,
            kind,
            pair.its.dtype.name,
            tuple(float(scale) for scale in pair.its.scales),
            tuple(int(point) for point in pair.its.zero_points),
            pair.low,
            pair.high,
            pair.tally.snr_db,
            before[tensor],
            pair.tally.worst,
            any(at in ports and _is_quantized(ports[at]) for at in touched),
            tuple(name for name, cone in outputs.items() if tensor in cone),
            its.names[tensor],
            (mine.subgraph, its.subgraph),
        )


def _is_quantized(port: Port) -> bool:
    return port.dtype.kind in "iu" and port.scales.size > 0


def _worst_before(pairs: Mapping[int, _Pair], its: Wiring) -> dict[int, float]:
    """The lowest SNR of the layers that each tensor is computed from; tensors that are not compared are
    skipped over.
    """
    before: dict[int, float] = dict.fromkeys(its.inputs, math.inf)
    after: dict[int, float] = {t: pairs[t].tally.snr_db if t in pairs else math.inf for t in its.inputs}
    for operator in its.operators:
        worst = min((after.get(tensor, math.inf) for tensor in operator.inputs), default=math.inf)
        for tensor in operator.outputs:
            before[tensor] = worst
            after[tensor] = pairs[tensor].tally.snr_db if tensor in pairs else worst
    return before
