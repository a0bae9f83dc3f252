"""`--verify`: runs the original and the compiled model and shows how close their outputs and activations are."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tflir.commands.terminal import Note, Row, decibels, error_console, plain_table, progress, shorten
from tflir.ir.errors import Error, printable
from tflir.report.suggestions import Advice, Kinds, advice, advice_without_layers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from tflir.backends.litert.compare import OutputComparison, Samples
    from tflir.backends.litert.layers import Layer
    from tflir.backends.litert.run import Model
    from tflir.options import Options
    from tflir.quality.accuracy import Accuracy

# Grades of an output: the least dB, the word, and the colour.
_GRADES = (
    (math.inf, "identical", "green"),
    (20.0, "good", "green"),
    (10.0, "fair", "yellow"),
    (-math.inf, "poor", "red"),
)
MEANINGS = {
    "identical": "no element differs",
    "good": "20 dB or more (noise is at most 10 % of the signal)",
    "fair": "10 to 20 dB (at most 32 %)",
    "poor": "below 10 dB (over 32 %)",
}
"""What each grade means."""
_WORST = 10
_WIDTH = 120
"""The width in characters of the tables as text."""
_NAME = 40
"""The width of a name that is shown in full elsewhere."""


@dataclass(frozen=True)
class Verification:
    """The result of comparing both models."""

    outputs: list[OutputComparison]
    layers: list[Layer]
    """Activations in program order; none if the compiled model is not quantized, or if its tensors can't be read."""
    samples: int
    """How many samples ran; for layers, at most `layers.MOST_SAMPLES`."""
    random: bool
    """Whether the samples were random."""
    advice: Advice = field(default_factory=Advice)
    source: str = ""
    """The name of the data; '' for random inputs, or if it has none."""
    accuracy: Accuracy | None = None
    """That of both models; None if the data has no labels."""
    accuracy_missing: str = ""
    """Why there is none although the data has labels; '' otherwise."""
    unmet: tuple[str, ...] = ()
    """The limits that were asked for and are not met, a line each."""
    layers_missing: str = ""
    """Why there are no layers although the model is quantized; '' otherwise."""

    @property
    def inputs(self) -> str:
        """The samples in words: '3 random inputs', '32 samples of test.npz'."""
        if self.random:
            return f"{self.samples} random inputs"
        return f"{self.samples} samples{f' of {self.source}' if self.source else ''}"

    def __str__(self) -> str:
        """The tables that `--verify` prints."""
        from io import StringIO

        from rich.console import Console

        text = StringIO()
        print_verification(self, Console(file=text, color_system=None, highlight=False, width=_WIDTH))
        return text.getvalue()


def grade(snr_db: float) -> tuple[str, str]:
    """The word for a signal-to-noise ratio, and the colour to print it in."""
    return next((word, colour) for least, word, colour in _GRADES if snr_db >= least)


def verify(original: Model, compiled: Model, console: Console | None = None, samples: Samples = 0) -> Verification:
    """Compares the two models on `samples`, inputs or the number of random inputs (0: a few), and prints tables.

    If the compiled model is quantized, its activations are compared too, and ops to skip are suggested if outputs are
    poor. Raises `Error` if one of the models can't be run.
    """
    verification = compare(original, compiled, samples)
    print_verification(verification, console)
    return verification


def compare(
    original: Model,
    compiled: Model,
    samples: Samples = 0,
    options: Options | None = None,
    *,
    quiet: bool = False,
    source: str = "",
    float_layers: bool = False,
) -> Verification:
    """As `verify` but without tables; the model was compiled with `options`, and `quiet` turns off progress bars.

    `source` is the name of the data. With `float_layers` activations are compared if the model is not quantized, too.
    """
    from tflir.backends.litert.compare import RANDOM_SAMPLES, compare_models
    from tflir.backends.litert.isolated import isolated
    from tflir.backends.litert.layers import compare_layers, is_quantized

    given = samples or RANDOM_SAMPLES
    file = "" if isinstance(compiled, bytes) else os.fspath(compiled)
    with bar("comparing outputs", quiet) as note:
        outputs = isolated(compare_models, original, compiled, given, progress=note, file=file)
    random = all(output.random for output in outputs)
    count = _count(given)
    quantized = isolated(is_quantized, compiled, file=file)
    if not float_layers and not quantized:
        return Verification(outputs, [], count, random, source=source)
    try:
        with bar("comparing layers", quiet) as note:
            layers = isolated(compare_layers, original, compiled, given, progress=note, file=file)
    except Error as error:  # the comparison of outputs is still useful
        told = advice_without_layers(outputs, options, lambda: _kinds(compiled)) if quantized else Advice()
        return Verification(outputs, [], count, random, told, source, layers_missing=error.what)
    return Verification(
        outputs,
        layers,
        count,
        random,
        advice(outputs, layers, options, lambda: _kinds(compiled)) if quantized else Advice(),
        source,
    )


def _kinds(model: Model) -> Kinds:
    """The element types of a model."""
    from tflir.inspection import inspect_file

    types = inspect_file(model).types
    return Kinds([one.type for one in types if one.activations], [one.type for one in types if one.constants])


def _count(samples: Samples) -> int:
    if isinstance(samples, int):
        return samples
    return sum(map(len, samples.values())) if isinstance(samples, Mapping) else len(samples)


