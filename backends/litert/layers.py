"""How far a compiled model's activations are from the original's, layer by layer, on the same inputs.

An activation is found again by its tensor's name, or by that of its quantized twin (`NAME_i8`). Both models run in the
runtime's own kernels, which leave every tensor to be read; a delegate would keep its own to itself.
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
    counterpart,
    matched_outputs,
    renamed,
    samples_for,
)
from tflir.backends.litert.run import Array, Entry, Model, Port, Runner
from tflir.backends.litert.wiring import Wiring, wirings

MOST_SAMPLES = 8
"""Every tensor of every run is read: more samples say little more."""
_TWIN = re.compile(r"(.+)_(?:i8|u8|i16|int8|uint8|int16|quantized|requantized|dequantize)\d*")
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
INPUT = "input"
"""What stands for the op of a tensor that no op makes."""


@dataclass(frozen=True)
class Layer:
    """One activation of both models, over all samples. `Layer`s of a signature come in program order."""

    signature: str
    """The signature's key; empty where the model has none."""
    name: str
    """The tensor's in the original."""
    op: str
    """The kind of operator that makes it in the compiled model (`CONV_2D`), or `input`."""
    dtype: str
    """Of the compiled model's tensor, as numpy says it: int8, float32."""
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    low: float
    """The smallest element seen in the original; nan where there was none."""
    high: float
    snr_db: float
    """10 log10(Σ y² / Σ (x - y)²), y the original's; infinite where the two are identical."""
    input_snr_db: float
    """The worst `snr_db` among the layers that it is computed from; infinite where there is none."""
    max_difference: float
    quantized: bool
    """Whether the operator reads or makes integers with scales, weights among them."""
    feeds: tuple[str, ...]
    """The outputs that are computed from it, itself among them."""

    @property
    def added(self) -> float:
        """Noise over signal that its op adds itself, at least: what it has above the noisiest of its inputs; ≥ 0."""
        return max(0.0, noise_ratio(self.snr_db) - noise_ratio(self.input_snr_db))

    @property
    def held(self) -> tuple[float, float] | None:
        """The smallest and the largest value that the compiled tensor can hold; None but for integers of one scale."""
        if len(self.scales) != 1:
            return None
        bounds, (scale,), (point,) = np.iinfo(self.dtype), self.scales, self.zero_points
        return (bounds.min - point) * scale, (bounds.max - point) * scale


def noise_ratio(snr_db: float) -> float:
    """Noise over signal, of a signal-to-noise ratio in dB."""
    return 10 ** (-snr_db / 10) if snr_db > -math.inf else math.inf


@dataclass
class _Pair:
    """One activation in the making."""

    name: str
    mine: Port
    its: Port
    tally: Tally = field(default_factory=Tally)
    low: float = math.inf
    high: float = -math.inf
    seen: bool = False

    def add(self, original: Array | None, compiled: Array | None) -> None:
        """Takes in one sample; passes over what can't be compared element by element."""
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

    `samples` as for `compare_models`, `MOST_SAMPLES` of them at most. The subgraph of each signature is compared;
    bodies of control flow can't be observed and are left out, and so are tensors without a name of their own. Both
    models are held with all their activations, however many samples there are. `progress` is told runs done and runs
    in all. Raises `Error` where a model can't be run in the runtime's own kernels, and where the compiled one lacks a
    signature.
    """
    reference, subject = (Runner(model, delegate=False, keep_all=True) for model in (original, compiled))
    wired, rewired = wirings(original), wirings(compiled)
    inputs = [samples_for(entry, samples, np.random.default_rng(seed))[:MOST_SAMPLES] for entry in reference.entries]
    done, total = itertools.count(1), sum(len(part) for part in inputs)
    found: list[Layer] = []
    for entry, part in zip(reference.entries, inputs, strict=True):
        other = counterpart(entry, subject)
        mine, its = wired[entry.key], rewired[other.key]
        pairs = _pairs(mine, reference.tensors(mine.subgraph), its, subject.tensors(its.subgraph))
        for sample in part:
            reference.run(entry, sample)
            subject.run(other, renamed(sample, entry, other))
            for pair in pairs.values():
                pair.add(reference.tensor(pair.mine, mine.subgraph), subject.tensor(pair.its, its.subgraph))
            if progress is not None:
                progress(next(done), total)
        seen = {tensor: pair for tensor, pair in pairs.items() if pair.seen}
        found += _layers(entry, other, seen, mine, its, subject.tensors(its.subgraph))
    return found


def is_quantized(model: Model) -> bool:
    """Whether any tensor of the model, constants among them, is of integers with scales or of float16.

    Raises `Error` where the runtime can't load it.
    """
    runner = Runner(model, delegate=False)
    ports = (port for at in range(runner.subgraphs) for port in runner.tensors(at).values())
    return any(_is_quantized(port) or port.dtype == np.float16 for port in ports)


def _pairs(mine: Wiring, my_ports: Mapping[int, Port], its: Wiring, its_ports: Mapping[int, Port]) -> dict[int, _Pair]:
    """What is to be compared, by the compiled model's tensor, in its program order."""
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
    """The compiled model's tensor for each name of the original: of that name, else the first twin.

    Where conversions stand at the model's edges, the integers inside are meant: they show type and scale.
    """
    own = its.unique_names()
    twins: dict[str, int] = {}
    for name, tensor in own.items():
        if found := _TWIN.fullmatch(name):
            twins.setdefault(found[1], tensor)
    taken = {own[name] for name in names if name in own}
    quantized = {one.inputs[0]: one.outputs[0] for one in reversed(its.operators) if one.kind == "QUANTIZE"}
    chosen: dict[str, int] = {}
    for name in names:
        tensor = own.get(name, twins.get(name))
        if tensor is None:
            continue
        maker = its.makers.get(tensor)
        inside = None
        if maker is None:
            inside = quantized.get(tensor)
        elif maker.kind == "DEQUANTIZE" and maker.inputs[0] in its.activations:
            inside = maker.inputs[0]
        chosen[name] = tensor if inside is None or inside in taken else inside
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
        )


def _is_quantized(port: Port) -> bool:
    return port.dtype.kind in "iu" and port.scales.size > 0


def _worst_before(pairs: Mapping[int, _Pair], its: Wiring) -> dict[int, float]:
    """The worst SNR of what each tensor is computed from; layers that are not compared hand on their inputs'."""
    before: dict[int, float] = dict.fromkeys(its.inputs, math.inf)
    after: dict[int, float] = {t: pairs[t].tally.snr_db if t in pairs else math.inf for t in its.inputs}
    for operator in its.operators:
        worst = min((after.get(tensor, math.inf) for tensor in operator.inputs), default=math.inf)
        for tensor in operator.outputs:
            before[tensor] = worst
            after[tensor] = pairs[tensor].tally.snr_db if tensor in pairs else worst
    return before
