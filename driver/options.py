"""The options of a conversion, with the names and the meaning that they have in `tf.lite.TFLiteConverter`.

Each is declared here once: the arguments of the commands, the attributes of `Converter`, errors, warnings and the page
of the documentation are derived from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from tflir.command_options import COMMANDS
from tflir.extending import additions, names_default
from tflir.flags import (
    DYNAMIC_RECIPE,
    IO_TYPES,
    OBJECTIVES,
    RECIPES,
    REQUANTIZED,
    SPARSITY_TARGETS,
    WEIGHT_ALGORITHMS,
    Optimize,
    TargetSpec,
    target_name,
)
from tflir.ir.errors import Error
from tflir.option import (
    CHANGING,
    QUANTIZING,
    WITH_RANGES,
    WITHOUT_PASSES,
    ModeName,
    Option,
    count,
    each,
    member_of,
    number,
    one_of,
    option,
    path,
    path_or_object,
    scale,
    text,
)

if TYPE_CHECKING:
    from tflir.data.dataset import Scaling

_USAGE = 2
_USERS_OF_DATA = ("verify", "report", "weight_algorithm", "bias_correction")
_NO_RANGES = frozenset({ModeName.FLOAT16, ModeName.SPARSITY})


@dataclass(eq=False)
class Settings:
    """The options that users set, on the command line or on a `Converter`."""

    optimizations: Sequence[Optimize] = option(
        (),
        Option(
            "--optimize",
            "DEFAULT: quantize (OPTIMIZE_FOR_SIZE and OPTIMIZE_FOR_LATENCY: deprecated names of DEFAULT); "
            "EXPERIMENTAL_SPARSITY: leave the zeros of weights out",
            "FLAG[,FLAG…]",
            each(member_of(Optimize)),
            many=True,
            modes=WITHOUT_PASSES,
        ),
    )
    target_spec: TargetSpec = field(default_factory=TargetSpec)
    recipe: str | None = option(
        None,
        Option(
            "--recipe",
            "quantize as this preset of AI Edge Quantizer does: dynamic_wi8_afp32 (dynamic range, also beside data), "
            "static_wi8_ai8, static_wi8_ai16 (both with ranges)",
            "NAME",
            one_of(RECIPES),
            modes=QUANTIZING - {ModeName.FLOAT16, ModeName.INTEGER_ONLY},
            turns=frozenset({ModeName.NONE, ModeName.SPARSITY}),
            excludes=("supported_ops", "supported_types", "requantize", "tf_compat"),
        ),
    )
    """The mode by its name in AI Edge Quantizer; data that is given beside `dynamic_wi8_afp32` serves the weights."""
    target: str | None = option(
        None,
        Option(
            "--target",
            "fit the model to what a target's kernels take: xnnpack (the default delegate of LiteRT), litert (its "
            "built-in kernels), tflm, ethos-u, or one of a plug-in",
            "TARGET",
            target_name,
            modes=WITHOUT_PASSES,
            excludes=("tf_compat",),
        ),
    )
    """The runtime whose kernels decide which form ops get; None: TensorFlow's choice."""
    optimize_for: str | None = option(
        None,
        Option(
            "--optimize-for",
            "beside --target: latency (never slower than before, by its cost model), size (no op is added), or "
            "accuracy (what rounds least)",
            "GOAL",
            one_of(OBJECTIVES),
            modes=WITHOUT_PASSES,
            needs=("target",),
            excludes=("tf_compat",),
        ),
    )
    """What counts where a target runs an op in several forms: `latency`, `size`, `accuracy`; None: what it takes."""
    sparsity_target: str = option(
        "balanced",
        Option(
            "--sparsity-target",
            "of EXPERIMENTAL_SPARSITY: size, latency, or balanced (default): never larger, never slower by the model",
            "TARGET",
            one_of(SPARSITY_TARGETS),
            modes=frozenset({ModeName.SPARSITY}),
            excludes=("tf_compat",),
        ),
    )
    representative_dataset: Any = option(
        None,
        Option(
            "--representative-dataset",
            ".npz or .npy with samples on the first axis, a folder of such files or of images with one each, "
            "or module:function",
            "DATA",
            path_or_object,
            modes=WITH_RANGES,
            warned=_NO_RANGES,
            turns=frozenset({ModeName.DYNAMIC_RANGE}),
            used_by=_USERS_OF_DATA,
            excludes=("stats",),
            commands=("compile", "calibrate"),
            required=("calibrate",),
        ),
    )
    """A function that yields samples, as for `tf.lite.TFLiteConverter`; or a path, or samples."""
    calibration_samples: int | None = option(
        None,
        Option(
            "--calibration-samples", "at most N samples", "N", count, needs=("representative_dataset",),
            modes=WITH_RANGES, warned=_NO_RANGES, used_by=_USERS_OF_DATA,
            commands=("compile", "calibrate"),
        ),
    )  # fmt: skip
    """At most this many samples; None: all."""
    input_scale: float | None = option(
        None,
        Option(
            "--input-scale", "a value of the data stands for value * SCALE + OFFSET (default: 1)", "SCALE", scale,
            needs=("representative_dataset",), modes=WITH_RANGES, warned=_NO_RANGES,
            used_by=_USERS_OF_DATA, commands=("compile", "calibrate"),
        ),
    )  # fmt: skip
    """What the data's values are multiplied by, for inputs of real numbers: images are from 0 to 255."""
    input_offset: float | None = option(
        None,
        Option(
            "--input-offset", "a value of the data stands for value * SCALE + OFFSET (default: 0)", "OFFSET", number,
            needs=("representative_dataset",), modes=WITH_RANGES, warned=_NO_RANGES,
            used_by=_USERS_OF_DATA, commands=("compile", "calibrate"),
        ),
    )  # fmt: skip
    """What is added to them after that."""
    stats: Sequence[Any] = option(
        (),
        Option(
            "--stats", "ranges that calibrate wrote", "FILE[,FILE…]", each(path), many=True, modes=WITH_RANGES,
            turns=frozenset({ModeName.DYNAMIC_RANGE}),
        ),
    )  # fmt: skip
    """Files that `tflir calibrate` wrote, merged."""
    weight_algorithm: str = option(
        "minmax",
        Option(
            "--weight-algorithm",
            "how weights are rounded: minmax (default: each to the nearest), or gptq: so that the results of the layer "
            "err least on the representative data",
            "ALGORITHM",
            one_of(WEIGHT_ALGORITHMS),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("representative_dataset",),
            excludes=("tf_compat", "requantize"),
        ),
    )
    """`gptq` takes representative data, which says what each layer reads."""
    bias_correction: str = option(
        "off",
        Option(
            "--bias-correction",
            "on: biases make up for the mean of what rounding the weights changes, measured on the data; "
            "auto: where a part of the data that is held out confirms it",
            "off|on|auto",
            one_of(("off", "on", "auto")),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("representative_dataset",),
            excludes=("tf_compat", "requantize"),
        ),
    )
    """Whether the mean error of each layer, (W - Q) E[x], is added to its bias."""
    inference_input_type: Any = option(
        "float32",
        Option(
            "--inference-input-type",
            f"type of the model's inputs, where they are quantized: {', '.join(IO_TYPES)}",
            "TYPE",
            one_of(IO_TYPES),
            modes=WITHOUT_PASSES,
        ),
    )
    inference_output_type: Any = option(
        "float32",
        Option(
            "--inference-output-type",
            f"type of the model's outputs, where they are quantized: {', '.join(IO_TYPES)}",
            "TYPE",
            one_of(IO_TYPES),
            modes=WITHOUT_PASSES,
        ),
    )
    quantize_only: Sequence[str] = option(
        (),
        Option(
            "--quantize-only",
            "change these ops alone: a kind (CONV_2D), a tensor's name, or a regular expression for names",
            "OP[,OP…]",
            each(text),
            many=True,
            modes=CHANGING,
            excludes=("skip",),
        ),
    )
    """Ops by kind, by the name of a tensor, or by a regular expression for names; all others stay as they are."""
    skip: Sequence[str] = option(
        (), Option("--skip", "leave these ops as they are", "OP[,OP…]", each(text), many=True, modes=CHANGING)
    )
    """Ops that stay as they are, named as for `quantize_only`."""
    requantize: str | None = option(
        None,
        Option(
            "--requantize",
            "make a quantized model float first (float32), then quantize it anew from its own scales (int8, int16)",
            "TYPE",
            one_of(REQUANTIZED),
            modes=WITHOUT_PASSES,
        ),
    )
    """`float32` makes a quantized model float; `int8` and `int16` quantize it from its own scales then."""
    allow_float: Sequence[str] = option(
        (),
        Option(
            "--allow-float",
            "beside integer operators alone, leave these float: DIV, a custom operator's code, CUSTOM (all of them)",
            "OP[,OP…]",
            each(text),
            many=True,
            modes=frozenset({ModeName.INTEGER_ONLY, ModeName.INT16}),
            excludes=("tf_compat",),
        ),
    )
    """What may stay float where `supported_ops` allows integers alone."""
    disable_per_channel: bool = option(
        False,
        Option(
            "--disable-per-channel", "one scale for each weight tensor", modes=QUANTIZING - {ModeName.FLOAT16}
        ),
    )  # fmt: skip
    tf_compat: bool = option(
        False,
        Option(
            "--tf-compat", "TensorFlow 2.21's numbers to the bit, quirks included", commands=("compile", "calibrate")
        ),
    )
    """TensorFlow's own numbers, its quirks included."""
    passes: str | None = option(
        None,
        Option(
            "--passes", "run these passes instead: 'a,b{x=1}'; the word DEFAULT stands for those of the other options",
            "PIPELINE", text, short="-p", modes=frozenset({ModeName.PASSES}), turns=frozenset({ModeName.NONE}),
            everywhere_if=names_default,
        ),
    )  # fmt: skip
    """A pipeline in the `-p` syntax instead of the one that the other options give, or around it: `a,DEFAULT,b`."""
    before: Sequence[Any] = option(
        (),
        Option("--before", "run these passes before each PASS of the pipeline", "PASS=PIPELINE", additions, many=True),
    )
    """Passes to run before others: `{"tfl-quantize": "a,b{x=1}"}`, or texts `tfl-quantize=a,b{x=1}`."""
    after: Sequence[Any] = option(
        (), Option("--after", "run these passes after each PASS of the pipeline", "PASS=PIPELINE", additions, many=True)
    )
    """Passes to run after others, given as for `before`."""
    plugins: Sequence[str] = option(
        (), Option("--plugin", "use what this plug-in says of built-in ops", "NAME[,NAME…]", each(text), many=True)
    )
    """Plug-ins whose facts of built-in ops are in force, beside those that the variable TFLIR_PLUGINS names."""


