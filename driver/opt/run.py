"""Runs `tflir-opt`: each part of the input is read, transformed by the passes and printed."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tflir.backends.files import is_stream
from tflir.backends.mlir import module_text
from tflir.commands.analyses import print_analyses
from tflir.commands.outputs import STDOUT, check_outputs
from tflir.commands.terminal import say
from tflir.content import STDIN, STDIN_NAME, read_content, read_stdin
from tflir.facts import facts_in_force
from tflir.files import frontend_of
from tflir.ir.context import make_context
from tflir.ir.errors import Error
from tflir.ir.schema import IDENTIFIER
from tflir.opt.flags import PASSES, REPRODUCER, TEXT, all_flags
from tflir.opt.output import TFLITE, Output
from tflir.opt.rendering import Places, give_place, rendered
from tflir.opt.rewrites import Rewrites
from tflir.opt.wanted import passes_of
from tflir.opt.watching import Watcher
from tflir.pass_manager import run_pipeline
from tflir.pass_options import pass_text
from tflir.pipeline_text import MODULE, USAGE
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Operation
    from xdsl.passes import ModulePass
    from xdsl.utils.lexer import Span

    from tflir.opt.validation import Validation
    from tflir.passes.base import PassReport

_ONLY_EXPECTED = "only-expected"


def run(arguments: argparse.Namespace, given: list[str]) -> int:
    """Runs the command; returns the exit status."""
    with facts_in_force(arguments.plugin or ()):
        session = Session(arguments, given)
        try:
            return session.run()
        except Error as error:
            if arguments.debug:
                raise
            print(f"error: {session.shown(error, session.source)}", file=sys.stderr)
            return error.status


class Session:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, given: list[str]) -> None:
        self.arguments = arguments
        self.command = shlex.join(["tflir-opt", *given])
        self.source: bytes | None = None
        """The text that was read; None for a model."""
        self.places: Places = {}
        self.verify_each: bool = arguments.verify_each
        pipeline: str = self._reproduced() if arguments.run_reproducer else arguments.pass_pipeline
        self.passes = passes_of(pipeline, arguments)
        self.rewrites = Rewrites(arguments, self._name)
        self.output = Output(arguments)
        self.watcher = Watcher(arguments, self.passes, self.output.text)
        self.context = make_context(allow_unregistered=arguments.allow_unregistered_dialect)
        self.reports: list[PassReport] = []
        self._analysed = False
        self._check()

    def shown(self, error: Error, source: bytes | None) -> str:
        """The printed form of an error: one line; on a terminal also the source line and notes."""
        when = self.arguments.show_source
        return rendered(error, source) if when == "always" or (when == "auto" and sys.stderr.isatty()) else str(error)

    def _check(self) -> None:
        """Raises `Error` (status 2) for options that can't be combined."""
        arguments = self.arguments
        if self.output.format == TFLITE and (arguments.split_input_file or arguments.verify_diagnostics):
            raise Error("--emit tflite writes one model", hint="leave out --split-input-file", status=USAGE)
        read = () if arguments.input == STDIN else (arguments.input,)
        named = (arguments.reproducer,) if arguments.reproducer != REPRODUCER else ()
        check_outputs([arguments.output, *named], read, force=True)
        if arguments.reduce and not self.passes:
            hint = "name the pipeline that fails with -p, or a test with --reduce-test"
            raise Error("--reduce has no pipeline", hint=hint, status=USAGE)

    def _warn_of_idle(self) -> None:
        """Warns about options that have no effect with the others."""
        missing = {PASSES: not self.passes, TEXT: self.output.format == TFLITE}
        for flag in all_flags():
            if missing.get(flag.without) and flag.is_given(getattr(self.arguments, flag.attribute)):
                say(f"warning: {flag.name} does nothing without {flag.without}")

    def run(self) -> int:
        """Processes the whole input; returns the exit status."""
        self._warn_of_idle()
        if self.arguments.dump_pass_pipeline and self.passes:
            listed = ",".join(pass_text(each, defaults=True) for each in self.passes)
            say(f"Pass Manager with {len(self.passes)} passes:")
            say(f"{MODULE}({listed})")
        if self.arguments.split_input_file or self.arguments.verify_diagnostics:
            return self._run_parts()
        with self.watcher.timed("read"):
            module = self._load()
        if self.arguments.verify_roundtrip:
            self._check_roundtrip(module)
        if self.arguments.reduce or self.arguments.reduce_test:
            return self._reduce(module)
        if self.arguments.bisect and self.passes:
            return self._bisect(module)
        self._transform(module)
        if self.arguments.explain:
            return self._explain()
        if not (self._analysed and self.arguments.output == STDOUT):
            with self.watcher.timed("write"):
                self.output.write(module)
        self.watcher.say_times()
        return 0

    # Reading.

    @property
    def _name(self) -> str:
        return STDIN_NAME if self.arguments.input == STDIN else self.arguments.input

    def _load(self) -> ModuleOp:
        if self.source is None and self.arguments.input != STDIN and _is_model(self.arguments.input):
            from tflir.files import load

            return load(self.arguments.input)
        return self._parse(self._read())

    def _read(self) -> bytes:
        if self.source is not None:
            return self.source
        return read_stdin() if self.arguments.input == STDIN else read_content(self.arguments.input)

    def _reproduced(self) -> str:
        """The pipeline of a reproducer in the input."""
        from tflir.opt.reproducer import pipeline_of

        self.source = self._read()
        pipeline, verify = pipeline_of(self.source, self._name)
        self.verify_each = self.verify_each if verify is None else verify
        return pipeline

    def _parse(self, data: bytes) -> ModuleOp:
        if data[4:8] == IDENTIFIER:
            from tflir.files import load_bytes

            self.source = None
            return load_bytes(data)
        from tflir.frontends.mlir import parse_text

        self.source = data
        places: dict[Operation, Span] = {}
        module = parse_text(data, self._name, self.context, verify=self.arguments.verify_input, places=places)
        self.places = places
        return module

    def _check_roundtrip(self, module: ModuleOp) -> None:
        """Prints the program, reads the text, and prints it again: both texts must be equal."""
        from tflir.frontends.mlir import parse_text

        for generic in (False, True):
            first = module_text(module, elide=False, locations=True, generic=generic)
            again = parse_text(first.encode("utf-8"), f"{self._name} (printed)", self.context, verify=False)
            second = module_text(again, elide=False, locations=True, generic=generic)
            if first != second:
                pairs = zip(first.splitlines(), second.splitlines(), strict=False)
                differing = next((pair for pair in pairs if pair[0] != pair[1]), ("one line", "no line"))
                what = f"what is printed reads back as another program: '{differing[0]}' as '{differing[1]}'"
                raise Error(what, file=self._name, hint="this is a bug in a printer or a parser")

    # Parts.

    def _run_parts(self) -> int:
        """Processes every part of the input; an error in one does not stop the others."""
        data = self._read()
        status = 0
        outputs: list[str] = []
        marker: str | None = self.arguments.split_input_file
        for part in _split(data, marker.encode()) if marker else [data]:
            raised: Error | None = None
            try:
                module = self._parse(part)
                if self.arguments.verify_roundtrip:
                    self._check_roundtrip(module)
                self._transform(module)
                outputs.append(self.output.text(module))
            except Error as error:
                if self.arguments.debug and not self.arguments.verify_diagnostics:
                    raise
                raised = error
            problems = self._problems(part, raised)
            for problem in problems:
                print(f"error: {problem}", file=sys.stderr)
            if problems:
                status = status or (raised.status if raised is not None else 1)
        if not self.arguments.verify_diagnostics and not (self._analysed and self.arguments.output == STDOUT):
            self.output.write_string(f"{self.arguments.output_split_marker}\n".join(outputs))
        self.watcher.say_times()
        return status

    def _problems(self, part: bytes, found: Error | None) -> list[str]:
        """The problems of a part: its error, or the differences from the errors that its comments expect."""
        if not self.arguments.verify_diagnostics:
            return [self.shown(found, part)] if found is not None else []
        from tflir.opt.diagnostics import check

        only_expected = self.arguments.verify_diagnostics == _ONLY_EXPECTED
        return check(part, found, self._name, only_expected=only_expected)

    # Passes.

    def _transform(self, module: ModuleOp) -> None:
        if not self.passes:
            return
        current: list[tuple[ModulePass, ModuleOp]] = []

        validation = self._validation()

        def before(each: ModulePass, module: ModuleOp) -> None:
            current[:] = [(each, snapshot(module))]
            if validation is not None:
                validation.before(each, module)
            self.watcher.before(each, module)

        def after(each: ModulePass, module: ModuleOp) -> None:
            if validation is not None:
                validation.after(each, module)
            self.watcher.after(each, module)

        reports: list[PassReport] = []
        try:
            with self.rewrites.followed(module, validation if self.arguments.validate_rewrites else None):
                reports += run_pipeline(
                    module,
                    self.rewrites.within_limit(self.passes),
                    verify_each=self.verify_each,
                    before=before,
                    after=after,
                    context=self.context,
                )
        except Error as error:
            give_place(error, self.places)
            error.file = error.file or self._name
            if current:
                self._failed(module, *current[0])
            raise
        if not reports:  # stopped after a rewrite
            return
        self.reports += reports
        if not self.arguments.explain:
            self._analysed |= print_analyses(reports)
        self.watcher.note_rules(reports)
        self.watcher.say_statistics(reports)

    def _validation(self) -> Validation | None:
        """The validation that runs the program before and after each pass, if it is requested."""
        arguments = self.arguments
        if not (arguments.validate_each or arguments.validate_rewrites):
            if arguments.validate_inputs:
                raise Error("--validate-inputs does nothing alone", hint="add --validate-each", status=USAGE)
            return None
        from tflir.opt.validation import Validation

        return Validation(arguments.validate_inputs)

    def _failed(self, module: ModuleOp, each: ModulePass, before: ModuleOp) -> None:
        """Writes what a bug report needs: the program before the pass that failed, and the command."""
        self.watcher.failed(each, module)
        if self.arguments.verify_diagnostics:
            return
        from tflir.opt.reproducer import write_reproducer

        write_reproducer(self.arguments.reproducer, self.arguments.input, self.command, each, before)

    def _bisect(self, module: ModuleOp) -> int:
        from tflir.opt.bisect import Bisection, check_of

        check = check_of(self.arguments.bisect, module, as_model=self.output.format == TFLITE)
        for line in Bisection(module, self.passes, self.context, check).answer():
            print(line)
        return 0

    def _explain(self) -> int:
        from tflir.opt.explaining import explained

        for line in explained(self.arguments.explain, self.passes, self.reports, self._name):
            print(line)
        return 0

    def _reduce(self, module: ModuleOp) -> int:
        from tflir.opt.interesting import by_command, by_pipeline
        from tflir.opt.reduction import reduced

        if self.arguments.reduce_test:
            is_interesting = by_command(self.arguments.reduce_test, module, as_model=self.output.format == TFLITE)
        else:
            is_interesting = by_pipeline(self.passes, module, self.context, verify_each=self.verify_each)
        self.output.write(reduced(module, is_interesting), whole=True)
        return 0


def _is_model(path: str) -> bool:
    """Whether the file is not text but a model, by its identifier or name, or in a format of a plug-in. For a stream,
    this is decided when it is read."""
    if is_stream(path):
        return False
    try:
        with open(path, "rb") as file:
            if file.read(8)[4:] == IDENTIFIER or path.endswith(f".{TFLITE}"):
                return True
    except OSError:
        return path.endswith(f".{TFLITE}")
    return frontend_of(path) is not None


def _split(data: bytes, marker: bytes) -> Iterator[bytes]:
    """The parts between lines that begin with `marker`, each after blank lines, so that its line numbers are right."""
    separator = re.compile(rb"^[ \t]*" + re.escape(marker) + rb"[^\n]*\n?", re.MULTILINE)
    start = lines = 0
    for match in separator.finditer(data):
        yield b"\n" * lines + data[start : match.start()]
        lines += data.count(b"\n", start, match.end())
        start = match.end()
    yield b"\n" * lines + data[start:]
