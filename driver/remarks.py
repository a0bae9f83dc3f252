"""Remarks of a conversion: the mode that was selected and why, and results that differ from the user's request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tflir.option import ModeName
from tflir.options import Options
from tflir.pipeline import mode_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.passes.base import PassReport

_QUANTIZED = (
    "constants to float16",
    "int16 ops",
    "integer ops",
    "operands of hybrid ops",
    "quantized constants",
    "weights to int8",
    "weights to int4",
    "weights to int2",
)
"""Counts of passes that show that something was quantized."""
_KEPT = "ops kept as they are"
_OWN = "conversions of the model's own"
_CHOOSES = ("tfl-prepare-quantize", "tfl-quantize", "tfl-select-ops")
"""Passes that decide what is quantized: only their reasons explain why a model remained float."""


def mode_remark(options: Options, evidence: str | None) -> str | None:
    """The mode that the options select, and why; None if nothing is quantized, or if a pipeline was given."""
    if options.replaces_passes or not options.quantizes:
        return None
    mode = mode_of(options)
    if options.recipe is not None:
        why = f"recipe {options.recipe}"
    elif not mode.needs_ranges:
        why = "float16 is the supported type" if mode.name == "float16" else "no representative data was given"
    elif options.representative_dataset is not None:
        why = "representative data was given"
    elif options.stats:
        why = "statistics were given"
    else:
        why = evidence or ""
    if options.requantize is not None and why in ("", evidence):
        why = "from the scales that the model had"
    if options.mode is not None:
        why = ", ".join([f"--mode {options.mode}", *([why] if mode.needs_ranges and why else [])])
    return f"mode: {mode.name} ({why})"


def idle_mode(options: Options) -> str:
    """The mode of options that quantize nothing, for which there is no remark."""
    if options.replaces_passes:
        return f"{ModeName.PASSES} (those that are given)"
    return str(ModeName.SPARSITY if options.sparsifies else ModeName.NONE)


def data_remark(options: Options) -> str | None:
    """The values that images are converted to, if no scaling was given; None if the data is not a folder of images."""
    from tflir.data.dataset import holds_images

    if options.scaling is not None or not holds_images(options.representative_dataset):
        return None
    return (
        "note: images are taken for values from 0 to 255: --input-mean and --input-std, or --input-scale, say otherwise"
    )


def uncalibrated_signatures(module: ModuleOp) -> Iterator[str]:
    """The keys of signatures whose functions have float values without a recorded range."""
    from tflir.ir.functions import functions
    from tflir.ir.names import SIGNATURES
    from tflir.ir.statistics import ranges_of
    from tflir.passes.calibration.logged import logged

    held: Any = module.attributes.get(SIGNATURES, ())
    by_name = {function.sym_name.data: function for function in functions(module)}
    for record in held:
        function = by_name.get(record.data["function"].root_reference.data)
        if function is not None and logged(function) and not ranges_of(function):
            yield record.data["key"].data


def result_remarks(options: Options, reports: Sequence[PassReport]) -> Iterator[str]:
    """What a user who requested quantization should know about the work of the passes."""
    yield from (f"warning: {remark}" for report in reports for remark in report.remarks)
    if options.replaces_passes or not options.quantizes:
        return
    counts = {word: sum(report.counts[word] for report in reports) for word in (*_QUANTIZED, _KEPT, _OWN)}
    if counts[_KEPT]:
        yield (
            f"{counts[_KEPT]} float ops beside parts that are quantized already stay as they are: "
            "--requantize int8 makes the whole model anew"
        )
    if not any(counts[word] for word in _QUANTIZED):
        yield "nothing was quantized: " + _why_nothing(reports, already=bool(counts[_OWN]))


def _why_nothing(reports: Sequence[PassReport], *, already: bool) -> str:
    if already:
        return "the model is quantized already"
    for report in reports:
        if report.name.startswith(_CHOOSES):
            for why, _ in report.declined.most_common(1):
                return f"{why} (-v says more)"
    return "no operator has weights or a kernel for it (-v says more)"


def larger_because(requantize: str | None, reports: Sequence[PassReport]) -> str:
    """Why the compiled model takes more bytes than the original."""
    if requantize == "float32":
        return "its constants are float32 now"
    if any(report.name == "tfl-integer-tables" and report.changed for report in reports):
        return "ops without an integer kernel became look-ups in tables"
    return "scales and conversions take more than is saved"
