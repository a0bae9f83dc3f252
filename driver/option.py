"""The declaration of an option: its flag, the values that it accepts, and the modes in which it has an effect."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, cast

from tflir.ir.near import near

_LARGEST, _SMALLEST = 3.4028234e38, 1.1754944e-38
"""The largest float32, and the smallest one with full precision."""


class ModeName(StrEnum):
    """The modes of conversion; `pipeline` says which options select which."""

    NONE = "none"
    SPARSITY = "sparsity"
    DYNAMIC_RANGE = "dynamic range"
    FLOAT16 = "float16"
    INTEGER = "integer"
    INTEGER_ONLY = "integer only"
    INT16 = "16x8"
    PASSES = "passes"


class Group(StrEnum):
    """The groups of options in the help of a command, in their order there."""

    MAKE = "what to make"
    DATA = "data and ranges"
    WEIGHTS = "weights"
    PASSES = "passes"
    SEARCH = "the search"
    CHECK = "the check"
    RUN = "the run"
    WORKERS = "workers"
    LIMITS = "limits that set the exit status"
    OUTPUT = "output"


EVERYWHERE = frozenset(ModeName)
WITHOUT_PASSES = EVERYWHERE - {ModeName.PASSES}
QUANTIZING = WITHOUT_PASSES - {ModeName.NONE, ModeName.SPARSITY}
WITH_RANGES = frozenset({ModeName.INTEGER, ModeName.INTEGER_ONLY, ModeName.INT16})
CHANGING = QUANTIZING | {ModeName.SPARSITY}


@dataclass(frozen=True)
class Option:
    """One option of a command, and of `Converter` where it is a field of `settings.Settings`.

    It has an effect in some modes; in others it is refused (status 2), or a warning is given.
    """

    flag: str
    help: str
    metavar: str | None = None
    take: Callable[[Any], Any] | None = None
    """Converts a text or a Python value to the option's value, or raises `ValueError`; None for a switch."""
    many: bool = False
    """Whether the flag may be repeated; its values are joined, and `take` returns a tuple."""
    short: str = ""
    modes: frozenset[ModeName] = EVERYWHERE
    """The modes in which it has an effect."""
    warned: frozenset[ModeName] = frozenset()
    """The modes in which it has no effect, and a warning says so; in all others it is refused."""
    turns: frozenset[ModeName] = frozenset()
    """The modes that it changes to another mode."""
    used_by: tuple[str, ...] = ()
    """Options with any of which it has an effect in every mode."""
    everywhere_if: Callable[[Any], bool] | None = None
    """Whether it has an effect in every mode, by its value."""
    needs: tuple[str, ...] = ()
    """Options, one of which must be given too."""
    excludes: tuple[str, ...] = ()
    """Options that it can't be combined with."""
    commands: tuple[str, ...] = ("compile",)
    required: tuple[str, ...] = ()
    """The commands that require it."""
    group: Group = Group.OUTPUT
    """Where the help shows it."""
    name: str = ""
    """The name of the attribute; `options.table` fills it in for fields."""

    @property
    def takes(self) -> Callable[[Any], Any] | None:
        """What converts a value, or one of several values; None for a switch."""
        return self.take.take if isinstance(self.take, Each) else self.take

    @property
    def choices(self) -> tuple[str, ...]:
        """The names that it accepts, if it accepts names alone."""
        return self.takes.names if isinstance(self.takes, OneOf | MemberOf) else ()

    def value(self, given: Any) -> Any:
        """The option's value for `given`. Raises `ValueError`, whose text follows the option's name in the error."""
        if self.take is not None:
            return self.take(given)
        if isinstance(given, bool):
            return given
        raise ValueError(f"{shown(given)} is neither True nor False")


def option(default: Any, said: Option) -> Any:
    """A dataclass field for an option."""
    return field(default=default, metadata={"option": said})


