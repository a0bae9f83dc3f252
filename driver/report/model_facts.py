"""What a report says of both models without running them: types, kinds of op, zeros, and the estimated latency."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tflir.inspection import Inspection, inspect_module
from tflir.ir.errors import Error
from tflir.ir.targets.latency import estimate

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.inspected_constants import Constant

TARGET = "xnnpack"
_BITS = re.compile(r"\D+(\d+)")


def model_facts(modules: Sequence[ModuleOp], sizes: Sequence[int]) -> dict[str, Any]:
    """The facts of the original and the compiled model, which have these sizes in bytes."""
    sides = [inspect_module(module, "", size) for module, size in zip(modules, sizes, strict=True)]
    return {
        "sizes": sizes_by_kind(sides),
        "types": _types(sides),
        "schemes": [side.quantization.scheme for side in sides],
        "operators": [side.operator_count for side in sides],
        "zeros": _zeros(sides),
        "estimated_seconds": [_seconds(module) for module in modules],
    }


def sizes_by_kind(sides: Sequence[Inspection]) -> list[dict[str, Any]]:
    """Bytes of constants, and how many ops there are, of each kind of op in both models; the most bytes first.

    A constant counts for the first op that uses it.
    """
    kinds = [{kind.name.upper(): kind for kind in side.operators} for side in sides]
    return _both("op", kinds, {"ops": "count", "bytes": "constant_bytes"})


def _types(sides: Sequence[Inspection]) -> list[dict[str, Any]]:
    """How many constants and activations are of each type in both models, and the bytes of the constants."""
    types = [{group.type: group for group in side.types} for side in sides]
    return _both("type", types, {"constants": "constants", "activations": "activations", "bytes": "bytes"})


def _both(title: str, sides: Sequence[Mapping[str, object]], fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each name that one side has: `title` holds the name, and `KEY_before` and `KEY_after` the two sides'
    attributes, 0 where a side lacks the name; `fields` are attributes by their keys. The most bytes come first.
    """
    rows: list[dict[str, Any]] = [
        {
            title: name,
            **{
                f"{key}_{when}": getattr(side[name], field) if name in side else 0
                for key, field in fields.items()
                for when, side in zip(("before", "after"), sides, strict=True)
            },
        }
        for name in dict.fromkeys(name for side in sides for name in side)
    ]
    return sorted(rows, key=lambda row: (-max(row["bytes_before"], row["bytes_after"]), row[title]))


def _zeros(sides: Sequence[Inspection]) -> list[dict[str, Any]]:
    """The constants of at least 1 kB in the compiled model: their share of zeros, and bytes as they are and dense."""
    before = {constant.name: constant for constant in sides[0].constants}
    return [
        {
            "tensor": constant.name,
            "type": constant.type,
            "shape": "x".join(map(str, constant.shape)),
            "zeros_before": before[constant.name].zero_share if constant.name in before else None,
            "zeros": constant.zero_share,
            "sparse": constant.sparse,
            "bytes": constant.bytes,
            "bytes_dense": _dense_bytes(constant),
        }
        for constant in sides[1].constants
    ]


def _dense_bytes(constant: Constant) -> int:
    """The bytes that all elements take; those that are stored if the width of the type is not known."""
    found = _BITS.match(constant.type)
    return math.ceil(math.prod(constant.shape) * int(found[1]) / 8) if found else constant.bytes


def _seconds(module: ModuleOp) -> float | None:
    """The estimated time of a run with the default delegate; None where it can't be estimated."""
    try:
        return estimate(module, TARGET).seconds
    except Error:
        return None