@dataclass(eq=False)
class Options(Settings):
    """All inputs of a conversion, from which `pipeline` derives the passes."""

    has_ranges: bool = False
    """Whether the model itself has recorded ranges or fake quantization."""
    has_integers: bool = False
    """Whether an input or output of the model is quantized, or is converted from or to a quantized tensor."""
    beside: frozenset[str] = frozenset()
    """The names of all options on the command line, also those of the command and those with default values."""

    @property
    def quantizes(self) -> bool:
        """Whether an optimization, or requantization, asks for more than sparsity."""
        return (
            self.recipe is not None
            or self.requantize in ("int8", "int16")
            or any(item is not Optimize.EXPERIMENTAL_SPARSITY for item in self.optimizations)
        )

    @property
    def replaces_passes(self) -> bool:
        """Whether a pipeline replaces the one that the other options select."""
        return self.passes is not None and not names_default(self.passes)

    @property
    def asks_for_passes(self) -> bool:
        """Whether passes are given, instead of or in addition to those that the other options select."""
        return self.passes is not None or self.adds_passes

    @property
    def adds_passes(self) -> bool:
        """Whether passes are added to the pipeline that the other options select."""
        return bool(self.before or self.after) or (self.passes is not None and names_default(self.passes))

    @property
    def sparsifies(self) -> bool:
        return Optimize.EXPERIMENTAL_SPARSITY in self.optimizations

    @property
    def rounds_weights(self) -> bool:
        """Whether weights or biases are chosen by what layers read on the representative data."""
        return self.weight_algorithm != "minmax" or self.bias_correction != "off"

    @property
    def is_dynamic(self) -> bool:
        """Whether a recipe asks for dynamic range, though there may be data."""
        return self.recipe == DYNAMIC_RECIPE

    @property
    def has_data(self) -> bool:
        """Whether ranges of activations are known or will be."""
        return self.representative_dataset is not None or bool(self.stats) or self.has_ranges

    @property
    def scaling(self) -> Scaling | None:
        """The scaling of the data's values, if it was given."""
        if self.input_scale is None and self.input_offset is None:
            return None
        from tflir.data.dataset import Scaling

        return Scaling(1.0 if self.input_scale is None else self.input_scale, self.input_offset or 0.0)

    @property
    def given(self) -> frozenset[str]:
        """The names of the options that were set, or differ from their defaults."""
        return self.beside | frozenset(name for name, _ in _fields() if _differs(_get(self, name), _default(name)))

    def checked(self) -> Options:
        """A copy with each value converted by its option. Raises `Error` (status 2) if a value is not valid."""
        checked_options = replace(self, target_spec=_target(self.target_spec))
        for name, declared in _fields():
            value = _get(checked_options, name)
            if value is _default(name):
                continue
            try:
                _set(checked_options, name, declared.value(value))
            except ValueError as error:
                raise Error(f"{name}: {error}", hint="see tflir compile --help", status=_USAGE) from None
        return checked_options


