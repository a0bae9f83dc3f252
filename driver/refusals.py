"""Checks combinations of options: errors and warnings, with a hint how to correct them.

Most checks follow from the declarations of the options: the modes in which each has an effect, the options that it
needs, and those that it excludes. The rules that depend on values are in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tflir.flags import AUTO, DEPRECATED, WITH_LATENCY, OpsSet
from tflir.ir.errors import USAGE, Error
from tflir.modes import NAMED_MODES
from tflir.option import WITH_RANGES, ModeName, Option
from tflir.options import Options, refuse_exclusive, table

_INT8 = OpsSet.TFLITE_BUILTINS_INT8
_X16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
_GIVE_DATA = "give --representative-dataset or --stats"

_WITHOUT_EFFECT: dict[ModeName, tuple[str, str]] = {
    ModeName.NONE: ("does nothing without an optimization that quantizes", "add --optimize DEFAULT"),
    ModeName.SPARSITY: ("does nothing without an optimization that quantizes", "add --optimize DEFAULT"),
    ModeName.DYNAMIC_RANGE: ("does nothing in mode 'dynamic range'", "leave it out"),
    ModeName.FLOAT16: ("does nothing beside --supported-types float16", "leave one of the two out"),
    ModeName.PASSES: (
        "does nothing beside --passes, which stands instead of it",
        "give one or the other, or write DEFAULT in --passes",
    ),
}
"""Why options have no effect in a mode, and what to do."""
_SPARSITY_ALONE = (
    "does nothing without EXPERIMENTAL_SPARSITY",
    "add --optimize EXPERIMENTAL_SPARSITY, or leave it out",
)


def active_modes(options: Options, mode: ModeName) -> frozenset[ModeName]:
    """`mode`, and sparsity, which may be combined with another mode."""
    if options.replaces_passes:
        return frozenset({ModeName.PASSES})
    if not options.sparsifies:
        return frozenset({mode})
    return frozenset({mode, ModeName.SPARSITY}) - {ModeName.NONE}


def takes_part(declared: Option, options: Options, active: frozenset[ModeName]) -> bool:
    """Whether an option has an effect in any of the `active` modes, or with an option that uses it."""
    if declared.everywhere_if is not None and declared.everywhere_if(getattr(options, declared.name)):
        return True
    users = options.given | frozenset({"weight_algorithm"} if options.uses_gptq else ())
    if "test_data" in users:  # the model runs on these instead
        users -= {"verify", "report"}
    return bool(declared.modes & active) or not users.isdisjoint(declared.used_by)


def refuse(options: Options, mode: ModeName) -> None:
    """Raises `Error` (status 2) for the first combination of options that is not valid."""
    refuse_exclusive(options.given)
    for rule in _RULES:
        if (refusal := rule(options, mode)) is not None:
            what, hint = refusal
            raise Error(what, hint=hint, status=USAGE)


def warnings_of(options: Options, mode: ModeName) -> Iterator[str]:
    """The warnings about options that have no effect and do no harm."""
    active = active_modes(options, mode)
    for item in options.optimizations:
        if item in DEPRECATED:
            yield f"{item.name} is deprecated: use DEFAULT, which does the same"
    for declared in _given(options):
        if not takes_part(declared, options, active) and active <= declared.warned:
            yield f"{declared.flag} {_why(declared, options, active)[0]}"
    yield from _idle_values(options, mode)
    yield from _counted_twice(options)


def _counted_twice(options: Options) -> Iterator[str]:
    if max(len(options.stats), len(options.moments)) > 1:
        from tflir.data.twice import copies

        for paths in (options.stats, options.moments):
            for copy, original in copies(paths):
                yield f"{copy} has the same content as {original}: if they are of one shard, its samples count twice"


def _idle_values(options: Options, mode: ModeName) -> Iterator[str]:
    ops, types = options.target_spec.supported_ops, options.target_spec.type_names()
    if _INT8 in ops and mode not in WITH_RANGES and options.quantizes:
        yield f"TFLITE_BUILTINS_INT8 of --supported-ops does nothing in mode '{mode}': it needs ranges of activations"
    if _X16 in ops and mode is not ModeName.INT16 and options.quantizes:
        yield f"int16 activations of --supported-ops are left out in mode '{mode}': they need their ranges"
    if "float16" in types and "int8" in types:
        yield "float16 of --supported-types does nothing beside int8"
    if "float32" in types:
        yield "float32 of --supported-types does nothing: ops may stay float unless --supported-ops says otherwise"


_Found = tuple[str, str] | None


def _missing(options: Options, mode: ModeName) -> _Found:
    for declared in _given(options):
        if declared.needs and options.given.isdisjoint(declared.needs):
            needed = " or ".join(table()[name].flag for name in declared.needs)
            return f"{declared.flag} does nothing without {needed}", "add it, or leave it out"
    return None


def _idle(options: Options, mode: ModeName) -> _Found:
    active = active_modes(options, mode)
    for declared in _given(options):
        if not takes_part(declared, options, active) and not active <= declared.warned:
            why, hint = _why(declared, options, active)
            return f"{declared.flag} {why}", hint
    return None


def _why(declared: Option, options: Options, active: frozenset[ModeName]) -> tuple[str, str]:
    """Why an option has no effect, and what to do."""
    if declared.modes == frozenset({ModeName.SPARSITY}) and ModeName.PASSES not in active:
        return _SPARSITY_ALONE
    if options.mode is not None and not options.replaces_passes:
        return f"does nothing beside --mode {options.mode}", "leave it out, or name another mode"
    beside = active - {ModeName.SPARSITY}
    first = next(mode for mode in ModeName if mode in (beside or active))
    return _WITHOUT_EFFECT.get(first, (f"does nothing in mode '{first}'", "leave it out"))


def _named_without_data(options: Options, mode: ModeName) -> _Found:
    if options.mode is None or options.has_data or options.replaces_passes:
        return None
    if NAMED_MODES[options.mode].needs_ranges:
        return f"--mode {options.mode} needs the ranges of activations", _GIVE_DATA
    return None


def _other_than_named(options: Options, mode: ModeName) -> _Found:
    if options.mode is None or options.replaces_passes:
        return None
    named = NAMED_MODES[options.mode]
    if named.selects is mode and (named.needs_ranges or options.requantize in (None, "float32")):
        return None
    what = f"--mode {options.mode} and --requantize {options.requantize} contradict each other"
    return what, "leave one of the two out"


def _shard_twice(options: Options, mode: ModeName) -> _Found:
    if max(len(options.stats), len(options.moments)) > 1:
        from tflir.data.twice import named_twice

        for flag, paths in (("--stats", options.stats), ("--moments", options.moments)):
            if (path := named_twice(paths)) is not None:
                return f"{flag} names the file '{path}' twice: its samples would count twice", "name it once"
    return None


def _integer_without_data(options: Options, mode: ModeName) -> _Found:
    if options.has_data or options.replaces_passes:
        return None
    spec = options.target_spec
    if _INT8 in spec.supported_ops and OpsSet.TFLITE_BUILTINS not in spec.supported_ops:
        return "TFLITE_BUILTINS_INT8 needs the ranges of activations", _GIVE_DATA
    if set(spec.type_names()) == {"int8"} and options.quantizes:
        return "int8 as the only type of --supported-types needs the ranges of activations", _GIVE_DATA
    return None


def _int16_without_data(options: Options, mode: ModeName) -> _Found:
    without = not options.has_data and not options.replaces_passes
    wanted = _X16 in options.target_spec.supported_ops and not options.tf_compat
    if without and (wanted or options.requantize == "int16"):
        return "int16 activations need their ranges", _GIVE_DATA
    return None


def _recipe_without_data(options: Options, mode: ModeName) -> _Found:
    if options.rules is None or options.is_dynamic or options.has_data or options.replaces_passes:
        return None
    return f"recipe {options.recipe} needs the ranges of activations", _GIVE_DATA


def _per_channel_in_recipe(options: Options, mode: ModeName) -> _Found:
    if options.recipe is None or not options.disable_per_channel or options.replaces_passes:
        return None
    what = "--disable-per-channel does nothing beside --recipe, whose rules say which weights have one scale"
    return what, 'write granularity = "tensor" in a rule, or leave it out'


def _gptq_without_data(options: Options, mode: ModeName) -> _Found:
    seen = options.representative_dataset is not None or options.moments
    if not options.uses_gptq or seen or options.replaces_passes:
        return None
    asked = "--weight-algorithm gptq" if options.weight_algorithm == "gptq" else f"gptq in a rule of {options.recipe}"
    return f"{asked} needs to see what layers read", "add --representative-dataset, or --moments"


def _idle_moments(options: Options, mode: ModeName) -> _Found:
    if not options.moments or options.rounds_weights or options.replaces_passes:
        return None
    return "--moments does nothing without GPTQ or bias correction", "add --weight-algorithm gptq, or leave it out"


def _idle_sequence(options: Options, mode: ModeName) -> _Found:
    if "sequential_rounding" not in options.given or options.uses_gptq or options.replaces_passes:
        return None
    return "--sequential-rounding does nothing without GPTQ", "add --weight-algorithm gptq, or leave it out"


def _integer_with_other_types(options: Options, mode: ModeName) -> _Found:
    ops, others = options.target_spec.supported_ops, sorted(set(options.target_spec.type_names()) - {"int8"})
    if others and _INT8 in ops and OpsSet.TFLITE_BUILTINS not in ops:
        hint = "leave --supported-types out, or add TFLITE_BUILTINS to --supported-ops"
        return f"TFLITE_BUILTINS_INT8 alone allows no {others[0]}", hint
    if others and mode is ModeName.INT16:
        return f"{others[0]} of --supported-types does nothing beside int16 activations", "leave one of the two out"
    return None


def _idle_percentile(options: Options, mode: ModeName) -> _Found:
    return idle_percentile(options)


def idle_percentile(options: Options) -> _Found:
    """Why --percentile has no effect, and what to do; None if it has one or was not given."""
    if "percentile" not in options.given or options.calibration_method in ("percentile", AUTO):
        return None
    return "--percentile does nothing without --calibration-method percentile", "add it, or leave it out"


def _auto_without_data(options: Options, mode: ModeName) -> _Found:
    if options.replaces_passes:
        return None
    for flag, word, other in (
        ("--float-regions", options.float_regions, "--float-regions on"),
        ("--calibration-method", options.calibration_method, "name a method"),
        ("--equalize", options.equalize, "--equalize on"),
    ):
        if word == AUTO and options.representative_dataset is None:
            what = f"{flag} auto measures on --representative-dataset; statistics alone do not do"
            return what, f"give the data, or {other}"
    if options.calibration_method == AUTO and options.requantize is not None:
        what = f"--calibration-method auto and --requantize {options.requantize} exclude each other"
        return what, "name a method"
    return None


def _two_integer_sets(options: Options, mode: ModeName) -> _Found:
    ops = options.target_spec.supported_ops
    if _INT8 in ops and _X16 in ops:
        return "int8 and int16 activations exclude each other", "give one of the two to --supported-ops"
    return None


def _requantize_to_two(options: Options, mode: ModeName) -> _Found:
    spec, kind = options.target_spec, options.requantize
    other = {"int8": _X16, "int16": _INT8}.get(kind or "")
    if other is not None and other in spec.supported_ops:
        excluded = f"{other.name} of --supported-ops" if options.mode is None else f"--mode {options.mode}"
        return f"--requantize {kind} excludes {excluded}", "leave out one of the two"
    if kind in ("int8", "int16") and "float16" in spec.type_names():
        return f"--requantize {kind} excludes float16 of --supported-types", "leave out one of the two"
    return None


def _allow_float_everywhere(options: Options, mode: ModeName) -> _Found:
    allowed = mode is ModeName.INT16 and OpsSet.TFLITE_BUILTINS in options.target_spec.supported_ops
    if options.allow_float and allowed:
        by_name = "give --supported-ops instead of --mode, without TFLITE_BUILTINS, or leave it out"
        hint = "leave TFLITE_BUILTINS out of --supported-ops, or leave it out" if options.mode is None else by_name
        return "--allow-float does nothing where all operators may stay float", hint
    return None


def _unknown_latency(options: Options, mode: ModeName) -> _Found:
    if options.optimize_for != "latency" or options.target in WITH_LATENCY:
        return None
    what = f"--optimize-for latency does nothing for target '{options.target}', whose latency is not known"
    return what, f"use --target {' or '.join(WITH_LATENCY)}, or another goal"


def _no_ops(options: Options, mode: ModeName) -> _Found:
    if options.target_spec.supported_ops:
        return None
    return "target_spec.supported_ops is empty: the target would run nothing", "leave it as it is"


def _given(options: Options) -> list[Option]:
    """The options that were given, in the order of their declaration."""
    given = options.given
    return [declared for name, declared in table().items() if name in given]


_RULES: tuple[Callable[[Options, ModeName], _Found], ...] = (
    _missing,
    _named_without_data,
    _other_than_named,
    _requantize_to_two,
    _allow_float_everywhere,
    _shard_twice,
    _integer_without_data,
    _int16_without_data,
    _recipe_without_data,
    _per_channel_in_recipe,
    _gptq_without_data,
    _idle_moments,
    _idle_sequence,
    _idle_percentile,
    _idle,
    _auto_without_data,
    _integer_with_other_types,
    _two_integer_sets,
    _unknown_latency,
    _no_ops,
)
