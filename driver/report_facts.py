"""What a report says beside the passes' own facts, as JSON has it: verification, layers, sizes by kind of op."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tflir.inspection import inspect_file
from tflir.suggestions import range_fault

if TYPE_CHECKING:
    from tflir.backends.litert.compare import OutputComparison
    from tflir.backends.litert.layers import Layer
    from tflir.suggestions import Suggestion
    from tflir.verify import Verification


def verification_facts(found: Verification) -> dict[str, Any]:
    """How far outputs and layers are from the original's, and what to skip.

    Ratios are in dB, null where they are infinite: `identical` says whether that is because nothing differs.
    """
    return {
        "inputs": found.inputs,
        "samples": found.samples,
        "random": found.random,
        "outputs": [_output(output) for output in found.outputs],
        "layers": [_layer(layer) for layer in found.layers],
        "layers_missing": found.layers_missing,
        "skip": [_suggestion(one) for one in found.advice.skip],
        "flag": found.advice.flag,
        "notes": list(found.advice.notes),
    }


def _output(output: OutputComparison) -> dict[str, Any]:
    return {
        "signature": output.signature,
        "name": output.name,
        "shape": list(output.shape),
        "snr_db": output.snr_db,
        "identical": output.snr_db == math.inf,
        "max_difference": output.max_difference,
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "signature": layer.signature,
        "name": layer.name,
        "op": layer.op,
        "type": layer.dtype,
        "scales": list(layer.scales),
        "zero_points": list(layer.zero_points),
        "low": layer.low,
        "high": layer.high,
        "held": None if layer.held is None else list(layer.held),
        "range_fault": range_fault(layer),
        "snr_db": layer.snr_db,
        "input_snr_db": layer.input_snr_db,
        "identical": layer.snr_db == math.inf,
        "input_identical": layer.input_snr_db == math.inf,
        "max_difference": layer.max_difference,
        "added_noise": layer.added,
        "quantized": layer.quantized,
        "feeds": list(layer.feeds),
    }


def _suggestion(one: Suggestion) -> dict[str, Any]:
    return {"signature": one.signature, "op": one.op, "name": one.name, "pattern": one.pattern, "why": one.why}


def sizes_by_kind(original: str | os.PathLike[str], compiled: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Bytes of constants, and how many ops there are, of each kind of op in both models; the most bytes first.

    A constant counts for the first op that uses it. Raises `Error` where one is no valid model.
    """
    sides = [{kind.name.upper(): kind for kind in inspect_file(path).operators} for path in (original, compiled)]
    before, after = sides
    rows = [
        {
            "op": name,
            "ops_before": before[name].count if name in before else 0,
            "ops_after": after[name].count if name in after else 0,
            "bytes_before": before[name].constant_bytes if name in before else 0,
            "bytes_after": after[name].constant_bytes if name in after else 0,
        }
        for name in before | after
    ]
    return sorted(rows, key=lambda row: (-max(row["bytes_before"], row["bytes_after"]), row["op"]))


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy's numbers as Python's, what is not finite as None, the rest as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in cast("Mapping[Any, Any]", value).items()}
    if hasattr(value, "tolist"):  # of numpy: numbers and arrays
        return plain(value.tolist())
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(part) for part in cast("Iterable[Any]", value)]
    return str(value)
