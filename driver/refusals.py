"""Options that make no sense, or none together: one table of what is refused, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable

from tflir.ir.errors import Error
from tflir.options import OpsSet, Options

_INT8 = OpsSet.TFLITE_BUILTINS_INT8
_X16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
_TYPES = {"float16", "int8", "float32"}

_TARGETS = ("balanced", "size", "latency")
_ADD_DEFAULT = "add --optimize DEFAULT"
_GIVE_DATA = "give --representative-dataset or --stats"


def _unknown_type(options: Options) -> str | None:
    unknown = sorted(set(options.target_spec.type_names()) - _TYPES)
    return f"supported type {unknown[0]} is not one that weights can have" if unknown else None


def _idle(options: Options) -> str | None:
    """The first option that does nothing without quantization. Sparsity ignores data, as TensorFlow does."""
    if options.quantizes or options.passes is not None:
        return None
    given = (
        ("supported types do", bool(options.target_spec.type_names())),
        ("--disable-per-channel does", options.disable_per_channel),
        ("a representative dataset does", options.representative_dataset is not None and not options.sparsifies),
        ("--stats does", bool(options.stats)),
        ("--quantize-only does", bool(options.quantize_only)),
        ("--skip does", bool(options.skip)),
    )
    return next((f"{what} nothing without an optimization that quantizes" for what, there in given if there), None)


def _idle_target(options: Options) -> str | None:
    if options.sparsity_target not in _TARGETS:
        return f"'{options.sparsity_target}' is no sparsity target: there are {', '.join(_TARGETS)}"
    idle = options.sparsity_target != _TARGETS[0] and not options.sparsifies
    return "--sparsity-target does nothing without EXPERIMENTAL_SPARSITY" if idle else None


def _integer_without_data(options: Options) -> str | None:
    ops = options.target_spec.supported_ops
    if _INT8 in ops and OpsSet.TFLITE_BUILTINS not in ops and not options.has_data:
        return "TFLITE_BUILTINS_INT8 needs the ranges of activations"
    return None


def _int16_without_data(options: Options) -> str | None:
    if _X16 in options.target_spec.supported_ops and not options.has_data and not options.tf_compat:
        return "int16 activations need their ranges"
    return None


def _int8_with_other_types(options: Options) -> str | None:
    ops, types = options.target_spec.supported_ops, set(options.target_spec.type_names())
    if _INT8 in ops and OpsSet.TFLITE_BUILTINS not in ops and types - {"int8"}:
        return f"TFLITE_BUILTINS_INT8 alone allows no {sorted(types - {'int8'})[0]}"
    return None


def _two_integer_sets(options: Options) -> str | None:
    ops = options.target_spec.supported_ops
    both = _INT8 in ops and _X16 in ops
    return "int8 and int16 activations exclude each other" if both else None


def _both_selections(options: Options) -> str | None:
    return "--quantize-only and --skip exclude each other" if options.quantize_only and options.skip else None


_REFUSALS: tuple[tuple[Callable[[Options], str | None], str], ...] = (
    (_unknown_type, "use float16 or int8"),
    (_idle, _ADD_DEFAULT),
    (_idle_target, "add --optimize EXPERIMENTAL_SPARSITY, or leave it out"),
    (_integer_without_data, _GIVE_DATA),
    (_int16_without_data, _GIVE_DATA),
    (_int8_with_other_types, "leave --supported-types out, or add TFLITE_BUILTINS to --supported-ops"),
    (_two_integer_sets, "give one of the two to --supported-ops"),
    (_both_selections, "say which ops to quantize, or which not"),
)


def refuse(options: Options) -> None:
    """Raises `Error` (status 2) for the first thing about the options that can't be meant."""
    for rule, hint in _REFUSALS:
        if (what := rule(options)) is not None:
            raise Error(what, hint=hint, status=2)
