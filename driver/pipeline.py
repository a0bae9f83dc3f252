"""From options to passes: one table that says what each mode does.

| options | mode | passes |
|---|---|---|
| no `optimizations` | none | none: the model comes out as it went in |
| DEFAULT | dynamic range | int8 weights, float activations |
| DEFAULT, `supported_types` float16 without int8 | float16 | float16 constants, widened when read |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tflir.ir.errors import Error
from tflir.options import Options, type_name


@dataclass(frozen=True)
class Mode:
    """A way to convert: its name, when it is meant, and its passes in the `-p` syntax."""

    name: str
    applies: Callable[[Options], bool]
    passes: Callable[[Options], list[str]]
    metadata: tuple[tuple[str, bytes], ...] = ()
    """Metadata that tells the runtime what the mode allows."""


def _spec(name: str, **options: bool | int | str | tuple[str, ...]) -> str:
    """A pass with its options: `name{a=true b=64 c="x","y"}`."""
    words = [f"{key.replace('_', '-')}={_value(value)}" for key, value in options.items()]
    return f"{name}{{{' '.join(words)}}}" if words else name


def _value(value: bool | int | str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value)
    return str(value).lower()


def _compat(options: Options) -> dict[str, bool]:
    return {"tf_compat": True} if options.tf_compat else {}


def _float16(options: Options) -> list[str]:
    compat = {"min_elements": 0, "clamp": True, "variables": True} if options.tf_compat else {}
    return [_spec("tfl-prepare-quantize-float16", **compat), "tfl-post-quantize"]


def _dynamic_range(options: Options) -> list[str]:
    per_tensor = {"per_channel": False} if options.disable_per_channel else {}
    return [
        _spec("tfl-prepare-quantize-dynamic-range", **per_tensor),
        _spec("tfl-quantize", **_compat(options)),
        "tfl-post-quantize",
        "tfl-optimize-op-order",
    ]


def _integer(options: Options) -> list[str]:
    per_tensor = {"per_channel": False} if options.disable_per_channel else {}
    return [
        *_selection(options),
        _spec("tfl-prepare-quantize", **per_tensor, **_compat(options)),
        _spec("tfl-quantize", hybrid=False, legacy_float_scale=True, **_compat(options)),
        "tfl-post-quantize",
        "tfl-optimize-op-order",
        "tfl-optimize",
        *(["tfl-expand-dequantize"] if options.tf_compat else []),
        *_io_types(options),
        "tfl-post-quantize-remove-qdq",
    ]


def _selection(options: Options) -> list[str]:
    """What comes before parameters are decided: simpler float ops, and which ops stay float."""
    chosen = {"quantize_only": options.quantize_only, "skip": options.skip}
    words = {key: value for key, value in chosen.items() if value}
    if options.tf_compat:
        return [_spec("tfl-select-ops", sound=False, **words)] if words else []
    return ["tfl-optimize", _spec("tfl-select-ops", **words)]


def _io_types(options: Options) -> list[str]:
    """The pass that changes the types of inputs and outputs, where they are not to stay float32."""
    types = {
        "input_type": type_name(options.inference_input_type),
        "output_type": type_name(options.inference_output_type),
    }
    wanted = {side: kind for side, kind in types.items() if kind != "float32"}
    return [_spec("tfl-modify-io-nodes", **wanted)] if wanted else []


def _wants_float16(options: Options) -> bool:
    types = options.target_spec.type_names()
    return "float16" in types and "int8" not in types


MODES: tuple[Mode, ...] = (
    Mode("none", lambda o: not o.optimizations, lambda _: []),
    Mode("float16", _wants_float16, _float16, (("reduced_precision_support", b"fp16accfp32"),)),
    Mode("integer", lambda o: o.has_ranges, _integer),
    Mode("dynamic range", lambda _: True, _dynamic_range),
)
"""First match wins."""


def mode_of(options: Options) -> Mode:
    """The mode that the options mean. Raises `Error` (status 2) for a combination that makes no sense."""
    unknown = set(options.target_spec.type_names()) - {"float16", "int8", "float32"}
    if unknown:
        raise Error(
            f"supported type {sorted(unknown)[0]} is not one that weights can have",
            hint="use float16 or int8",
            status=2,
        )
    if options.target_spec.type_names() and not options.optimizations:
        raise Error("supported types do nothing without an optimization", hint="add --optimize DEFAULT", status=2)
    if options.disable_per_channel and not options.optimizations:
        raise Error(
            "--disable-per-channel does nothing without an optimization", hint="add --optimize DEFAULT", status=2
        )
    return next(mode for mode in MODES if mode.applies(options))


def pipeline_of(options: Options) -> str:
    """The pipeline that the options give, in the `-p` syntax; '' for none."""
    if options.passes is not None:
        return options.passes
    return ",".join(mode_of(options).passes(options))
