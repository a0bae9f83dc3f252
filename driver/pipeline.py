"""Selects passes by options: one table says what each mode does.

| options | mode | passes |
|---|---|---|
| no `optimizations` | none | none: the model comes out as it went in |
| DEFAULT | dynamic range | int8 weights, float activations |
| DEFAULT, `supported_types` float16 without int8 | float16 | float16 constants, widened when read |
| DEFAULT, ranges | integer | int8 weights and activations; what can't be stays float |
| DEFAULT, ranges, `supported_ops` INT8 alone | integer only | the same; what can't be is an error |
| DEFAULT, ranges, `supported_ops` 16x8 (alone) | 16x8 (only) | int8 weights, int16 activations |
| `recipe` | by its activations: dynamic range, integer, 16x8 | weights are stored first as its rules say |
| `weight_algorithm`, `bias_correction` | the same | how weights are rounded and biases corrected |
| `requantize` | one of these | a quantized model becomes float first |
| EXPERIMENTAL_SPARSITY with any of these | the same | zeros of weights are not stored; passes run before and after |

Ranges come from a representative dataset, from statistics files, or from the model, which may have recorded ranges or
fake quantization (quantization-aware training).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.computed_weights import computed_weights
from tflir.extending import extended, extended_first
from tflir.fitting import fitted
from tflir.flags import OpsSet
from tflir.ir.errors import USAGE, Error
from tflir.ir.option_words import LEAST_WEIGHT
from tflir.option import ModeName
from tflir.options import Options
from tflir.pass_text import pass_text
from tflir.refusals import refuse

if TYPE_CHECKING:
    from tflir.passes.base import PassReport

_WIDTH = 8
"""The bit width of weights that every mode gives on its own."""
_SCALED = ("mse", "octav", "recover")
"""Algorithms that choose scales which the quantizer of a mode would not find from the elements."""
_X16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


@dataclass(frozen=True)
class Mode:
    """A mode of conversion: its name, the condition on the options, and its passes in the `-p` syntax."""

    name: ModeName
    applies: Callable[[Options], bool]
    passes: Callable[[Options], list[str]]
    io_types: tuple[str, ...] = ("float32",)
    """The types that inputs and outputs may have."""
    metadata: tuple[tuple[str, bytes], ...] = ()
    """Metadata that tells the runtime what the mode allows; it is added if a pass used that."""
    metadata_for: str = ""
    """The count of a pass that must not be 0 for that: `constants to float16`."""
    needs_ranges: bool = False
    """Whether calibration runs before the passes."""

    def metadata_if(self, reports: Iterable[PassReport]) -> bool:
        """Whether the metadata applies: the passes that ran made what it describes."""
        return any(report.counts[self.metadata_for] for report in reports)


def _compat(options: Options) -> dict[str, bool]:
    return {"tf_compat": True} if options.tf_compat else {}


def _per_tensor(options: Options) -> dict[str, bool]:
    return {"per_channel": False} if options.disable_per_channel else {}


def _small(options: Options) -> dict[str, int]:
    """With a recipe, its rules say which weights stay float, except where one number holds for all of them: then ops
    that read all their weights as int8 or none also stay float if one of these is smaller.
    """
    least = _least(options)
    return {} if least == LEAST_WEIGHT else {"min_elements": least}


def _least(options: Options) -> int:
    """The least number of elements of weights that dynamic range quantizes."""
    return LEAST_WEIGHT if options.rules is None else options.rules.least


def _rounded(options: Options, activations: str = "float", *, min_elements: int = 0) -> list[str]:
    """Stores weights as a recipe's rules say, and rounds the others as the options say, beside such activations."""
    how: dict[str, bool | int | str] = {**_per_tensor(options)}
    if min_elements:
        how["min_elements"] = min_elements
    more: dict[str, bool | str] = {} if options.bias_correction == "off" else {"correct_bias": options.bias_correction}
    more |= {"keep_zeros": True} if options.sparsifies and options.uses_gptq else {}
    passes = _stored(options, more, how)
    if options.rounds_weights:
        nearest = {} if options.weight_algorithm == "gptq" else {"algorithm": "minmax"}
        beside = {} if activations == "float" else {"activations": activations}
        passes.append(pass_text("tfl-round-weights", **how, **beside, **nearest, **more))
    return passes


