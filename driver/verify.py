"""`--verify`: runs the original and the compiled model and shows how close their outputs and activations are."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tflir.ir.errors import Error
from tflir.suggestions import Advice, advice
from tflir.terminal import Row, decibels, error_console, plain_table, printable, progress, shorten

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from tflir.backends.litert.compare import OutputComparison
    from tflir.backends.litert.layers import Layer
    from tflir.backends.litert.run import Sample

# From how many dB on an output is called what, and in which colour.
_GRADES = (
    (math.inf, "identical", "green"),
    (20.0, "good", "green"),
    (10.0, "fair", "yellow"),
    (-math.inf, "poor", "red"),
)
_RANDOM_SAMPLES = 3
_WORST = 10
_NAME = 40
"""Columns of a name that stands in full elsewhere."""


@dataclass(frozen=True)
class Verification:
    """What running both models showed."""

    outputs: list[OutputComparison]
    layers: list[Layer]
    """Activations in program order; none where the compiled model is not quantized, or can't be looked into."""
    samples: int
    """How many inputs ran; of layers, `layers.MOST_SAMPLES` at most."""
    random: bool
    """Whether these were made up."""
    advice: Advice = field(default_factory=Advice)
    layers_missing: str = ""
    """Why there are no layers though the model is quantized; '' otherwise."""

    @property
    def inputs(self) -> str:
        """What ran, in words: '3 random inputs'."""
        return f"{self.samples} random inputs" if self.random else f"{self.samples} samples"


def grade(snr_db: float) -> tuple[str, str]:
    """What a signal-to-noise ratio is called, and the colour to print it in."""
    return next((word, colour) for least, word, colour in _GRADES if snr_db >= least)


def verify(
    original: str | os.PathLike[str],
    compiled: str | os.PathLike[str],
    console: Console | None = None,
    samples: Sequence[Sample] | int = _RANDOM_SAMPLES,
) -> Verification:
    """Compares the two models on `samples`, inputs by name or how many to make up; prints tables and returns the facts.

    Where the compiled model is quantized its activations are compared too, and what to skip is suggested where outputs
    are poor. Raises `Error` where one of the models can't be run.
    """
    found = compare(original, compiled, samples)
    _print(found, console or error_console())
    return found


def compare(
    original: str | os.PathLike[str],
    compiled: str | os.PathLike[str],
    samples: Sequence[Sample] | int = _RANDOM_SAMPLES,
) -> Verification:
    """`verify` without a word."""
    from tflir.backends.litert.compare import compare_models
    from tflir.backends.litert.layers import compare_layers, is_quantized

    random = isinstance(samples, int) or not samples
    given = samples if samples else _RANDOM_SAMPLES
    count = given if isinstance(given, int) else len(given)
    with progress("comparing outputs") as note:
        outputs = compare_models(original, compiled, given, progress=note)
    if not is_quantized(compiled):
        return Verification(outputs, [], count, random)
    try:
        with progress("comparing layers") as note:
            layers = compare_layers(original, compiled, given, progress=note)
    except Error as error:  # outputs came out, perhaps by a delegate: that is worth more than nothing
        return Verification(outputs, [], count, random, layers_missing=error.what)
    return Verification(outputs, layers, count, random, advice(outputs, layers, random=random))


def worst(layers: Sequence[Layer], most: int = _WORST) -> list[Layer]:
    """The layers of the worst signal-to-noise ratio, the worst first; those that are identical are not among them."""
    return sorted((layer for layer in layers if layer.snr_db < math.inf), key=lambda layer: layer.snr_db)[:most]


def _print(found: Verification, console: Console) -> None:
    _print_outputs(found, console)
    if found.layers_missing:
        console.print(f"layers can't be compared: {printable(found.layers_missing)}")
    if shown := worst(found.layers):
        console.print()
        _print_layers(shown, len(found.layers), console)
    if found.advice.skip:
        console.print()
        console.print("Noise comes in at these ops; to leave them float, compile with", style="bold")
        console.print(f"  {printable(found.advice.flag)}", soft_wrap=True)
        for one in found.advice.skip:
            console.print(f"  {one.op} '{printable(shorten(one.name, _NAME))}': {one.why}")
    for said in found.advice.notes:
        console.print(printable(said))


def _print_outputs(found: Verification, console: Console) -> None:
    several = len({output.signature for output in found.outputs}) > 1
    rows: list[Row] = []
    for output in found.outputs:
        shape = "x".join(map(str, output.shape)) or "scalar"
        ratio, verdict = _graded(output.snr_db)
        figures = [shape, ratio, f"{output.max_difference:.3g}", verdict]
        rows.append([*([output.signature] if several else []), output.name, *figures])
    headers = [*(["signature"] if several else []), "output", "shape", "signal to noise", "largest difference", ""]
    at = int(several)
    title = f"Outputs beside the original's, {found.inputs}"
    console.print(plain_table(console, title, headers, rows, flexible=at, numbers=(at + 2, at + 3)), crop=False)


def _print_layers(shown: Sequence[Layer], of: int, console: Console) -> None:
    rows: list[Row] = []
    for layer in shown:
        ratio, _ = _graded(layer.snr_db)
        rows.append([layer.name, layer.op, layer.dtype, scales(layer), ratio])
    title = f"Worst activations in the runtime's own kernels, {len(shown)} of {of}"
    headers = ["tensor", "made by", "type", "scale", "SNR"]
    console.print(plain_table(console, title, headers, rows, numbers=(3, 4)), crop=False)


def _graded(snr_db: float) -> tuple[Text, Text]:
    from rich.text import Text

    word, colour = grade(snr_db)
    return Text(decibels(snr_db), style=colour), Text(word, style=colour)


def scales(layer: Layer) -> str:
    """The scale of a layer's integers; how many where there are several; '' for none."""
    if len(layer.scales) > 1:
        return f"{len(layer.scales)} scales"
    return f"{layer.scales[0]:.4g}" if layer.scales else ""
