"""The values of options: flags named as in `tf.lite`, types, targets; and the error about an unknown option."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, cast

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.option_words import RANGE_METHODS
from tflir.option import QUANTIZING, Group, Option, each, member_of, one_of, option, spelled

_TYPES = ("float16", "int8", "float32")


class Optimize(Enum):
    """What to optimize for, as `tf.lite.Optimize`."""

    DEFAULT = "DEFAULT"
    """Quantize: weights to int8 (dynamic range), or float16 with `supported_types = [float16]`."""
    OPTIMIZE_FOR_SIZE = "OPTIMIZE_FOR_SIZE"
    """Deprecated: the same as DEFAULT."""
    OPTIMIZE_FOR_LATENCY = "OPTIMIZE_FOR_LATENCY"
    """Deprecated: the same as DEFAULT."""
    EXPERIMENTAL_SPARSITY = "EXPERIMENTAL_SPARSITY"
    """Store weights without their zeros where that makes the model smaller; quantizes nothing on its own."""


class OpsSet(Enum):
    """Kinds of operators that a target runs, as `tf.lite.OpsSet`."""

    TFLITE_BUILTINS = "TFLITE_BUILTINS"
    """All of LiteRT's; with a dataset: what can't be integer stays float."""
    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    """Alone: integer operators only, an error where that can't be met."""
    EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 = (
        "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    )
    """int16 activations beside int8 weights; with TFLITE_BUILTINS what has no such kernel stays float."""


class UnknownAttributeError(Error, AttributeError):
    """An unknown option was set, which would have no effect."""


class OptionWarning(UserWarning):
    """An option has no effect with the others."""


def refuse_unknown(owner: str, name: str, known: Sequence[str]) -> None:
    """Raises `UnknownAttributeError` if `name` is not one of the `known` options of `owner`."""
    if name not in known:
        what = f"{owner} has no option '{name}'{near(name, known)}"
        raise UnknownAttributeError(what, hint="leave it out", status=USAGE)


@dataclass
class TargetSpec:
    """What the target device supports, as `tf.lite.TargetSpec`."""

    supported_ops: Sequence[OpsSet] = option(
        (OpsSet.TFLITE_BUILTINS,),
        Option(
            "--supported-ops",
            f"kinds of operators that the target runs: {', '.join(OpsSet.__members__)}; "
            "without the first nothing stays float",
            "OPS[,OPS…]",
            each(member_of(OpsSet)),
            many=True,
            modes=QUANTIZING,
            group=Group.MAKE,
        ),
    )
    supported_types: Sequence[Any] = option(
        (),
        Option(
            "--supported-types",
            "float16: float16 constants instead of int8 weights; int8",
            "TYPE[,TYPE…]",
            each(one_of(_TYPES)),
            many=True,
            modes=QUANTIZING,
            group=Group.MAKE,
        ),
    )
    """numpy dtypes or their names; `float16` asks for float16 constants, `int8` or none for int8."""

    def type_names(self) -> tuple[str, ...]:
        """The supported types as names: float16, int8 …"""
        return tuple(spelled(kind).lower() for kind in self.supported_types)

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an option; raises `UnknownAttributeError` for an unknown name, which would have no effect."""
        refuse_unknown("target_spec", name, [one.name for one in fields(TargetSpec)])
        super().__setattr__(name, tuple(cast("Iterator[Any]", value)) if isinstance(value, Iterator) else value)


DEPRECATED = (Optimize.OPTIMIZE_FOR_SIZE, Optimize.OPTIMIZE_FOR_LATENCY)
REQUANTIZED = ("int8", "int16", "float32")
AUTO = "auto"
"""What is decided by measuring on data that is held out."""
CALIBRATION_METHODS = (*RANGE_METHODS, AUTO)
OBJECTIVES = ("latency", "size", "accuracy")
WITH_LATENCY = ("xnnpack", "litert")
"""The targets whose latency can be estimated."""


def recipe_name(value: Any) -> str:
    """Takes the name of a preset, or the path of a recipe file, which is read to see that it is valid."""
    from tflir.passes.recipes import load_recipe

    if not isinstance(value, str | os.PathLike):
        raise ValueError("takes the name of a preset or the path of a file")
    name = str(cast("str | os.PathLike[str]", value))
    try:
        load_recipe(name)
    except Error as error:
        raise ValueError(str(error)) from None
    return name


def target_name(value: Any) -> str:
    """Takes the name of a target that there is, those of plug-ins included."""
    from tflir.ir.targets import TARGETS

    return one_of(TARGETS.names())(value)