def _stored(options: Options, more: dict[str, bool | str], how: dict[str, bool | int | str]) -> list[str]:
    """Stores weights as integers where the mode's own choice is not what a recipe or the algorithm asks for."""
    algorithm = options.weight_algorithm
    named = {} if algorithm == "minmax" else {"algorithm": algorithm}
    if (rules := options.rules) is not None:
        narrow = any(kind.bits < _WIDTH for kind in rules.kinds)
        return [
            pass_text("tfl-assign-weight-kinds", recipe=(options.recipe or "",)),
            *([] if options.sparsifies else [pass_text("tfl-densify-fold", of_kinds=True)]),
            *(["tfl-conv-1x1-to-fully-connected"] if narrow else []),
            pass_text("tfl-quantize-weights", **named, **more),
        ]
    if algorithm in _SCALED:
        return [pass_text("tfl-quantize-weights", **named, **more, every=True, **how)]
    return []


def _float16(options: Options) -> list[str]:
    compat = {"min_elements": 0, "clamp": True, "variables": True} if options.tf_compat else {}
    return [
        _preserved(keep_float=False),
        *_selected(options),
        *_normal_form(options),
        pass_text("tfl-prepare-quantize-float16", **compat),
        "tfl-post-quantize",
        *fitted(options),
        *_cleared(options),
    ]


def _dynamic_range(options: Options) -> list[str]:
    return [
        _preserved(keep_float=False),
        *_selected(options),
        *computed_weights(options, _least(options)),
        *_normal_form(options),
        *_rounded(options, min_elements=_least(options)),
        pass_text("tfl-prepare-quantize-dynamic-range", **_small(options), **_per_tensor(options), **_compat(options)),
        pass_text("tfl-quantize", **_compat(options)),
        "tfl-post-quantize",
        "tfl-optimize-op-order",
        *fitted(options),
        *_cleared(options),
    ]


def _integer(options: Options) -> list[str]:
    return _integer_passes(options, only=False)


def _integer_only(options: Options) -> list[str]:
    return _integer_passes(options, only=not options.tf_compat)


def _integer_passes(options: Options, *, only: bool) -> list[str]:
    mixes = options.rules is not None and "int16" in options.rules.all_activations
    how = ({"everywhere": True} if only else {}) | ({"headroom": options.headroom} if mixes else {})
    return [
        *_before_integers(options, "int8", only=only),
        *(["tfl-integer-forms"] if only else []),
        *([pass_text("tfl-choose-activations", mixed=True)] if mixes else []),
        pass_text("tfl-prepare-quantize", **_per_tensor(options), **how, **_sparse_tables(options), **_compat(options)),
        *([] if only else _uncalibrated(options)),
        pass_text("tfl-quantize", hybrid=False, legacy_float_scale=True, **_compat(options)),
        *(["tfl-integer-tables"] if only else []),
        pass_text("tfl-post-quantize", **_compat(options)),
        "tfl-optimize-op-order",
        pass_text("tfl-optimize", **({"shape_operands": True} if options.tf_compat else {})),
        *(["tfl-require-integer"] if only else []),
        *(["tfl-expand-dequantize"] if options.tf_compat else []),
        *_io_types(options, strict=only),
        *fitted(options, integer_only=only),
        "tfl-post-quantize-remove-qdq",
        *(_cleared(options) if _words(options) or options.recipe or _float_regions(options) else []),
    ]


