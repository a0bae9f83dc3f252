"""`tflir.compare`: two models beside each other, run on the same inputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from tflir.ir.errors import Error

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.compare import Samples
    from tflir.report.verify import Verification

_RANDOM_SAMPLES = 3
_MOST_SAMPLES = 32


def compare(
    original: str | os.PathLike[str] | bytes | ModuleOp,
    compiled: str | os.PathLike[str] | bytes | ModuleOp,
    data: Any = None,
    *,
    samples: int | None = None,
) -> Verification:
    """Runs two models in LiteRT on the same inputs and says how close the outputs of the second are to the first's.

    A model is the path of a `.tflite` or `.mlir`, its bytes, or a module. `data` is a representative dataset, as
    `Converter.representative_dataset` takes it; at most `samples` of it are run (default: 32). Without data `samples`
    random inputs are made (default: 3). The result has `outputs`, a list with the signal-to-noise ratio in dB and the
    largest difference of each, and `layers`, the activations where the second model is quantized; printed it is a
    table. Raises `Error` where a model can't be run, or the second has other inputs or outputs.
    """
    from tflir.report.verify import compare as run_both

    if samples is not None and samples < 1:
        raise Error(f"samples = {samples}: at least one sample is run", hint="give a number above 0", status=2)
    first, second = _runnable(original), _runnable(compiled)
    return run_both(first, second, _samples(first, data, samples), quiet=True)


def _runnable(model: Any) -> str | bytes:
    """What LiteRT takes: the path of a `.tflite`, or its bytes."""
    from xdsl.dialects.builtin import ModuleOp

    from tflir.files import TEXT, load, named, to_bytes

    if isinstance(model, ModuleOp):
        return to_bytes(model)
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(cast(bytes, model))
    name = named(model)
    return to_bytes(load(name)) if name.endswith(TEXT) else name


def _samples(model: str | bytes, data: Any, most: int | None) -> Samples:
    """Inputs from `data` by signature, else how many random ones to make."""
    if data is None:
        return most or _RANDOM_SAMPLES
    from tflir.data.calibration import samples_of
    from tflir.files import load, load_bytes
    from tflir.options import Options

    module = load_bytes(model) if isinstance(model, bytes) else load(model)
    return samples_of(model, module, Options(representative_dataset=data), most=most or _MOST_SAMPLES)
