"""`Converter`: `tf.lite.TFLiteConverter`'s manners, from a `.tflite` instead of a Keras model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from tflir.files import load, load_bytes, save, to_bytes
from tflir.ir.errors import Error
from tflir.options import DEPRECATED, Optimize, Options, TargetSpec
from tflir.pipeline import mode_of, pipeline_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.passes.base import PassReport


_OPTIONS = (
    "optimizations",
    "target_spec",
    "representative_dataset",
    "calibration_samples",
    "stats",
    "inference_input_type",
    "inference_output_type",
    "quantize_only",
    "skip",
    "sparsity_target",
    "disable_per_channel",
    "tf_compat",
    "passes",
    "reports",
)


class Converter:
    """Compiles one model.

    `optimizations` (a list of `Optimize`), `target_spec` and `disable_per_channel` say how; `tf_compat`
    asks for TensorFlow's own numbers, its quirks included. `convert` may be called more than once.
    """

    def __init__(self, read: Callable[[], ModuleOp], file: str = "") -> None:
        self._read = read
        self._file = file
        self.optimizations: Iterable[Optimize] = ()
        self.target_spec = TargetSpec()
        self.representative_dataset: Any = None
        """A function that gives samples, as for `tf.lite.TFLiteConverter`; or a path, or samples."""
        self.calibration_samples: int | None = None
        self.stats: Iterable[Any] = ()
        """Files that `tflir calibrate` wrote."""
        self.inference_input_type: Any = "float32"
        self.inference_output_type: Any = "float32"
        self.quantize_only: Iterable[str] = ()
        self.skip: Iterable[str] = ()
        self.sparsity_target = "balanced"
        self.disable_per_channel = False
        self.tf_compat = False
        self.passes: str | None = None
        self._calibrating: Callable[[int, int], None] | None = None
        self._rewriting: Callable[[int, int], None] | None = None
        self._prepared: tuple[ModuleOp, Options] | None = None
        self.reports: list[PassReport] = []
        """What each pass of the last conversion did."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an option; one that does nothing is refused, not forgotten."""
        if not name.startswith("_") and name not in _OPTIONS:
            from tflir.ir.near import near

            raise Error(f"Converter has no option '{name}'{near(name, _OPTIONS)}", hint="leave it out", status=2)
        super().__setattr__(name, value)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Converter:
        """A converter of the model at `path`, `.tflite` or `.mlir`. Raises `Error` where it is no valid model."""
        module = load(path)
        return cls(_first_then(module, lambda: load(path)), os.fspath(path))

    @classmethod
    def from_bytes(cls, data: bytes) -> Converter:
        """A converter of a `.tflite` in memory."""
        module = load_bytes(data)
        return cls(_first_then(module, lambda: load_bytes(data)))

    def on_calibration(self, progress: Callable[[int, int], None]) -> None:
        """Has `progress` told how many samples were run, and of how many (0: not known)."""
        self._calibrating = progress

    def on_passes(self, progress: Callable[[int, int], None]) -> None:
        """Has `progress` told how far the passes are, and of how much."""
        self._rewriting = progress

    def use(self, options: Options) -> None:
        """Takes over `options`."""
        for name in _OPTIONS:
            if hasattr(options, name):
                setattr(self, name, getattr(options, name))

    def pipeline(self) -> str:
        """The passes that `convert` would run, in the `-p` syntax; '' for none."""
        module = self._read()
        self._read = _first_then(module, self._read)
        return pipeline_of(self.options(module))

    def options(self, module: ModuleOp | None = None) -> Options:
        """The options as they stand, with what `module` itself says about ranges."""
        wanted = tuple(_optimization(item) for item in self.optimizations)
        return Options(
            wanted,
            self.target_spec,
            self.disable_per_channel,
            self.tf_compat,
            self.passes,
            representative_dataset=self.representative_dataset,
            calibration_samples=self.calibration_samples,
            stats=tuple(self.stats),
            inference_input_type=self.inference_input_type,
            inference_output_type=self.inference_output_type,
            quantize_only=tuple(self.quantize_only),
            skip=tuple(self.skip),
            sparsity_target=self.sparsity_target,
            has_ranges=any(item is not Optimize.EXPERIMENTAL_SPARSITY for item in wanted)
            and module is not None
            and _says_ranges(module),
        )

    def prepare(self) -> None:
        """Reads the model and, where it is needed, records the ranges of activations: `module` begins with it."""
        try:
            module = self._read()
            options = self.options(module)
            for item in (flag for flag in options.optimizations if flag in DEPRECATED):
                warnings.warn(f"{item.name} is deprecated: use DEFAULT, which does the same", DeprecationWarning, 4)
            if options.passes is None and mode_of(options).needs_ranges:
                self._record_ranges(module, options)
        except Error as error:
            error.file = error.file or self._file
            raise
        self._prepared = module, options

    def module(self) -> ModuleOp:
        """The module after all passes."""
        from tflir.ir.verify import verify_module
        from tflir.pass_manager import parse_pipeline, run_pipeline

        if self._prepared is None:
            self.prepare()
        assert self._prepared is not None
        (module, options), self._prepared = self._prepared, None
        try:
            pipeline = pipeline_of(options)
            passes = parse_pipeline(pipeline) if pipeline else []
            self.reports = run_pipeline(module, passes, verify_each=False, progress=self._rewriting)
            if options.passes is None:
                mode = mode_of(options)
                if mode.metadata_if(self.reports):
                    add_metadata(module, mode.metadata)
            if pipeline:
                verify_module(module, runs=not options.tf_compat)
        except Error as error:
            error.file = error.file or self._file
            raise
        return module

    def _record_ranges(self, module: ModuleOp, options: Options) -> None:
        """Puts the ranges of the statistics and of the dataset onto the module's values."""
        from tflir.recorded import read_recorded

        if options.stats:
            read_recorded(options.stats).apply(module, tf_compat=options.tf_compat)
        if options.representative_dataset is None:
            return
        from tflir.calibration import calibrate

        recorded = calibrate(
            module,
            options.representative_dataset,
            samples=options.calibration_samples,
            tf_compat=options.tf_compat,
            progress=self._calibrating,
        )
        recorded.apply(module, tf_compat=options.tf_compat)

    def convert(self) -> bytes:
        """The compiled `.tflite`. Raises `Error` where the model can't be compiled so."""
        return to_bytes(self.module(), tf_compat=self.tf_compat)

    def convert_to(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        elide_constants: bool = False,
    ) -> int:
        """Compiles to a file, streaming its constants; returns its size in bytes.

        `progress` is told bytes written and bytes in all; `elide_constants` leaves large ones out of text.
        """
        module = self.module()
        return save(module, path, tf_compat=self.tf_compat, elide_constants=elide_constants, progress=progress)


