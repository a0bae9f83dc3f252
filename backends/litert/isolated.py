"""Runs LiteRT in a child process: if the runtime aborts, the child dies, and this process raises an `Error`.

`isolated(function, …)` calls a function of a module in the child and returns its result. One child serves all calls,
and ends with this process. If no child can be started, the function is called in this process.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, Any, Self, TypeVar

import numpy as np

from tflir.backends.litert import quiet
from tflir.backends.litert.run import Array, Entry, Model, Note, Runner, Sample
from tflir.ir.errors import Error

T = TypeVar("T")
_START = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {} import serve; serve()"
_RESULT, _RAISED, _PROGRESS = "result", "raised", "progress"
_STDOUT, _STDERR = 1, 2
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Unless the user says otherwise: numpy's threads would compete with those of other processes."""


def isolated(function: Callable[..., T], *arguments: Any, progress: Note | None = None, file: str = "") -> T:
    """Calls `function(*arguments)` in the child process; returns its result, or raises its exception.

    `progress` receives the calls of the function's parameter of that name. Raises `Error`, which names `file`, if the
    child dies.
    """
    global _child
    if _stays:
        return function(*arguments, **({} if progress is None else {"progress": progress}))
    with _one_at_a_time:
        if _child is None or not _child.is_mine:
            try:
                _child = Process()
            except OSError:
                return function(*arguments, **({} if progress is None else {"progress": progress}))
        try:
            return _child.call(function, arguments, progress)
        except Died as death:
            _child = None
            raise death.error(file) from None
        except BaseException:
            if not _child.waiting:  # after an interrupted call, it would answer that one first
                _child.kill()
                _child = None
            raise


class Held(ABC):
    """What the child process holds for this one until `close`, or until the `with` block ends.

    A subclass calls `isolated` to open it before it calls this constructor, and implements `_close`.
    """

    def __init__(self) -> None:
        self._holder = _child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory, unless the process that held it has ended."""
        if self._holder is _child:
            with contextlib.suppress(Error):
                self._close()

    @abstractmethod
    def _close(self) -> None:
        """Frees the memory in the child process."""


class IsolatedRunner(Held):
    """A `Runner` in the child process."""

    def __init__(self, model: Model, **how: Any) -> None:
        self.file = "" if isinstance(model, bytes) else os.fspath(model)
        self._number = next(_numbers)
        self.entries: tuple[Entry, ...] = isolated(_open, self._number, model, how, file=self.file)
        super().__init__()

    def run(self, entry: Entry, sample: Sample, *, anew: bool = True) -> dict[str, Array]:
        """See `Runner.run`."""
        values = {name: np.asarray(value) for name, value in sample.items()}
        return isolated(_run, self._number, entry, values, anew, file=self.file)

    def _close(self) -> None:
        isolated(_close, self._number)


class Died(Exception):
    """The child process has died; the message says why."""

    def error(self, file: str = "") -> Error:
        """What this means for the model `file`."""
        return Error(f"LiteRT aborts: {self}", file=file, hint="the runtime can't run this model")


class Process:
    """A process that calls functions for this one. It is started at once, and ends with `kill` or with this process."""

    def __init__(self) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START.format(__name__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=_ONE_THREAD | os.environ,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._out, self._in = self._process.stdin, self._process.stdout
        self._owner = os.getpid()
        self.waiting = True
        """Whether it has answered every call, and waits for the next."""
        self._send(sys.path)
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_mine(self) -> bool:
        """Whether this process started it; a fork of that process must not use it."""
        return self._owner == os.getpid()

    def call(self, function: Callable[..., T], arguments: tuple[Any, ...], progress: Note | None = None) -> T:
        """What the function gives, or raises, there. Raises `Died` where the process ends instead of answering."""
        self.waiting = False
        folder = ""
        with contextlib.suppress(OSError):  # it may have been removed
            folder = os.getcwd()
        self._send((folder, function, arguments, progress is not None))
        while True:
            kind, value = self._received()
            if kind == _PROGRESS:
                assert progress is not None
                progress(*value)
                continue
            self.waiting = True
            if kind == _RAISED:
                raise value
            return value

    def _send(self, what: Any) -> None:
        try:
            pickle.dump(what, self._out, pickle.HIGHEST_PROTOCOL)
            self._out.flush()
        except BrokenPipeError:
            raise self._death() from None

    def _received(self) -> Any:
        try:
            return pickle.load(self._in)
        except (EOFError, pickle.UnpicklingError):
            raise self._death() from None

    def _death(self) -> Died:
        status = self._process.wait()
        self._said.seek(0)
        said = quiet.complaints(self._said.read().decode(errors="replace"))
        self.kill()
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return Died(f"{how}, {said[-1]}" if said else how)

    def end(self) -> None:
        """Ends the child process from another thread: the call that waits for it raises `Died`."""
        self._process.kill()

    def kill(self) -> None:
        """Ends the child process at once."""
        atexit.unregister(self.kill)
        if not self.is_mine:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._out, self._in, self._said):
            with contextlib.suppress(OSError):
                stream.close()


def stay_here() -> None:
    """From now on `isolated` calls functions in this process, which is itself one that may die."""
    global _stays
    _stays = True


_stays = False
_child: Process | None = None
_numbers = itertools.count()
_one_at_a_time = threading.RLock()


# What follows runs in the child process.

_runners: dict[int, Runner] = {}


def _open(number: int, model: Model, how: dict[str, Any]) -> tuple[Entry, ...]:
    _runners[number] = Runner(model, **how)
    return _runners[number].entries


def _run(number: int, entry: Entry, sample: Sample, anew: bool) -> dict[str, Array]:
    return _runners[number].run(entry, sample, anew=anew)


def _close(number: int) -> None:
    _runners.pop(number, None)


def serve() -> None:
    """Answers calls until stdin ends. What functions print is written to stderr, which is a file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends this one
    calls = sys.stdin.buffer
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    quiet.kept_already()

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    def note(done: int, of: int) -> None:
        answer(_PROGRESS, (done, of))

    while True:
        try:
            folder, function, arguments, tell = pickle.load(calls)
        except EOFError:
            return
        with contextlib.suppress(OSError):
            os.chdir(folder)  # the parent's folder, which may have changed since this process started
        try:
            result = function(*arguments, **({"progress": note} if tell else {}))
        except Exception as error:
            answer(_RAISED, error)
        else:
            answer(_RESULT, result)
        arguments = result = None  # they may be large, and the next call may come late
