"""The names of modes that users may give instead of TensorFlow's options: one table says what each stands for."""

from __future__ import annotations

from dataclasses import dataclass

from tflir.flags import OpsSet, Optimize
from tflir.option import WITH_RANGES, ModeName

_BUILTINS = (OpsSet.TFLITE_BUILTINS,)
_X16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


@dataclass(frozen=True)
class NamedMode:
    """A value of `--mode`: the mode that it selects, and the options of TensorFlow that select the same."""

    selects: ModeName
    supported_ops: tuple[OpsSet, ...] = _BUILTINS
    supported_types: tuple[str, ...] = ()
    optimizations: tuple[Optimize, ...] = (Optimize.DEFAULT,)

    @property
    def needs_ranges(self) -> bool:
        """Whether ranges of activations must be given, or be in the model."""
        return self.selects in WITH_RANGES

    @property
    def flags(self) -> str:
        """The options of TensorFlow, as on the command line."""
        flags = ["--optimize", ",".join(item.name for item in self.optimizations)]
        if self.supported_ops != _BUILTINS:
            flags += ["--supported-ops", ",".join(item.name for item in self.supported_ops)]
        if self.supported_types:
            flags += ["--supported-types", ",".join(self.supported_types)]
        return " ".join(flags)


NAMED_MODES: dict[str, NamedMode] = {
    "dynamic-range": NamedMode(ModeName.DYNAMIC_RANGE),
    "float16": NamedMode(ModeName.FLOAT16, supported_types=("float16",)),
    "int8": NamedMode(ModeName.INTEGER),
    "int8-only": NamedMode(ModeName.INTEGER_ONLY, (OpsSet.TFLITE_BUILTINS_INT8,)),
    "int16x8": NamedMode(ModeName.INT16, (_X16, OpsSet.TFLITE_BUILTINS)),
}
"""The values of `--mode`."""
