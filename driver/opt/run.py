"""The work of `tflir-opt`: each part of the input is read, put through the passes and printed."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tflir.backends.files import is_stream, whole_file
from tflir.backends.mlir import module_text, write_text
from tflir.commands.outputs import STDOUT, check_outputs, write_stdout
from tflir.commands.terminal import say
from tflir.content import STDIN, STDIN_NAME, read_content, read_stdin
from tflir.files import check_ending
from tflir.ir.context import make_context
from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.ir.schema import IDENTIFIER
from tflir.opt.main import REPRODUCER
from tflir.pass_manager import USAGE, parse_pipeline, run_pipeline
from tflir.plugins import register_dialects

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.passes.base import PassReport

_SEPARATOR = re.compile(rb"^[ \t]*// -----[^\n]*\n?", re.MULTILINE)
_TFLITE, _MLIR = "tflite", "mlir"
_REPRODUCER_HEAD = "tflir reproducer"
_OF_TEXT = ("print_resources", "print_debuginfo", "print_generic")
_OF_PASSES = (
    "print_ir_before_all",
    "print_ir_after_all",
    "print_ir_after_change",
    "print_ir_after_failure",
    "pass_statistics",
    "reproducer",
)


def run(arguments: argparse.Namespace, given: list[str]) -> int:
    """Does what the arguments say; returns the exit status."""
    return Session(arguments, given).run()


class Session:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, given: list[str]) -> None:
        self.arguments = arguments
        self.command = shlex.join(["tflir-opt", *given])
        self.passes = parse_pipeline(arguments.pass_pipeline) if arguments.pass_pipeline.strip() else []
        self.times: list[tuple[str, float]] = []
        self.context = register_dialects(make_context())
        self.emit = arguments.emit or (_TFLITE if arguments.output.endswith(f".{_TFLITE}") else _MLIR)
        self._text_before = ""
        self._check()

    def _check(self) -> None:
        """Refuses options that can't be meant (status 2)."""
        arguments, names = self.arguments, [each.name for each in self.passes]
        for name in (*arguments.print_ir_before, *arguments.print_ir_after):
            if name not in names:
                raise Error(f"the pipeline has no pass '{name}'{near(name, names)}", status=USAGE)
        if self.emit == _TFLITE and (arguments.split_input_file or arguments.verify_diagnostics):
            raise Error("--emit tflite writes one model", hint="leave out --split-input-file", status=USAGE)
        if self.emit == _TFLITE and arguments.output == STDOUT and sys.stdout.isatty():
            raise Error("a model is no text for a terminal", hint="name a file with -o", status=USAGE)
        if arguments.output != STDOUT and arguments.emit is None and not is_stream(arguments.output):
            check_ending(arguments.output)
        read = () if arguments.input == STDIN else (arguments.input,)
        named = (arguments.reproducer,) if arguments.reproducer != REPRODUCER else ()
        check_outputs([arguments.output, *named], read, force=True)

    def _warn_of_idle(self) -> None:
        """Says which options do nothing beside the others."""
        arguments = self.arguments
        beside: dict[str, tuple[str, ...]] = {} if self.passes else {"-p": _OF_PASSES}
        if self.emit == _TFLITE:
            beside["--emit mlir"] = _OF_TEXT
        for without, flags in beside.items():
            for flag in flags:
                if getattr(arguments, flag) not in (False, None, [], REPRODUCER):
                    say(f"warning: --{flag.replace('_', '-')} does nothing without {without}")

    def run(self) -> int:
        self._warn_of_idle()
        if self.arguments.split_input_file or self.arguments.verify_diagnostics:
            return self._run_parts()
        with self._timed("read"):
            module = self._load()
        self._transform(module)
        with self._timed("write"):
            self._write(module)
        self._say_times()
        return 0

    # Reading.

    @property
    def _name(self) -> str:
        return STDIN_NAME if self.arguments.input == STDIN else self.arguments.input

    def _load(self) -> ModuleOp:
        if self.arguments.input != STDIN and _is_model(self.arguments.input):
            from tflir.files import load

            return load(self.arguments.input)
        return self._parse(self._read())

    def _read(self) -> bytes:
        return read_stdin() if self.arguments.input == STDIN else read_content(self.arguments.input)

    def _parse(self, data: bytes) -> ModuleOp:
        if data[4:8] == IDENTIFIER:
            from tflir.files import load_bytes

            return load_bytes(data)
        from tflir.frontends.mlir import parse_text

        return parse_text(data, self._name, self.context)

    # Parts.

    def _run_parts(self) -> int:
        """Every part of the input by itself; an error in one does not end the others."""
        from tflir.opt.diagnostics import check

        data = self._read()
        status = 0
        outputs: list[str] = []
        for part in _split(data) if self.arguments.split_input_file else [data]:
            found: Error | None = None
            try:
                module = self._parse(part)
                self._transform(module)
                outputs.append(self._text(module))
            except Error as error:
                if self.arguments.debug and not self.arguments.verify_diagnostics:
                    raise
                found = error
            if self.arguments.verify_diagnostics:
                problems = check(part, found, self._name)
            else:
                problems = [str(found)] if found is not None else []
            for problem in problems:
                say(f"error: {problem}")
            if problems:
                status = status or (found.status if found is not None else 1)
        if not self.arguments.verify_diagnostics:
            self._emit_text("// -----\n".join(outputs))
        self._say_times()
        return status

    # Passes.

    def _transform(self, module: ModuleOp) -> None:
        if not self.passes:
            return
        current: list[tuple[ModulePass, ModuleOp]] = []

        def before(each: ModulePass, module: ModuleOp) -> None:
            current[:] = [(each, _snapshot(module))]
            self._before(each, module)

        try:
            reports = run_pipeline(
                module,
                self.passes,
                verify_each=self.arguments.verify_each,
                before=before,
                after=self._after,
                context=self.context,
            )
        except Error as error:
            error.file = error.file or self._name
            if current:
                self._failed(module, *current[0])
            raise
        if self.arguments.pass_statistics:
            for report in reports:
                for line in _statistics(report):
                    say(line)

    def _before(self, each: ModulePass, module: ModuleOp) -> None:
        arguments = self.arguments
        if arguments.print_ir_before_all or each.name in arguments.print_ir_before:
            self._dump(f"Before {each.name}", module)
        if arguments.print_ir_after_change:
            self._text_before = module_text(module, locations=True)
        self._started = time.perf_counter()

    def _after(self, each: ModulePass, module: ModuleOp) -> None:
        arguments = self.arguments
        self.times.append((each.name, time.perf_counter() - self._started))
        changed = arguments.print_ir_after_change and module_text(module, locations=True) != self._text_before
        if arguments.print_ir_after_all or each.name in arguments.print_ir_after or changed:
            self._dump(f"After {each.name}", module)

    def _failed(self, module: ModuleOp, each: ModulePass, snapshot: ModuleOp) -> None:
        """Leaves what a bug report needs: the program before the pass that failed, and the command."""
        if self.arguments.print_ir_after_failure:
            self._dump(f"After {each.name} Failed", module)
        if self.arguments.verify_diagnostics:
            return
        path = self.arguments.reproducer
        if not _may_take(path, self.arguments.input):
            say(f"note: no reproducer at {path}: another file is there: name one with --reproducer")
            return
        lines = (f"{_REPRODUCER_HEAD}: {self.command}", f"tflir-opt {path} -p '{each}'")
        head = "".join(f"// {' '.join(line.splitlines())}\n" for line in lines)
        try:
            with whole_file(path) as out:
                out.write(head.encode("utf-8", "surrogateescape"))
                write_text(snapshot, out)
        except Error as error:
            say(f"note: no reproducer at {path}: {error.what}")
        else:
            say(f"note: the program before {each.name} is in {path}")

    def _dump(self, what: str, module: ModuleOp) -> None:
        print(f"// -----// IR Dump {what} //----- //\n{self._text(module)}", file=sys.stderr)

    # Writing.

    def _text(self, module: ModuleOp) -> str:
        return module_text(
            module,
            elide=not self.arguments.print_resources,
            locations=self.arguments.print_debuginfo,
            generic=self.arguments.print_generic,
        )

    def _write(self, module: ModuleOp) -> None:
        if self.emit == _MLIR:
            self._write_text(module)
            return
        from tflir.backends.tflite.model import export_model

        writer = export_model(module)
        if self.arguments.output == STDOUT:
            import io

            held = io.BytesIO()
            writer.write(held)
            write_stdout(held.getvalue())
            return
        with whole_file(self.arguments.output) as out:
            writer.write(out)

    def _write_text(self, module: ModuleOp) -> None:
        options = self.arguments
        with self._out() as out:
            write_text(
                module,
                out,
                elide=not options.print_resources,
                locations=options.print_debuginfo,
                generic=options.print_generic,
            )

    def _emit_text(self, text: str) -> None:
        with self._out() as out:
            out.write(text.encode())

    @contextmanager
    def _out(self) -> Generator[BinaryIO]:
        if self.arguments.output != STDOUT:
            with whole_file(self.arguments.output) as out:
                yield out
            return
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:  # a test's or a notebook's
            import io

            held = io.BytesIO()
            yield held
            sys.stdout.write(held.getvalue().decode())

    # Time.

    @contextmanager
    def _timed(self, what: str) -> Generator[None]:
        start = time.perf_counter()
        yield
        self.times.append((what, time.perf_counter() - start))

    def _say_times(self) -> None:
        if not self.arguments.timing:
            return
        total = sum(seconds for _, seconds in self.times)
        print(f"{'seconds':>10}  {'':>6}  step", file=sys.stderr)
        for what, seconds in self.times:
            print(f"{seconds:10.4f}  {seconds / total if total else 0:6.1%}  {what}", file=sys.stderr)
        print(f"{total:10.4f}  {1:6.1%}  in all", file=sys.stderr)