def bar(label: str, quiet: bool) -> contextlib.AbstractContextManager[Note]:
    """A progress bar, or, if `quiet`, none."""
    return contextlib.nullcontext(lambda done, of: None) if quiet else progress(label)


def worst(layers: Sequence[Layer], most: int = _WORST) -> list[Layer]:
    """The layers with the lowest signal-to-noise ratio, the lowest first, without those that are identical."""
    return sorted((layer for layer in layers if layer.snr_db < math.inf), key=lambda layer: layer.snr_db)[:most]


def falls(layers: Sequence[Layer], most: int | None = _WORST) -> list[Layer]:
    """The layers whose signal-to-noise ratio falls below that of their inputs, the largest fall first."""
    return sorted((layer for layer in layers if layer.fall_db > 0), key=lambda layer: -layer.fall_db)[:most]


def print_verification(verification: Verification, console: Console | None = None) -> None:
    """Prints the facts as tables, on stderr by default."""
    console = console or error_console()
    _print_outputs(verification, console)
    for key in sorted(
        {output.signature for output in verification.outputs if output.random and not verification.random}
    ):
        console.print(f"signature '{printable(key)}' ran on random inputs: the data has none for it")
    if verification.accuracy is not None:
        found = verification.accuracy
        where = f" of {verification.source}" if verification.source else ""
        console.print(
            f"{found}, {found.samples} samples{where}, by its array '{printable(found.labels)}'", soft_wrap=True
        )
    if verification.accuracy_missing:
        console.print(f"accuracy is not measured: {printable(verification.accuracy_missing)}", soft_wrap=True)
    if verification.layers_missing:
        console.print(f"layers can't be compared: {printable(verification.layers_missing)}")
    if shown := worst(verification.layers):
        console.print()
        _print_layers(shown, len(verification.layers), console)
    if verification.advice.skip:
        console.print()
        how = verification.advice.instead or "to leave them float, compile with"
        console.print(f"Noise comes in at these ops; {how}", style="bold")
        if verification.advice.flag:
            console.print(f"  {printable(verification.advice.flag)}", soft_wrap=True)
        for suggestion in verification.advice.skip:
            console.print(f"  {suggestion.op} '{printable(shorten(suggestion.name, _NAME))}': {suggestion.why}")
    for note in verification.advice.notes:
        console.print(printable(note))


def _print_outputs(verification: Verification, console: Console) -> None:
    if not verification.outputs:
        console.print("The model has no outputs to compare.")
        return
    several = len({output.signature for output in verification.outputs}) > 1
    rows: list[Row] = []
    for output in verification.outputs:
        shape = "x".join(map(str, output.shape)) or "scalar"
        ratio, verdict = _graded(output.snr_db)
        figures = [shape, ratio, f"{output.max_difference:.3g}", verdict]
        rows.append([*([output.signature] if several else []), output.name, *figures])
        if output.column is not None and output.column_snr_db < output.snr_db:
            figures = ["", _graded(output.column_snr_db)[0], "", _graded(output.column_snr_db)[1]]
            where = f"  its last dimension at {output.column}"
            rows.append([*([""] if several else []), where, *figures])
    headers = [*(["signature"] if several else []), "output", "shape", "signal to noise", "largest difference", ""]
    at = int(several)
    title = f"Outputs beside the original's, {verification.inputs}"
    console.print(plain_table(console, title, headers, rows, flexible=at, numbers=(at + 2, at + 3)), crop=False)
    console.print(_meaning(verification.outputs), style="dim")


def _meaning(outputs: Sequence[OutputComparison]) -> str:
    """What the figures and the grades among them mean."""
    shown = {grade(ratio)[0] for output in outputs for ratio in (output.snr_db, output.least_db)}
    grades = [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in shown]
    return f"Signal to noise: Σ y² / Σ (x - y)² in dB, y the original's. {'; '.join(grades)}."


def print_falls(layers: Sequence[Layer], console: Console, most: int | None = _WORST) -> None:
    """Prints where the signal-to-noise ratio falls most, as a table; nothing where it falls nowhere."""
    from tflir.backends.litert.layers import EXACT_DB

    fallen = falls(layers, None)
    if not fallen:
        return
    rows: list[Row] = []
    for layer in fallen[:most]:
        figures = (decibels(layer.input_snr_db), decibels(layer.snr_db), decibels(layer.fall_db))
        rows.append([layer.name, layer.op, layer.dtype, *figures, f"{layer.max_difference:.3g}"])
    title = f"Where signal to noise falls most, {len(rows)} of {len(layers)} tensors"
    headers = ["tensor", "made by", "type", "inputs", "SNR", "fall", "difference"]
    console.print()
    console.print(plain_table(console, title, headers, rows, numbers=(3, 4, 5, 6)), crop=False)
    console.print(
        f"Fall: how far below the noisiest of its inputs, which counts as {EXACT_DB:.0f} dB if it is above.",
        style="dim",
    )


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
    """The scale of a layer's integers; the number of scales if there are several; '' for none."""
    if len(layer.scales) > 1:
        return f"{len(layer.scales)} scales"
    return f"{layer.scales[0]:.4g}" if layer.scales else ""
