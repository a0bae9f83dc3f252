"""Facts of a report besides those of the passes, in the form of JSON: verification and layers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tflir.report.suggestions import range_fault

if TYPE_CHECKING:
    from tflir.backends.litert.compare import OutputComparison
    from tflir.backends.litert.layers import Layer
    from tflir.quality.accuracy import Accuracy
    from tflir.report.suggestions import Suggestion
    from tflir.report.verify import Verification

_SURROGATE = re.compile("[\ud800-\udfff]")


def verification_facts(verification: Verification) -> dict[str, Any]:
    """The differences of outputs and layers from the original's, and the ops to skip.

    Ratios are in dB, null if they are infinite: `identical` says whether that is because nothing differs.
    """
    return {
        "inputs": verification.inputs,
        "samples": verification.samples,
        "random": verification.random,
        "outputs": [_output(output) for output in verification.outputs],
        "layers": [_layer(layer) for layer in verification.layers],
        "layers_missing": verification.layers_missing,
        "accuracy": _accuracy(verification.accuracy),
        "accuracy_missing": verification.accuracy_missing,
        "unmet": list(verification.unmet),
        "skip": [_suggestion(suggestion) for suggestion in verification.advice.skip],
        "flag": verification.advice.flag,
        "instead": verification.advice.instead if verification.advice.skip else "",
        "form": verification.advice.form,
        "notes": list(verification.advice.notes),
    }


def _output(output: OutputComparison) -> dict[str, Any]:
    return {
        "signature": output.signature,
        "name": output.name,
        "shape": list(output.shape),
        "snr_db": output.snr_db,
        "identical": output.snr_db == math.inf,
        "max_difference": output.max_difference,
        "random": output.random,
        "column": output.column,
        "column_snr_db": output.column_snr_db,
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
        "fall_db": layer.fall_db,
        "added_noise": layer.added,
        "quantized": layer.quantized,
        "feeds": list(layer.feeds),
    }


def _accuracy(found: Accuracy | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "before": found.before,
        "after": found.after,
        "drop": found.drop,
        "samples": found.samples,
        "labels": found.labels,
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "signature": suggestion.signature,
        "op": suggestion.op,
        "name": suggestion.name,
        "pattern": suggestion.pattern,
        "why": suggestion.why,
    }


def unicode_text(text: str) -> str:
    """`text` with U+FFFD for each byte that is not UTF-8 in the model."""
    return _SURROGATE.sub("\ufffd", text)


def visible_text(text: str) -> str:
    """`text` with U+FFFD for invisible characters and those that change the direction of the text around them."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def plain(value: Any, clean: Callable[[str], str] = unicode_text) -> Any:
    """`value` in the types of JSON: numpy's numbers as Python's, infinity and NaN as None, other objects as text.

    `clean` is applied to every text.
    """
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(part, clean) for key, part in cast("Mapping[Any, Any]", value).items()}
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return plain(value.tolist(), clean)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(part, clean) for part in cast("Iterable[Any]", value)]
    return clean(str(value))