def _is_model(path: str) -> bool:
    """Whether the file holds a model, by its identifier, else by its name. A stream is told apart when it is read."""
    if is_stream(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(8)[4:] == IDENTIFIER or path.endswith(f".{_TFLITE}")
    except OSError:
        return path.endswith(f".{_TFLITE}")


def _may_take(path: str, source: str) -> bool:
    """Whether a reproducer may be written at `path`: nothing is there but an older one that is not the input."""
    if not os.path.isfile(path):
        return True
    if source != STDIN and os.path.exists(source) and os.path.samefile(path, source):
        return False
    head = f"// {_REPRODUCER_HEAD}".encode()
    try:
        with open(path, "rb") as file:
            return file.read(len(head)) == head
    except OSError:
        return False


def _split(data: bytes) -> Iterator[bytes]:
    """The parts between `// -----` lines, each after as many line ends as stood before it, for its line numbers."""
    start = 0
    for separator in _SEPARATOR.finditer(data):
        yield b"\n" * data.count(b"\n", 0, start) + data[start : separator.start()]
        start = separator.end()
    yield b"\n" * data.count(b"\n", 0, start) + data[start:]


def _snapshot(module: ModuleOp) -> ModuleOp:
    """A copy, with the locations of arguments, which xDSL's copy leaves out."""
    copy = module.clone()
    for old, new in zip(module.walk(), copy.walk(), strict=True):
        for old_region, new_region in zip(old.regions, new.regions, strict=True):
            for old_block, new_block in zip(old_region.blocks, new_region.blocks, strict=True):
                for argument, copied in zip(old_block.args, new_block.args, strict=True):
                    copied.location = argument.location
    return copy


def _statistics(report: PassReport) -> Iterator[str]:
    yield f"{report.name}:"
    for what, times in report.counts.items():
        yield f"  {times:8} {what}"
    for why, times in report.declined.most_common():
        example = report.examples.get(why)
        yield f"  {times:8} left alone: {why}{f' (first: {example})' if example else ''}"
