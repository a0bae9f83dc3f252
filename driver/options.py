"""The options of a conversion: those that users set, checked, and what follows from them.

Each is declared once, in `settings` and `command_options`: the arguments of the commands, the attributes of
`Converter`, errors, warnings and the page of the documentation are derived from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from tflir.command_options import COMMANDS
from tflir.extending import names_default
from tflir.flags import Optimize, TargetSpec
from tflir.ir.errors import USAGE, Error
from tflir.ir.option_words import WITHOUT_HISTOGRAMS
from tflir.modes import NAMED_MODES
from tflir.option import Option
from tflir.settings import Settings

if TYPE_CHECKING:
    from tflir.data.dataset import Scaling
    from tflir.data.stored import StoredInput, StoredInputs
    from tflir.passes.recipes import Recipe

_ONE, _MANY = "compile", "batch"


@dataclass(eq=False)
class Options(Settings):
    """All inputs of a conversion, from which `pipeline` derives the passes."""

    has_ranges: bool = False
    """Whether the model itself has recorded ranges or fake quantization."""
    has_integers: bool = False
    """Whether an input or output of the model is quantized, or is converted from or to a quantized tensor."""
    beside: frozenset[str] = frozenset()
    """The names of all options on the command line, also those of the command and those with default values."""
    region_ends: tuple[str, ...] = ()
    """With `float_regions`: the regions with ops of these names; without names, all of them."""
    stored_inputs: tuple[StoredInput, ...] = ()
    """How the inputs of a model that was made float stored numbers: integers of the data are those."""
    implied: frozenset[str] = frozenset()
    """The names of the options that were not given, and that `mode` set."""

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
        return self.uses_gptq or self.bias_correction != "off"

    @property
    def aims_weights(self) -> bool:
        """Whether layers may be rounded one after the other, each to make up for those before it."""
        return self.uses_gptq and self.sequential_rounding != "off" and self.representative_dataset is not None

    @property
    def needs_histograms(self) -> bool:
        """Whether ranges are chosen from the histograms of activations."""
        return self.calibration_method not in WITHOUT_HISTOGRAMS

    @property
    def headroom(self) -> int:
        """How many bits of int16 activations are for values beyond those of the samples: none, where ranges are to clip
        what was seen, or are those of integers.
        """
        clips = self.needs_histograms or self.requantize is not None
        return 0 if clips or self.tf_compat else 1

    @property
    def uses_gptq(self) -> bool:
        """Whether GPTQ is asked for, for all weights or by a rule of the recipe."""
        return self.weight_algorithm == "gptq" or (
            self.rules is not None and any(kind.algorithm == "gptq" for kind in self.rules.kinds)
        )

    @cached_property
    def rules(self) -> Recipe | None:
        """The recipe, read once from its file if it is no preset. Raises `Error` (status 2) if it is not valid."""
        if self.recipe is None:
            return None
        from tflir.passes.recipes import load_recipe

        return load_recipe(self.recipe)

    @property
    def is_dynamic(self) -> bool:
        """Whether float activations are asked for by name or by a recipe, though there may be data."""
        return self.mode == "dynamic-range" or (self.rules is not None and not self.rules.all_activations - {"float"})

    @property
    def has_data(self) -> bool:
        """Whether ranges of activations are known or will be."""
        return self.representative_dataset is not None or bool(self.stats) or self.has_ranges

    @property
    def sources(self) -> tuple[Any, ...]:
        """What says which values reach a model: data, statistics and moments, as they were given."""
        data = () if self.representative_dataset is None else (self.representative_dataset,)
        return (*data, *self.stats, *self.moments)

    @property
    def scaling(self) -> Scaling | None:
        """The scaling of the data's values, if it was given."""
        mean, deviation, scale, offset = self.input_mean, self.input_std, self.input_scale, self.input_offset
        if mean is deviation is scale is offset is None:
            return None
        from tflir.data.dataset import Scaling

        if mean is not None or deviation is not None:
            return Scaling.normalizing(mean or (0.0,), deviation or (1.0,))
        return Scaling(1.0 if scale is None else scale, offset or 0.0)

    @property
    def reading(self) -> Scaling | StoredInputs | None:
        """What the values of the data stand for, if that was given or is known of the model."""
        if self.scaling is not None or not self.stored_inputs:
            return self.scaling
        from tflir.data.stored import StoredInputs

        return StoredInputs(self.stored_inputs)

    @property
    def given(self) -> frozenset[str]:
        """The names of the options that were set, or differ from their defaults."""
        differing = {name for name, _ in _fields() if _differs(_get(self, name), _default(name))}
        return self.beside | (differing - self.implied)

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
                raise Error(f"{name}: {error}", hint="see tflir compile --help", status=USAGE) from None
        checked_options._expand_mode()
        return checked_options

    def _expand_mode(self) -> None:
        """Sets the options that `mode` stands for. Raises `Error` (status 2) if one was set to another value."""
        if self.mode is None:
            return
        stands_for = NAMED_MODES[self.mode]
        self.implied = frozenset({"optimizations", "supported_ops", "supported_types"}) - self.given
        for name in ("supported_ops", "supported_types"):
            value, implied = _get(self, name), getattr(stands_for, name)
            if name in self.given and set(value) != set(implied):
                raise Error(
                    f"--mode {self.mode} and this value of {table()[name].flag} contradict each other",
                    hint=f"leave one of the two out: the mode stands for {stands_for.flags}",
                    status=USAGE,
                )
            _set(self, name, implied)
        self.optimizations = tuple(dict.fromkeys((*stands_for.optimizations, *self.optimizations)))


def _target(spec: Any) -> TargetSpec:
    """A copy of a `target_spec` of tflir or TensorFlow."""
    known = [attribute.name for attribute in fields(TargetSpec)]
    if not all(hasattr(spec, name) for name in known):
        raise Error("target_spec is no TargetSpec", hint="set its attributes alone", status=USAGE)
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


def refuse_exclusive(given: Iterable[str], command: str = "compile") -> None:
    """Raises `Error` (status 2) if two options of a command with these names exclude each other."""
    names = frozenset(given)
    for declared in (declared for declared in of_command(command) if declared.name in names):
        for other in (table()[name] for name in declared.excludes if name in names):
            what = f"{declared.flag} and {other.flag} exclude each other: one would be ignored"
            raise Error(what, hint="leave one of the two out", status=USAGE)


def of_command(command: str) -> Iterator[Option]:
    """The options of a command, in the order of its help: what compile makes of one model, batch makes of many."""
    for _, declared in _fields():
        if command in declared.commands or (command == _MANY and _ONE in declared.commands):
            yield declared
    yield from (declared for declared in COMMANDS if command in declared.commands)


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
    beside = (name for name in table() if (value := given.get(name)) is not None and value is not False)
    options = Options(beside=frozenset(beside))
    for name, _ in _fields():
        if name in given:
            _set(options, name, given[name])
    return options
