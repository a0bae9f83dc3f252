"""The options of a conversion, named and meant as `tf.lite.TFLiteConverter` has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


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


DEPRECATED = (Optimize.OPTIMIZE_FOR_SIZE, Optimize.OPTIMIZE_FOR_LATENCY)


@dataclass
class TargetSpec:
    """What the target device supports, as `tf.lite.TargetSpec`."""

    supported_ops: Collection[OpsSet] = (OpsSet.TFLITE_BUILTINS,)
    supported_types: Collection[Any] = ()
    """numpy dtypes or their names; `float16` asks for float16 constants, `int8` or none for int8."""

    def type_names(self) -> tuple[str, ...]:
        """The supported types as names: float16, int8 …"""
        return tuple(type_name(kind) for kind in self.supported_types)


def type_name(kind: Any) -> str:
    """The name of a type given as numpy dtype, TensorFlow dtype or word: float32, int8 …"""
    if isinstance(kind, str):
        return kind.lower()
    name = getattr(kind, "name", None) or getattr(kind, "__name__", None) or str(kind)
    return str(name).lower()


@dataclass
class Options:
    """All that a conversion is told; `pipeline` makes passes of it."""

    optimizations: tuple[Optimize, ...] = ()
    target_spec: TargetSpec = field(default_factory=TargetSpec)
    disable_per_channel: bool = False
    tf_compat: bool = False
    passes: str | None = None
    """A pipeline in the `-p` syntax instead of the one that the other options give."""
    representative_dataset: Any = None
    """A callable as for TFLiteConverter, or what names one: `.npz`, a folder, `module:function`."""
    calibration_samples: int | None = None
    """At most so many samples; None: all."""
    stats: tuple[Any, ...] = ()
    """Files of recorded ranges (`tflir calibrate`), merged."""
    inference_input_type: Any = "float32"
    inference_output_type: Any = "float32"
    quantize_only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    sparsity_target: str = "balanced"
    """What EXPERIMENTAL_SPARSITY looks at: `balanced`, `size` or `latency`."""
    has_ranges: bool = False
    """The model itself has recorded ranges or fake quantization."""

    @property
    def quantizes(self) -> bool:
        """Whether an optimization asks for more than sparsity."""
        return any(item is not Optimize.EXPERIMENTAL_SPARSITY for item in self.optimizations)

    @property
    def sparsifies(self) -> bool:
        return Optimize.EXPERIMENTAL_SPARSITY in self.optimizations

    @property
    def has_data(self) -> bool:
        """Whether ranges of activations are known or will be."""
        return self.representative_dataset is not None or bool(self.stats) or self.has_ranges
