"""`tflir.compare`: runs two models on the same inputs and compares their outputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.run import Sample
    from tflir.options import Options
    from tflir.report.verify import Verification

MOST_SAMPLES = 32
"""The default limit of samples of a dataset that two models are run on."""


def compare(
    original: str | os.PathLike[str] | bytes | ModuleOp,
    compiled: str | os.PathLike[str] | bytes | ModuleOp,
    data: Any = None,
    *,
    samples: int | None = None,
) -> Verification:
    """Runs two models in LiteRT on the same inputs and measures how close the second's outputs are to the first's.

    A model is the path of a `.tflite` or `.mlir`, its bytes, or a module. `data` is a representative dataset, as
    `Converter.representative_dataset` takes it; at most `samples` of it are run (default: 32). Without data `samples`
    random inputs are made (default: 3). The result has `outputs`, a list with the signal-to-noise ratio in dB and the
    largest difference of each, and `layers`, the activations if the second model is quantized; it prints as a table.
    Raises `Error` if a model can't be run, or if the second has other inputs or outputs.
    """
    from tflir.options import Options
    from tflir.report.verify import compare as run_both

    if samples is not None and samples < 1:
        raise Error(f"samples = {samples}: at least one sample is run", hint="give a number above 0", status=USAGE)
    first, second = runnable(original), runnable(compiled)
    if data is None:
        return run_both(first, second, samples or 0, quiet=True)
    given = dataset_samples(
        first, lambda: module_of(original), Options(representative_dataset=data), samples or MOST_SAMPLES
    )
    return run_both(first, second, given, quiet=True)


def dataset_samples(
    model: str | bytes, load: Callable[[], ModuleOp], options: Options, most: int = MOST_SAMPLES
) -> dict[str, list[Sample]] | int:
    """Some of the representative data in `options`, by signature; 0 (random inputs) if they have none.

    `load` returns the module of `model`. Raises `Error` if a sample does not fit.
    """
    if options.representative_dataset is None:
        return 0
    from tflir.data.calibration import samples_of

    return samples_of(model, load(), options, most=most)


def data_name(data: Any) -> str:
    """The name of a dataset's file, folder or function; '' if it has none."""
    return os.path.basename(cast("str | os.PathLike[str]", data)) if isinstance(data, str | os.PathLike) else ""


def runnable(model: Any) -> str | bytes:
    """The model as LiteRT loads it: the path of a `.tflite`, or its bytes."""
    from xdsl.dialects.builtin import ModuleOp

    from tflir.files import TEXT, load, named, to_bytes

    if isinstance(model, ModuleOp):
        return to_bytes(model)
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(cast(bytes, model))
    name = named(model)
    return to_bytes(load(name)) if name.endswith(TEXT) else name


def module_of(model: Any) -> ModuleOp:
    """The module of a model that is given by its path, its bytes, or as a module."""
    from xdsl.dialects.builtin import ModuleOp

    from tflir.files import load, load_bytes

    if isinstance(model, ModuleOp):
        return model
    return load_bytes(cast(bytes, model)) if isinstance(model, bytes | bytearray | memoryview) else load(model)
