"""`tflir`: the command line. Parsing needs only the standard library; each command imports what it uses."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from tflir import __version__
from tflir.ir.errors import Error
from tflir.options import refuse_exclusive
from tflir.parser import Parser

if TYPE_CHECKING:
    from tflir.commands.arguments import Added

_INTERRUPTED, _TERMINATED = 130, 143
"""128 and the number of the signal, as shells have it."""


_TOGETHER = 1.0
"""Seconds within which further signals say the same as the first."""


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the program as Ctrl-C does."""


class _Stopping:
    """Turns Ctrl-C and SIGTERM into exceptions, so that no incomplete file is left.

    Signals that follow at once do not disturb what is cleaned up then: `timeout` sends SIGTERM to a program, and once
    more to its group. A later one raises again, since cleaning up may take too long for a user.
    """

    def __init__(self) -> None:
        self.reason: type[KeyboardInterrupt] | None = None
        """What the first signal raised; None before there is one."""
        self._at = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.reason is not None and now - self._at < _TOGETHER:
            return
        self._at = now
        self.reason = self.reason or (_Terminated if number == signal.SIGTERM else KeyboardInterrupt)
        raise self.reason

    @contextlib.contextmanager
    def handling(self) -> Generator[None]:
        """Handles signals: SIGTERM from now on, Ctrl-C until the end, unless it is ignored or another program's."""
        ours = False
        with contextlib.suppress(ValueError):  # only the main thread may set signal handlers
            signal.signal(signal.SIGTERM, self)
            ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if ours:
                signal.signal(signal.SIGINT, self)
        try:
            yield
        finally:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def whole(self, run: Callable[[], int]) -> int:
        """Calls `run`. What is raised after a signal is what the signal raised, which breaks what it interrupts."""
        try:
            return run()
        except BaseException as error:
            if self.reason is None or isinstance(error, self.reason):
                raise
            raise self.reason from error


def build_parser(added: Added = lambda action, declared: None) -> argparse.ArgumentParser:
    """The parser of the whole command line; `added` is called with each argument and its declaration."""
    from tflir.commands.arguments import Help, add_commands

    parser = Parser(
        prog="tflir",
        formatter_class=Help,
        description="Compiles TensorFlow Lite / LiteRT models: .tflite in, optimized .tflite out.",
        epilog="tflir help COMMAND shows options and examples. tflir-opt runs passes on the IR; see tflir-opt --help.",
    )
    parser.add_argument("--version", action="version", version=f"tflir {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    add_commands(commands, added)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    # With several threads numpy's linear algebra adds in another order: results would depend on the machine. The number
    # counts when numpy is imported, which reading some options does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    open_closed_streams()
    try:
        words = sys.argv[1:] if argv is None else list(argv)
        arguments = build_parser().parse_args(words)
    except SystemExit:  # after help and usage errors
        _flush_or_forget()
        raise
    except KeyboardInterrupt:  # reading a recipe takes time
        return _interrupted()
    arguments.words = words
    return guarded(lambda: _run(arguments), debug=getattr(arguments, "debug", False))


def _run(arguments: argparse.Namespace) -> int:
    refuse_exclusive((name for name, value in vars(arguments).items() if value), arguments.command)
    command = importlib.import_module(f"tflir.commands.{arguments.command}")
    return command.run(arguments)


def guarded(run: Callable[[], int], *, debug: bool) -> int:
    """Calls `run`; turns an exception into a line on stderr and an exit status."""
    stopping = _Stopping()
    with stopping.handling():
        return _in_a_line(lambda: stopping.whole(run), debug=debug)


def _in_a_line(run: Callable[[], int], *, debug: bool) -> int:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = run()
            sys.stdout.flush()
            return status
    except Error as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except _Terminated:
        print("terminated", file=sys.stderr)
        return _TERMINATED
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as stop:  # rich's answer to a closed pipe, argparse's to --help
        _flush_or_forget()
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        _flush_or_forget()
        return 1
    except OSError as error:
        from tflir.backends.files import NO_ROOM

        if debug or error.errno not in NO_ROOM:
            raise
        _flush_or_forget()
        print(f"error: standard output can't be written: {str(error.strerror).lower()}: make room", file=sys.stderr)
        return 1
    except (MemoryError, RecursionError) as error:
        if debug:
            raise
        what = "out of memory" if isinstance(error, MemoryError) else "the input is nested too deeply"
        print(f"error: {what}: give a smaller input, or use a machine with more memory", file=sys.stderr)
        return 1


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return _INTERRUPTED


def open_closed_streams() -> None:
    """Leads standard streams that are closed to nowhere, so that no file that is opened takes their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 -- as long as the program runs


def _flush_or_forget() -> None:
    """Writes what standard output holds; if that fails, nothing tries it again when the program ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Warning | str, *_: Any) -> None:
    """Prints a warning in one line, without the position in the program that issued it."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