def _target(spec: Any) -> TargetSpec:
    """A copy of a `target_spec` of tflir or TensorFlow."""
    known = [attribute.name for attribute in fields(TargetSpec)]
    if not all(hasattr(spec, name) for name in known):
        raise Error("target_spec is no TargetSpec", hint="set its attributes alone", status=_USAGE)
    return TargetSpec(**{name: getattr(spec, name) for name in known})


@cache
def _fields() -> tuple[tuple[str, Option], ...]:
    """The options that are fields, by attribute, in their order."""
    options: list[tuple[str, Option]] = []
    for setting in fields(Settings):
        inner = fields(TargetSpec) if setting.name == "target_spec" else (setting,)
        options += [(item.name, replace(item.metadata["option"], name=item.name)) for item in inner]
    return tuple(options)


@cache
def table() -> dict[str, Option]:
    """Every option by the name of its attribute."""
    return dict(_fields()) | {declared.name: declared for declared in COMMANDS}


def refuse_exclusive(given: Iterable[str]) -> None:
    """Raises `Error` (status 2) if two options of these names exclude each other."""
    names = frozenset(given)
    for declared in (declared for name, declared in table().items() if name in names):
        for other in (table()[name] for name in declared.excludes if name in names):
            what = f"{declared.flag} and {other.flag} exclude each other: one would be ignored"
            raise Error(what, hint="leave one of the two out", status=_USAGE)


def of_command(command: str) -> Iterator[Option]:
    """The options of a command, in the order of its help."""
    return (declared for declared in (*dict(_fields()).values(), *COMMANDS) if command in declared.commands)


def _holder(settings: Settings, name: str) -> Settings | TargetSpec:
    return settings.target_spec if hasattr(TargetSpec, name) else settings


def _get(settings: Settings, name: str) -> Any:
    return getattr(_holder(settings, name), name)


def _set(settings: Settings, name: str, value: Any) -> None:
    setattr(_holder(settings, name), name, value)


def _default(name: str) -> Any:
    return getattr(TargetSpec if hasattr(TargetSpec, name) else Settings, name)


def _differs(value: Any, default: Any) -> bool:
    """Whether an option was set; representative data may be arrays, whose comparison does not yield a bool."""
    return value is not None if default is None else bool(value != default)


def options_from(given: dict[str, Any]) -> Options:
    """The options for the values of a command line, by attribute, which are checked already."""
    options = Options(beside=frozenset(name for name in table() if given.get(name)))
    for name, _ in _fields():
        if name in given:
            _set(options, name, given[name])
    return options
