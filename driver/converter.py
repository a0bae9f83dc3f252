"""`Converter`: the interface of `tf.lite.TFLiteConverter`, for a `.tflite` instead of a Keras model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from tflir.data.user_code import Replayed
from tflir.facts import facts_in_force
from tflir.files import MODEL, file_size, load, load_bytes, named, to_bytes, write
from tflir.fitting import target_remark
from tflir.flags import Optimize, OptionWarning, refuse_unknown
from tflir.ir.errors import USAGE, Error
from tflir.ir.limits import within_limits
from tflir.left_float import left_float
from tflir.metadata import add_metadata
from tflir.option import ModeName
from tflir.options import Options
from tflir.pipeline import float_stage, mode_of, pipeline_of, stages_of
from tflir.refusals import warnings_of
from tflir.remarks import data_remark, hint_beside_mode, mode_remark, result_remarks, uncalibrated_signatures
from tflir.settings import Settings

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.backends.litert.run import Samples
    from tflir.data.recorded import Recorded
    from tflir.data.stored import StoredInput
    from tflir.jobs.team import Team
    from tflir.passes.base import PassReport
    from tflir.passes.weights.rounding import Memo
    from tflir.quality.auto import Decision


_SMALL = 1 << 16
"""In models with more bytes, the scales that quantization adds are small compared with what it saves."""
_REMEMBERED = 1 << 28
"""Rounded weights of so many bytes are kept, since they are needed more than once."""
_MAY_STAY_FLOAT = (ModeName.DYNAMIC_RANGE, ModeName.FLOAT16, ModeName.INTEGER)
_OPTIONS = [one.name for one in fields(Settings)]
_IO_TYPES = ("inference_input_type", "inference_output_type")
_RESULTS = ("reports", "remarks", "decisions")


class Converter(Settings):
    """Compiles one model.

    `optimizations` (a list of `Optimize`), `target_spec` and `disable_per_channel` select how; `tf_compat`
    requests exactly TensorFlow's results, its quirks included. `convert` may be called more than once.
    """

    def __init__(self, read: Callable[[], ModuleOp], file: str = "") -> None:
        super().__init__()
        self._read = read
        self._file = file
        self._beside: frozenset[str] = frozenset()
        self._calibrating: Callable[[int, int], None] | None = None
        self._rewriting: Callable[[int, int], None] | None = None
        self._comparing: Callable[[int, int], None] | None = None
        self._tries = True
        self._team: Team | None = None
        self._chosen: tuple[ModuleOp, Options] | None = None
        self._prepared: tuple[ModuleOp, Options] | None = None
        self._made_float: list[PassReport] = []
        self._stored: tuple[StoredInput, ...] = ()
        self._samples: Samples | None = None
        self.reports: list[PassReport] = []
        """What each pass of the last conversion did."""
        self.remarks: list[str] = []
        """Remarks of the last conversion, one a line: the mode and why it was chosen, what remained float."""
        self.decisions: list[Decision] = []
        """What `auto` measured in the last conversion, and whether it was kept."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an option; raises `UnknownAttributeError` for an unknown name, which would have no effect."""
        if not name.startswith("_") and name not in _RESULTS:
            refuse_unknown("Converter", name, _OPTIONS)
        if isinstance(value, Iterator) and name in _OPTIONS:
            items = cast("Iterator[Any]", value)
            value = Replayed(items) if name == "representative_dataset" else tuple(items)
        super().__setattr__(name, value)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Converter:
        """A converter of the model at `path`, `.tflite` or `.mlir`. Raises `Error` if it is not a valid model."""
        return cls.from_module(lambda: load(path), named(path))

    @classmethod
    def from_bytes(cls, data: bytes) -> Converter:
        """A converter of a `.tflite` in memory."""
        return cls.from_module(lambda: load_bytes(data))

    @classmethod
    def from_module(cls, read: Callable[[], ModuleOp], file: str = "") -> Converter:
        """A converter of the module that `read` returns, a new one at each call; `file` is its name in errors."""
        if not callable(cast(Any, read)):
            what = f"from_module takes a function that gives the module anew each time, not {type(read).__name__}"
            raise Error(what, hint="give lambda: module.clone()", status=USAGE)
        return cls(_first_then(read(), read), file)

    def on_calibration(self, progress: Callable[[int, int], None]) -> None:
        """Calls `progress` during calibration with the number of samples done and of all samples (0: not known)."""
        self._calibrating = progress

    def on_passes(self, progress: Callable[[int, int], None]) -> None:
        """Calls `progress` while passes run with the amount of work done and in total."""
        self._rewriting = progress

    def on_trials(self, progress: Callable[[int, int], None]) -> None:
        """Calls `progress` with the number of conversions done and of all that `auto` takes at most."""
        self._comparing = progress

    def run_on(self, team: Team) -> None:
        """Shares what is run on the representative data among the workers of `team`; the result has the same bytes."""
        self._team = team

    def without_trials(self) -> Converter:
        """This converter, which from now on does not measure what helps: `auto` is taken for what it may choose."""
        self._tries = False
        return self

    def use(self, options: Options) -> None:
        """Sets all options from `options`."""
        for name in _OPTIONS:
            setattr(self, name, getattr(options, name))
        self._beside = options.beside
        self._stored = options.stored_inputs

    def pipeline(self) -> str:
        """The passes that `convert` would run, in the `-p` syntax; '' for none."""
        module, read = self._read(), self._read
        if self.requantize is None:
            self._read = _first_then(module, read)
        else:  # the mode depends on the model's float form
            self._make_float(module)
            self._read = read
        return pipeline_of(self.options(module))

    def options(self, module: ModuleOp | None = None) -> Options:
        """The current options, completed by whether `module` itself has ranges and integers."""
        options = Options(**{name: getattr(self, name) for name in _OPTIONS}, beside=self._beside).checked()
        options.stored_inputs = self._stored
        options.has_ranges = (
            options.quantizes and module is not None and _evidence(module, tf_compat=self.tf_compat) is not None
        )
        types = {options.inference_input_type, options.inference_output_type}
        if module is not None and (types != {"float32"} or not options.beside.isdisjoint(_IO_TYPES)):
            options.has_integers = _has_integers(module)
        return options

    def choose(self) -> None:
        """Reads the model and measures what helps, where options leave that open: the first step of `prepare`."""
        with facts_in_force(self.plugins):
            self._choose()

    def _choose(self) -> None:
        try:
            module = self._read()
            self._made_float = self._make_float(module)
            options = self.options(module)
            mode = mode_of(options)
            remark = mode_remark(options, _evidence(module, tf_compat=self.tf_compat) if options.has_ranges else None)
            self.remarks = [] if remark is None else [remark]
            self.decisions = []
            for warning in warnings_of(options, mode.name):
                warnings.warn(warning, DeprecationWarning if "deprecated" in warning else OptionWarning, 6)
                self.remarks.append(f"warning: {warning}")
            if self._tries:
                options = self._decided(module, options)
        except Error as error:
            error.file = error.file or self._file
            raise
        self._chosen = module, options

    def _decided(self, module: ModuleOp, options: Options) -> Options:
        from tflir.quality.auto import decide, is_open

        if not is_open(options):
            return options
        decided = decide(module, options, progress=self._comparing)
        self.remarks += decided.remarks
        self.decisions = decided.decisions
        return decided.options

    def prepare(self) -> None:
        """Scales channels and records the ranges of activations, if the options need that: the first step of
        `module`, after `choose`.
        """
        with facts_in_force(self.plugins):
            self._prepare()

    def _prepare(self) -> None:
        if self._chosen is None:
            self.choose()
        assert self._chosen is not None
        from tflir.data.statistics import apply_statistics

        (module, options), self._chosen = self._chosen, None
        self._samples = None
        try:
            if options.stats:
                apply_statistics(module, options)
            if options.moments and options.rounds_weights:
                self._record_moments(module, options)
            if options.equalize != "off":
                self._equalize(module, options)
            if mode_of(options).needs_ranges:
                self._record_ranges(module, options)
                self._warn_of_uncalibrated(module)
            if options.rounds_weights and not options.moments:
                self._record_moments(module, options)
        except Error as error:
            error.file = error.file or self._file
            raise
        self._prepared = module, options

    def module(self) -> ModuleOp:
        """The module after all passes."""
        with facts_in_force(self.plugins):
            return self._module()

    def _module(self) -> ModuleOp:
        from tflir.pass_manager import parse_pipeline, run_pipeline
        from tflir.passes.weights.rounding import Memo, remembered

        if self._prepared is None:
            self.prepare()
        assert self._prepared is not None
        (module, options), self._prepared = self._prepared, None
        try:
            _, pipeline = stages_of(options)
            passes = parse_pipeline(pipeline, by_flags=not options.asks_for_passes) if pipeline else []
            self.reports = [*self._made_float]
            with remembered(Memo(most_bytes=0)) as memo:
                if self._samples is not None:
                    module, passes = self._aimed(module, passes, options, memo)
                self.reports += run_pipeline(module, passes, verify_each=False, progress=self._rewriting)
            mode = mode_of(options)
            if mode.metadata_if(self.reports):
                add_metadata(module, mode.metadata)
            self.remarks += result_remarks(options, self.reports, module)
            made = self._verified(module, options)
            module = self._no_slower(*self._smaller(made, options))
            if module is made:
                self.remarks += left_float(options, self.reports, module)
            else:
                self._verified(module, options)
            if options.target is not None:
                self.remarks.append(target_remark(module, options.target))
        except Error as error:
            error.file = error.file or self._file
            error.hint = hint_beside_mode(options, error.hint)
            raise
        return module

    def _verified(self, module: ModuleOp, options: Options) -> ModuleOp:
        """The module, if passes changed it into a valid one. Raises `Error` if it is not valid."""
        from tflir.ir.verify import verify_module

        if self.reports:
            with within_limits():
                verify_module(module, runs=not options.tf_compat)
        return module

    def _aimed(
        self, module: ModuleOp, passes: Sequence[ModulePass], options: Options, memo: Memo
    ) -> tuple[ModuleOp, Sequence[ModulePass]]:
        """Runs the passes before the first that rounds weights; the module, with weights that are aimed if that helps,
        and the other passes. What is rounded for that is kept in `memo`, since it is needed again.
        """
        from tflir.pass_manager import run_pipeline
        from tflir.quality.sequence import aimed, rounding_among

        first, rounding = rounding_among(passes)
        self.reports += run_pipeline(module, passes[:first], verify_each=False)
        assert self._samples is not None
        biases = options.bias_correction != "off"
        memo.most_bytes = _REMEMBERED
        found = aimed(module, rounding, self._samples, biases=biases, progress=self._rewriting)
        self.decisions += [found.decision] if found.decision is not None else []
        self.remarks += [found.remark] if found.remark else []
        if found.decision is None:
            memo.most_bytes = 0
        return found.module, passes[first:]

    def _make_float(self, module: ModuleOp) -> list[PassReport]:
        """Makes a quantized module float if it is to be requantized. Raises `Error` if nothing in it is quantized."""
        from tflir.pass_manager import run_passes

        passes = float_stage(self.options())
        if not passes:
            return []
        from tflir.data.stored import stored_inputs

        self._stored = stored_inputs(module)
        reports = run_passes(module, passes, verify_each=False)
        if not any(report.changed for report in reports):
            what = "the model holds nothing quantized: --requantize does nothing"
            raise Error(what, hint="leave it out", status=USAGE)
        return reports

    def _equalize(self, module: ModuleOp, options: Options) -> None:
        """Runs the passes before calibration, with what channels take on the dataset, else by the statistics."""
        from tflir.data.channel_ranges import record_channel_ranges
        from tflir.pass_manager import parse_pipeline, run_pipeline

        if not options.stats:
            record_channel_ranges(module, options, progress=self._calibrating)
        first, _ = stages_of(options)
        self._made_float = self._made_float + run_pipeline(module, parse_pipeline(first), verify_each=False)

    def _record_ranges(self, module: ModuleOp, options: Options) -> None:
        """Records the ranges over the dataset, if there is one, on the module's values."""
        from tflir.data.statistics import how_ranges_are_chosen

        if options.representative_dataset is None:
            return
        if (remark := data_remark(options)) is not None:
            self.remarks.append(remark)
        recorded = self._recorded(module, options)
        self.remarks += [f"warning: {line}" for line in recorded.warnings]
        recorded.apply(module, **how_ranges_are_chosen(options))

    def _recorded(self, module: ModuleOp, options: Options) -> Recorded:
        """The ranges over the dataset, by one process or by several."""
        if self._team is not None:
            plain = replace(options, equalize="off")  # channels are scaled by now
            return self._team.calibrate(module, plain, path=self._path(options), progress=self._calibrating)
        from tflir.data.calibration import calibrate

        return calibrate(
            module,
            options.representative_dataset,
            samples=options.calibration_samples,
            scaling=options.reading,
            tf_compat=options.tf_compat,
            progress=self._calibrating,
            histograms=options.needs_histograms,
        )

    def _path(self, options: Options) -> str | None:
        """The path of the `.tflite`, if the module is as in the file when it is run."""
        changed = options.requantize is not None or options.equalize != "off"
        return self._file if not changed and self._file.endswith(MODEL) and os.path.isfile(self._file) else None

    def _record_moments(self, module: ModuleOp, options: Options) -> None:
        """Records what layers read on the dataset, from which their weights are rounded."""
        from tflir.data.moments import record_moments

        if options.aims_weights and self._tries:
            from tflir.quality.sequence import samples_for

            self._samples = samples_for(module, options)
        summed = None if self._team is None else partial(self._team.moments, path=self._path(options))
        recorded = record_moments(module, options, progress=self._calibrating, summed=summed)
        if recorded.without:
            said = f"{recorded.without} of {recorded.layers + recorded.without} layers are rounded to nearest: "
            self.remarks.append(f"{said}what they read could not be recorded")
        if not recorded.layers + recorded.without:
            self.remarks.append("warning: no layer has float weights, which could be rounded by what it reads")

    def _warn_of_uncalibrated(self, module: ModuleOp) -> None:
        rest = "float, as in TensorFlow" if self.tf_compat else "dynamic range"
        self.remarks += [
            f"warning: no sample reached signature '{key}': it gets {rest}" for key in uncalibrated_signatures(module)
        ]

    def _smaller(self, module: ModuleOp, options: Options) -> tuple[ModuleOp, Options]:
        """`module`, or the result of EXPERIMENTAL_SPARSITY alone if that takes fewer bytes, with the options of it.

        The scales that quantization adds to each tensor can exceed what it saves if most weights are zero.
        """
        from tflir.no_slower import run_mode

        floats = options.inference_input_type == options.inference_output_type == "float32"
        free = mode_of(options).name in _MAY_STAY_FLOAT and floats and options.requantize is None
        if not (options.sparsifies and options.quantizes and free) or options.asks_for_passes or options.tf_compat:
            return module, options
        size = file_size(module)
        if size > _SMALL:
            return module, options
        alone = self._read()
        only = Options(
            optimizations=(Optimize.EXPERIMENTAL_SPARSITY,),
            sparsity_target=options.sparsity_target,
            skip=options.skip,
            quantize_only=options.quantize_only,
            target=options.target,
            optimize_for=options.optimize_for,
        )
        reports = run_mode(alone, only)
        if (least := file_size(alone)) >= size:
            return module, options
        self.reports = reports
        self.remarks.append(f"not quantized: with DEFAULT it would take {size} bytes, without {least}")
        return alone, only

    def _no_slower(self, module: ModuleOp, options: Options) -> ModuleOp:
        """`module`, or the model in another mode if speed counts and the target would run it slower than before."""
        from tflir.no_slower import no_slower

        chosen = no_slower(module, options, self.reports, self._read)
        if chosen is None:
            return module
        self.reports = chosen.reports
        self.remarks.append(chosen.remark)
        return chosen.module

    def convert(self) -> bytes:
        """The compiled `.tflite`. Raises `Error` if the model can't be compiled with these options."""
        return to_bytes(self.module(), tf_compat=self.tf_compat)

    def convert_to(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        elide_constants: bool = False,
    ) -> int:
        """Compiles to a file, streaming its constants; returns its size in bytes.

        `progress` is called with the bytes written and in total; `elide_constants` leaves large ones out of text.
        """
        module = self.module()
        return write(module, path, tf_compat=self.tf_compat, elide_constants=elide_constants, progress=progress)


def _evidence(module: ModuleOp, *, tf_compat: bool) -> str | None:
    from tflir.passes.quantization.evidence import evidence

    return evidence(module, tf_compat=tf_compat)


def _has_integers(module: ModuleOp) -> bool:
    from tflir.passes.quantization.modify_io_nodes import has_integers

    return has_integers(module)


def _first_then(module: ModuleOp, again: Callable[[], ModuleOp]) -> Callable[[], ModuleOp]:
    """Returns `module` at the first call and reads it again at later ones, since passes modify it."""
    held = [module]
    return lambda: held.pop() if held else again()