def spelled(value: Any) -> str:
    """The name of a string, a member of any enum, or a type of numpy or TensorFlow."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value.strip()
    name = getattr(value, "name", None) or getattr(value, "__name__", None)
    return str(value if name is None else name)


@dataclass(frozen=True)
class OneOf:
    """Accepts one of `names`, in upper or lower case, as a string or as an object with this name."""

    names: tuple[str, ...]
    upper: bool = False

    def __call__(self, value: Any) -> str:
        name = spelled(value)
        word = name.upper() if self.upper else name.lower()
        if not word:
            raise ValueError("is empty")
        if word not in self.names:
            raise ValueError(f"invalid choice: '{name}' is none of {', '.join(self.names)}{near(word, self.names)}")
        return word


@dataclass(frozen=True)
class MemberOf:
    """Accepts a member of `kind`, its name, or the member of another enum with this name."""

    kind: type[Enum]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.kind.__members__)

    def __call__(self, value: Any) -> Enum:
        return value if isinstance(value, self.kind) else self.kind[OneOf(self.names, upper=True)(value)]


@dataclass(frozen=True)
class Each:
    """Accepts any number of values, separated by commas in a text; duplicates are removed."""

    take: Callable[[Any], Any]

    def __call__(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str) and not isinstance(value, Enum):
            items: list[Any] = value.split(",")
        elif isinstance(value, Iterable) and not isinstance(value, bytes | type):
            items = list(cast("Iterable[Any]", value))
        else:
            items = [value]
        return tuple(dict.fromkeys(self.take(item) for item in items))


def one_of(known: Iterable[str]) -> OneOf:
    """Accepts one of `known`."""
    return OneOf(tuple(known))


def member_of(kind: type[Enum]) -> MemberOf:
    """Accepts a member of `kind`."""
    return MemberOf(kind)


def each(take: Callable[[Any], Any]) -> Each:
    """Accepts any number of what `take` accepts."""
    return Each(take)


def text(value: Any) -> str:
    """Accepts a text that is not empty."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    if not value.strip():
        raise ValueError("is empty")
    if any("\ud800" <= letter <= "\udfff" for letter in value):  # bytes of the command line that are not text
        raise ValueError(f"'{value}' is not UTF-8")
    return value.strip()


def path(value: Any) -> Any:
    """Accepts a path."""
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"{shown(value)} is no path")
    if not os.fspath(cast("str | os.PathLike[str]", value)).strip():
        raise ValueError("is empty")
    return cast("str | os.PathLike[str]", value)


def path_or_object(value: Any) -> Any:
    """Accepts a path, or another Python object."""
    return path(value) if isinstance(value, str | os.PathLike) else value


def count(value: Any) -> int:
    """Accepts an integer > 0, a number of samples."""
    return _above_zero(value, "number of samples")


def whole(value: Any) -> int:
    """Accepts an integer > 0."""
    return _above_zero(value, "whole number above 0")


def _above_zero(value: Any, what: str) -> int:
    if isinstance(value, str):
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0
    else:
        number = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else 0
    if number < 1:
        raise ValueError(f"{shown(value)} is no {what}")
    return number


def duration(value: Any) -> float:
    """Accepts a number of seconds > 0."""
    seconds = number(value)
    if seconds <= 0:
        raise ValueError(f"{shown(value)} is no number of seconds above 0")
    return seconds


def number(value: Any) -> float:
    """Accepts a finite number in the range of float32."""
    try:
        converted = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        converted = math.nan
    if not abs(converted) <= _LARGEST:
        raise ValueError(f"{shown(value)} is no number that float32 holds")
    return converted


def percent(value: Any) -> float:
    """Accepts a number from 50, which is not included, to 100."""
    converted = number(value)
    if not 50 < converted <= 100:
        raise ValueError(f"{shown(value)} is no percentage above 50 and up to 100")
    return converted


def scale(value: Any) -> float:
    """Accepts a number that is not 0."""
    converted = number(value)
    if abs(converted) < _SMALLEST:
        raise ValueError(f"{shown(value)} is no scale: all data would be 0")
    return converted


_LOCAL = re.compile(r"local(:[1-9]\d{0,3})?")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+")


def scheduler(value: Any) -> str:
    """Accepts what names a Dask cluster: `local`, `local:4`, the address of a scheduler, or a scheduler file."""
    name = text(value)
    if not (_LOCAL.fullmatch(name) or _ADDRESS.fullmatch(name) or name.endswith(".json")):
        raise ValueError(
            f"{shown(name)} is neither tcp://HOST:PORT, nor local:N, nor a scheduler file that ends in .json"
        )
    return name


def numbers(value: Any) -> tuple[float, ...]:
    """Accepts a number, or several, one for each channel: `123.7,116.3,103.5`."""
    return _several(value, number)


def deviations(value: Any) -> tuple[float, ...]:
    """Accepts a number that is not 0, or several, one for each channel."""
    return _several(value, scale)


def _several(value: Any, take: Callable[[Any], float]) -> tuple[float, ...]:
    if isinstance(value, str):
        items: list[Any] = value.split(",")
    else:
        items = list(cast("Iterable[Any]", value)) if isinstance(value, Iterable) else [value]
    if not items:
        raise ValueError("is empty")
    return tuple(take(item) for item in items)


def part(value: Any) -> tuple[int, int]:
    """Accepts `2/4` as (2, 4)."""
    index, slash, total = str(value).partition("/")
    if not (slash and index.isdecimal() and total.isdecimal() and 1 <= int(index) <= int(total)):
        raise ValueError(f"{shown(value)} is no part such as 1/4")
    return int(index), int(total)


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    shown = f"'{value}'" if isinstance(value, str) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