def _before_integers(options: Options, activations: str, *, only: bool, pairs: bool = True) -> list[str]:
    """The passes on the float graph, and on the `pairs` of training, before parameters are chosen for activations."""
    return [
        *(["tfl-lower-fake-quant"] if pairs else []),
        *([] if options.requantize else [_preserved()]),  # where ops read integers: what lies beside is quantized
        *(["tfl-signed-pairs"] if pairs else []),
        *_selected(options, integer=True),
        *_normal_form(options),
        *_allowed_float(options),
        *_float_regions(options),
        *_dense_weights(options, only=only),
        *_rounded(options, activations),
    ]


def _int16x8(options: Options) -> list[str]:
    strict = OpsSet.TFLITE_BUILTINS not in options.target_spec.supported_ops
    only = strict and not options.tf_compat
    as_tensorflow = [pass_text("tfl-convert-int16-as-tensorflow", **_per_tensor(options))]
    quantized = [
        pass_text("tfl-prepare-quantize", int8=False, headroom=options.headroom, **_per_tensor(options)),
        *([] if strict else _uncalibrated(options)),
        pass_text("tfl-quantize", hybrid=False, legacy_float_scale=True),
        "tfl-post-quantize",
    ]
    return [
        *_before_integers(options, "int16", only=strict, pairs=not options.tf_compat),
        *([pass_text("tfl-integer-forms", int16=True)] if only else []),
        pass_text("tfl-choose-activations", **({"strict": True} if strict else {}), **_compat(options)),
        *(as_tensorflow if options.tf_compat else quantized),
        *_io_types(options, strict=only),
        *fitted(options, integer_only=strict),
        *([] if options.tf_compat else ["tfl-post-quantize-remove-qdq"]),
        *_cleared(options),
    ]


def _uncalibrated(options: Options) -> list[str]:
    """Dynamic range for signatures without samples in the data; TensorFlow keeps them in float."""
    if options.tf_compat:
        return []
    how = {"uncalibrated": True, "legacy_float_scale": True, **_per_tensor(options)}
    return [pass_text("tfl-prepare-quantize-dynamic-range", **how)]


def _dense_weights(options: Options, *, only: bool) -> list[str]:
    """Makes sparse weights dense, which integer ops can't read: all of them, or those for which it takes no more bytes.

    With EXPERIMENTAL_SPARSITY, an earlier pass has made all of them dense; a recipe's rules say which a later one does.
    """
    if options.tf_compat or options.sparsifies or (options.rules is not None and not only):
        return []
    return [pass_text("tfl-densify-fold", quantizable=True, **({} if only else {"smaller": True}))]


def _sparse_tables(options: Options) -> dict[str, bool]:
    """With EXPERIMENTAL_SPARSITY, lets tables with many zeros be stored without these."""
    return {"sparse_tables": True} if options.sparsifies and not options.tf_compat else {}


def _preserved(*, keep_float: bool = True) -> str:
    """Preserves what the model has quantized itself: its scales, its conversions and the ops between them."""
    return pass_text("tfl-preserve-quantized", **({} if keep_float else {"keep_float": False}))


def _selected(options: Options, *, integer: bool = False) -> list[str]:
    """The first passes: they simplify float ops and select the ops that remain float. TensorFlow excludes no ops."""
    words = {} if options.sparsifies else _words(options)
    chosen = [pass_text("tfl-select-ops", sound=False, **words)] if words or (integer and options.tf_compat) else []
    if not integer or options.tf_compat:
        return chosen
    return ["tfl-optimize", *chosen, *computed_weights(options, 0, integer=True), "tfl-select-ops"]


def _normal_form(options: Options) -> list[str]:
    """Rewrites with bit-identical results, which run before constants are quantized and no longer shared by ops."""
    return [] if options.tf_compat else [pass_text("tfl-canonicalize", share_constants=False)]


def _words(options: Options) -> dict[str, tuple[str, ...]]:
    """The options of `tfl-select-ops`: the ops that the user selected or excluded."""
    chosen = {"quantize_only": tuple(options.quantize_only), "skip": tuple(options.skip)}
    return {key: value for key, value in chosen.items() if value}


