"""Remarks of a conversion: the mode that was selected and why, and results that differ from the user's request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from tflir.left_float import CHOOSES
from tflir.option import ModeName
from tflir.options import Options
from tflir.passes.reasons import (
    INPUTS_MADE_FLOAT,
    LEFT_FLOAT_BY_RECIPE,
    NOT_AMONG_THOSE_TO_QUANTIZE,
    OPERAND_WITHOUT_RANGE,
    OUTPUTS_MADE_FLOAT,
    SHARED_FLOATS,
    SKIPPED,
    is_about_size,
)
from tflir.pipeline import mode_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp
    from xdsl.ir import Attribute

    from tflir.passes.base import PassReport

_QUANTIZED = (
    "constants to float16",
    "integer ops",
    "operands of hybrid ops",
    "quantized constants",
    "weights to float16",
    "weights to int8",
    "weights to int4",
    "weights to int2",
)
"""Counts of passes that show that something was quantized."""
_KEPT = "ops kept as they are"
_PRUNING = "tfl-prune"
_SPARSE = ("tfl-dense-to-sparse", "tfl-densify-fold", "tfl-remove-dead-channels")
"""Passes that leave zeros out."""
_BYTE = 8
_LEFT = {
    SKIPPED: "ops that could be are skipped",
    NOT_AMONG_THOSE_TO_QUANTIZE: "ops that could be are not among those to quantize",
    LEFT_FLOAT_BY_RECIPE: "the recipe leaves weights float",
    SHARED_FLOATS: f"weights stay float, for {SHARED_FLOATS}",
}
"""What is said of ops that were left as they are on purpose, by the reason that passes give."""


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


def hint_beside_mode(options: Options, hint: str) -> str:
    """The hint of a pass in the words of `--mode`, which excludes other values of --supported-ops."""
    if options.mode is None or options.replaces_passes:
        return hint
    return hint.replace("add TFLITE_BUILTINS to --supported-ops to", "give --mode int8 to")


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
    """The keys of signatures whose functions have float values of which calibration would record the range, but none of
    which it is recorded. No range is needed beside parts that the model quantized itself.
    """
    from tflir.ir.functions import functions
    from tflir.ir.names import SIGNATURES
    from tflir.ir.statistics import ranges_of
    from tflir.passes.calibration.logged import logged
    from tflir.passes.quantization.preserve_quantized import PreserveQuantizedPass
    from tflir.snapshot import snapshot

    held: Any = module.attributes.get(SIGNATURES, ())
    missing = {f.sym_name.data for f in functions(module) if _computes_floats(f) and not ranges_of(f)}
    if missing:
        PreserveQuantizedPass().run(marked := snapshot(module))
        missing = {f.sym_name.data for f in functions(marked) if f.sym_name.data in missing and logged(f)}
    yield from (record.data["key"].data for record in held if record.data["function"].root_reference.data in missing)


def _computes_floats(function: FuncOp) -> bool:
    """Whether an op other than a conversion makes or reads a float: one that is quantized throughout needs no data."""
    from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
    from tflir.passes.rewriting.values import is_float

    return any(
        is_float(value)
        for op in function.body.block.ops
        if not isinstance(op, QuantizeOp | DequantizeOp) and op.name.startswith("tfl.") and op.operands
        for value in op.results
    )


def result_remarks(options: Options, reports: Sequence[PassReport], module: ModuleOp) -> Iterator[str]:
    """What a user who requested quantization should know about the work of the passes, which made `module`."""
    yield from (f"warning: {remark}" for report in reports for remark in report.remarks)
    yield from _float_interface(options, reports)
    yield from _zeros(options, reports)
    if options.replaces_passes or not options.quantizes:
        return
    counts = {word: sum(report.counts[word] for report in reports) for word in (*_QUANTIZED, _KEPT)}
    if counts[_KEPT]:
        yield (
            f"{counts[_KEPT]} float ops beside parts that are quantized already stay as they are: "
            "--requantize int8 makes the whole model anew"
        )
    yield from _sparse_floats(options, module)
    if not any(counts[word] for word in _QUANTIZED):
        yield "nothing was quantized: " + _why_nothing(options, reports, module, kept=bool(counts[_KEPT]))


def _float_interface(options: Options, reports: Sequence[PassReport]) -> Iterator[str]:
    """That the model is called with floats now, where it was called with integers, and what keeps it as it was."""
    kinds = {"input": INPUTS_MADE_FLOAT, "output": OUTPUTS_MADE_FLOAT}
    wanted = {"input": options.inference_input_type, "output": options.inference_output_type}
    made = [
        kind
        for kind, what in kinds.items()
        if wanted[kind] == "float32" and any(report.counts[what] for report in reports)
    ]
    if not made:
        return
    keeps = " and ".join(f"--inference-{kind}-type" for kind in made)
    again = f": {keeps} would make them integers" if mode_of(options).needs_ranges else ""
    yield f"{' and '.join(f'{kind}s' for kind in made)} that were integers are float32 now{again}"


def _zeros(options: Options, reports: Sequence[PassReport]) -> Iterator[str]:
    """How many elements pruning made zeros, and why nothing was made sparse."""
    for report in reports:
        if report.name != _PRUNING:
            continue
        if not report.details:
            why = "".join(f": {why}" for why, _ in report.declined.most_common(1))
            yield f"nothing was pruned{why or ': there are no weights'} (-v says more)"
            continue
        whole = sum(detail["bytes_before"] for detail in report.details)
        share = sum(detail["zeros"] * detail["bytes_before"] for detail in report.details) / whole
        count = len(report.details)
        stored = "" if options.sparsifies else ", stored like all others without EXPERIMENTAL_SPARSITY"
        yield f"pruned: {100 * share:.3g} % of the elements of {count} weight{'s' * (count > 1)} are zeros{stored}"
    sparse = [report for report in reports if report.name.startswith(_SPARSE)]
    if options.sparsifies and not any(report.changed for report in sparse):
        reasons = [why for report in reports if report.name == _SPARSE[0] for why, _ in report.declined.most_common(1)]
        yield f"nothing was made sparse: {reasons[0] if reasons else 'there are no weights'} (-v says more)"


def _sparse_floats(options: Options, module: ModuleOp) -> Iterator[str]:
    """That sparse weights stayed float, if the mode makes weights integers."""
    from tflir.ir.tfl.constants import SparseConstOp

    if options.sparsifies or options.tf_compat or mode_of(options).name is ModeName.FLOAT16:
        return
    count = sum(isinstance(op, SparseConstOp) for op in module.walk())
    if count:
        stay = "1 sparse weight stays" if count == 1 else f"{count} sparse weights stay"
        yield f"{stay} float: with EXPERIMENTAL_SPARSITY in --optimize they become integers"


def _why_nothing(options: Options, reports: Sequence[PassReport], module: ModuleOp, *, kept: bool) -> str:
    """Why the passes that quantize found nothing; `kept`: whether another line says how to make the model anew."""
    whole, weights = quantized_parts(module)
    if whole or weights:
        return "the model is quantized already" + ("" if kept or not whole else ": --requantize int8 makes it anew")
    reasons = [why for report in reports if report.name.startswith(CHOOSES) for why, _ in report.declined.most_common()]
    declined = {why for report in reports for why in report.declined}
    if (left := next((said for why, said in _LEFT.items() if why in declined), None)) is not None:
        return f"{left} (-v says more)"
    small = next((why for why in reasons if is_about_size(why)), None)
    mode = mode_of(options).name
    if mode in (ModeName.DYNAMIC_RANGE, ModeName.FLOAT16) and small is not None:
        return f"weights of {small} stay float (-v says more)"
    if mode is ModeName.DYNAMIC_RANGE and options.recipe is not None:
        return "no op has float weights for which the recipe has a form (-v says more)"
    if mode is ModeName.DYNAMIC_RANGE and OPERAND_WITHOUT_RANGE in reasons:
        given = "leave --mode out and give" if options.mode is not None else "give"
        return f"no op has float weights, which alone become int8 without ranges: {given} --representative-dataset"
    if mode is ModeName.FLOAT16:
        return "there are no float32 constants that could be float16"
    return f"{reasons[0]} (-v says more)" if reasons else "no operator has a kernel for integers (-v says more)"


def quantized_parts(module: ModuleOp) -> tuple[bool, bool]:
    """Whether activations, and whether constants, have quantized types."""
    from tflir.ir.constness import is_constant
    from tflir.ir.functions import functions
    from tflir.ir.quant import UniformQuantizedType
    from tflir.ir.types import element_of

    found = {
        is_constant(value)
        for function in functions(module)
        for op in function.body.block.ops
        for value in op.results
        if isinstance(kind := element_of(value.type), UniformQuantizedType) or is_narrow(kind)
    }
    return False in found, True in found


def is_narrow(kind: Attribute | None) -> bool:
    """Whether values of an element type take less than a byte: such weights are quantized."""
    from xdsl.dialects.builtin import IntegerType

    from tflir.ir.quant import UniformQuantizedType

    storage: Any = kind.storage if isinstance(kind, UniformQuantizedType) else kind
    return isinstance(storage, IntegerType) and 1 < int(cast(Any, storage).width.data) < _BYTE


def small_constants(module: ModuleOp) -> tuple[int, int]:
    """The numbers of constants whose elements take less than four bytes as they stand for floats, and less than one."""
    from xdsl.dialects.builtin import Float16Type

    from tflir.ir.constness import is_constant
    from tflir.ir.quant import UniformQuantizedType
    from tflir.ir.types import element_of

    kinds = [element_of(value.type) for op in module.walk() for value in op.results if is_constant(value)]
    narrow = sum(map(is_narrow, kinds))
    return sum(isinstance(kind, (UniformQuantizedType, Float16Type)) or is_narrow(kind) for kind in kinds), narrow


def constant_bytes(module: ModuleOp) -> int:
    """The bytes of all constants of a model, those of equal ones once."""
    from tflir.ir.constants import ArrayElementsAttr

    values = [op.properties.get("value") for op in module.walk()]
    blobs = {value.blob for value in values if isinstance(value, ArrayElementsAttr)}
    return sum(blob.nbytes for blob in blobs)


def larger_because(reports: Sequence[PassReport], *, floats: bool, widened: bool, more: bool) -> str:
    """Why the compiled model takes more bytes than the original.

    With `floats` its constants are no longer quantized or float16, except where an op reads the integers themselves;
    with `widened` some took less than a byte for each element; with `more` its constants take more bytes.
    """
    changed = {report.name for report in reports if report.changed}
    if not changed:
        return "nothing but the form of its tables changed"
    if floats:
        return "its constants are float32 now"
    if widened:
        return "its weights took less than a byte each, and take one now"
    if "tfl-integer-tables" in changed:
        return "ops without an integer kernel became look-ups in tables"
    if more:
        return "constants that several ops read are stored in each form in which these read them"
    return "scales and conversions take more than is saved"