def _says_ranges(module: ModuleOp) -> bool:
    from tflir.passes.quantization.evidence import evidence

    return evidence(module) is not None


def _first_then(module: ModuleOp, again: Callable[[], ModuleOp]) -> Callable[[], ModuleOp]:
    """Gives `module` the first time and reads it anew later: passes change what they are given."""
    held = [module]
    return lambda: held.pop() if held else again()


def _optimization(item: Any) -> Optimize:
    if isinstance(item, Optimize):
        return item
    name = str(getattr(item, "name", item)).upper()
    if name in Optimize.__members__:
        return Optimize[name]
    raise Error(f"no optimization is called {item}", hint=f"use {', '.join(Optimize.__members__)}", status=2)


def add_metadata(module: ModuleOp, entries: tuple[tuple[str, bytes], ...]) -> None:
    """Adds metadata entries whose names the model does not have yet."""
    import numpy as np
    from xdsl.dialects.builtin import ArrayAttr, StringAttr

    from tflir.ir import names
    from tflir.ir.constants import elements

    present = module.attributes.get(names.METADATA)
    held: list[Any] = list(cast("ArrayAttr[Any]", present)) if isinstance(present, ArrayAttr) else []
    known = {pair.data[0].data for pair in held}
    for name, data in entries:
        if name not in known:
            value = elements(np.array(bytearray(data), np.uint8))
            held.append(ArrayAttr([StringAttr(name), value]))
    if held:
        module.attributes[names.METADATA] = ArrayAttr(held)