def _cleared(options: Options) -> list[str]:
    """Removes attributes that passes left for each other, except those that the passes for sparse weights
    still need.
    """
    keeps = {"keep_selection": True} if options.sparsifies and _words(options) else {}
    return [pass_text("tfl-clear-marks", **keeps)]


def _allowed_float(options: Options) -> list[str]:
    return [pass_text("tfl-allow-float", ops=tuple(options.allow_float))] if options.allow_float else []


def _float_regions(options: Options) -> list[str]:
    ends = {"ends": options.region_ends} if options.region_ends else {}
    return [pass_text("tfl-float-regions", **ends)] if options.float_regions == "on" else []


def float_first(options: Options) -> list[str]:
    """The passes before all others and before calibration, if a quantized model is requantized."""
    if options.requantize is None:
        return []
    ranges = {} if options.requantize == "float32" else {"ranges": True}
    return ["tfl-lower-fake-quant", "tfl-densify-fold", pass_text("tfl-dequantize-model", **ranges)]


def equalized(options: Options) -> list[str]:
    """The passes before calibration that scale channels, if the options ask for that (also with `auto`)."""
    if options.equalize == "off":
        return []
    words = _words(options)
    return [*([pass_text("tfl-select-ops", sound=False, **words)] if words else []), "tfl-equalize-channels"]


def _io_types(options: Options, *, strict: bool) -> list[str]:
    """The pass that changes the types of inputs and outputs, if the options request it.

    If ops may remain float, so may the inputs that they read, and a remark says so; otherwise that is an error.
    """
    types = {"input_type": options.inference_input_type, "output_type": options.inference_output_type}
    requested: dict[str, bool | str] = {
        side: kind for side, kind in types.items() if kind != "float32" or _asks_for_float(side, options)
    }
    if requested:
        requested |= _compat(options) or ({"strict": True} if strict else {})
    return [pass_text("tfl-modify-io-nodes", **requested)] if requested else []


def _asks_for_float(side: str, options: Options) -> bool:
    """Whether inputs or outputs that could be integer are explicitly requested as float32."""
    return options.has_integers and f"inference_{side}" in options.beside


def _wants_float16(options: Options) -> bool:
    types = options.target_spec.type_names()
    return "float16" in types and "int8" not in types


def _wants_int16x8(options: Options) -> bool:
    rules = options.rules
    named = rules is not None and "int16" in rules.all_activations and "int8" not in rules.all_activations
    return ((named or _X16 in options.target_spec.supported_ops) and options.has_data) or options.requantize == "int16"


def _wants_integer_only(options: Options) -> bool:
    spec = options.target_spec
    required = OpsSet.TFLITE_BUILTINS_INT8 in spec.supported_ops or set(spec.type_names()) == {"int8"}
    return required and options.has_data and not _allows_float(options)


def _allows_float(options: Options) -> bool:
    """Whether ops may remain float: by default, but not if int8 is the only supported type (it implies the
    INT8 set).
    """
    spec = options.target_spec
    return OpsSet.TFLITE_BUILTINS in spec.supported_ops and set(spec.type_names()) != {"int8"}


def _dense_first(options: Options) -> list[str]:
    """The passes before quantization for EXPERIMENTAL_SPARSITY: make weights dense and remove channels
    without effect.
    """
    words = _words(options)
    fused = ["tfl-optimize"] if mode_of(options).needs_ranges and not options.tf_compat else []
    chosen = [*fused, pass_text("tfl-select-ops", sound=False, **words)] if words else []
    return chosen if options.tf_compat else [*chosen, "tfl-densify-fold", "tfl-remove-dead-channels"]


def _sparse_last(options: Options) -> list[str]:
    """The passes after it, which make weights sparse by the zeros of the stored numbers."""
    cleared = ["tfl-clear-marks"] if _words(options) else []
    if options.tf_compat:
        return [pass_text("tfl-dense-to-sparse", **_compat(options)), *cleared]
    wanted = options.sparsity_target
    if wanted == "balanced" and options.optimize_for in ("latency", "size"):
        wanted = options.optimize_for
    target = {} if wanted == "balanced" else {"target": wanted}
    passes = ("tfl-fully-connected-to-conv-2d", "tfl-dequantize-hybrid-convolutions", "tfl-dense-to-sparse")
    return [*(pass_text(name, **target) for name in passes), *cleared]


_INT8_TYPES = ("float32", "int8", "uint8")
_KEEPING_INTEGERS = (ModeName.NONE, ModeName.DYNAMIC_RANGE, ModeName.FLOAT16)
"""Modes that do not create integer inputs and outputs, but keep those that a model has."""
MODES: tuple[Mode, ...] = (
    Mode(ModeName.PASSES, lambda o: o.replaces_passes, lambda o: [o.passes or ""]),
    Mode(ModeName.NONE, lambda o: not o.quantizes, fitted),
    Mode(ModeName.INT16, _wants_int16x8, _int16x8, ("float32", "int16"), needs_ranges=True),
    Mode(
        ModeName.FLOAT16,
        _wants_float16,
        _float16,
        metadata=(("reduced_precision_support", b"fp16accfp32"),),
        metadata_for="constants to float16",
    ),
    Mode(ModeName.INTEGER_ONLY, _wants_integer_only, _integer_only, _INT8_TYPES, needs_ranges=True),
    Mode(
        ModeName.INTEGER,
        lambda o: (o.has_ranges or o.has_data) and not o.is_dynamic,
        _integer,
        _INT8_TYPES,
        needs_ranges=True,
    ),
    Mode(ModeName.DYNAMIC_RANGE, lambda _: True, _dynamic_range),
)
"""All modes; the first one whose condition holds is selected."""


def mode_of(options: Options) -> Mode:
    """The mode that the options select. Raises `Error` (status 2) for a combination that is not valid."""
    mode = next(mode for mode in MODES if mode.applies(options))
    refuse(options, mode.name)
    for side, kind in (("input", options.inference_input_type), ("output", options.inference_output_type)):
        known = _INT8_TYPES if options.has_integers and mode.name in _KEEPING_INTEGERS else mode.io_types
        if kind not in known:
            raise Error(
                f"{side}s can't be {kind} in mode '{mode.name}'",
                hint=f"use {' or '.join(known)}" + ("" if options.has_data else ", or give a dataset"),
                status=USAGE,
            )
    return mode


def pipeline_of(options: Options) -> str:
    """The pipeline that the options select, in the `-p` syntax; '' for none."""
    return ",".join(part for part in stages_of(options) if part)


def float_stage(options: Options) -> str:
    """The first of the two parts of a pipeline, which makes a quantized model float; '' if none is to be."""
    if options.requantize is None or options.replaces_passes:
        return ""
    first = ",".join(float_first(options))
    if not options.adds_passes:
        return first
    return extended_first(first, options.passes, tuple(options.before), tuple(options.after))


def stages_of(options: Options) -> tuple[str, str]:
    """The pipeline in two parts: the passes before ranges are recorded, which make a quantized model float or scale
    channels, and the rest.
    """
    mode = mode_of(options)
    passes = mode.passes(options)
    if (options.quantizes or options.target) and mode.name != ModeName.PASSES and not options.tf_compat:
        passes = [*passes, "tfl-canonicalize"]
    if mode.name in _KEEPING_INTEGERS:
        passes = [*passes, *_io_types(options, strict=True)]
    if options.sparsifies:
        passes = [*_dense_first(options), *passes, *_sparse_last(options)]
    first, rest = ",".join([*float_first(options), *equalized(options)]), ",".join(passes)
    if not options.adds_passes:
        return first, rest
    around = None if options.replaces_passes else options.passes
    return extended(first, rest, around, tuple(options.before), tuple(options.after))
