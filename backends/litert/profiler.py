"""Times each op of a model with LiteRT's own profiler, which sees into the default delegate.

LiteRT's Python package does not offer the profiler; its C library (`libLiteRt.so`) does, and is called here. It runs
the same kernels and delegate as the interpreter does.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflir.backends.litert.compare import SEED, random_sample
from tflir.backends.litert.quiet import quiet
from tflir.backends.litert.run import Array, Entry, Model, Port, Runner
from tflir.backends.litert.wiring import Wiring, wirings
from tflir.ir.errors import Error

RUNS = 30
_CPU = 1
_OP, _DELEGATE_OP = 1 << 1, 1 << 3
"""Kinds of events: an operator in its own kernel, and what the delegate made of one."""
_WRITE = 1
_MICROSECONDS = 1e-6
_TYPE_BYTES = 128
"""More than the C structure of a tensor's type takes: element type, rank, then the dimensions."""
_DIMENSIONS_AT = 2
_HINT = "leave --profile out"


@dataclass(frozen=True)
class OpTime:
    """One op, or what the delegate made of one or several."""

    op: str
    """As in the schema (`CONV_2D`); what the delegate calls it (`Convolution (NHWC, F32) IGEMM`)."""
    name: str
    """Of the tensor that it makes; '' inside the delegate, which does not tell."""
    seconds: float
    """Of all its calls in one run: the mean over runs. The delegate counts whole microseconds, rounded down."""
    calls: float
    """In one run: more than one in loops."""
    delegated: bool
    subgraph: int
    """An op of a subgraph that another op calls counts there too."""


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("total", "used", "private")]


class _Event(ctypes.Structure):
    _fields_ = [
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("began", ctypes.c_uint64),
        ("elapsed", ctypes.c_uint64),
        ("before", _Memory),
        ("after", _Memory),
        ("index", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    ]


def _leave(content: int | None) -> None:
    """What the library calls to free a text that is Python's."""


Key = tuple[int, int, int, str]
"""An op: its subgraph, its index or that of the op before the partition, its index in the partition, what it is."""


def profile(model: Model, delegate: bool = True, threads: int = 1, signature: str = "") -> list[OpTime]:
    """The ops of a run in the order in which they run, on random inputs.

    To be called in a process of its own. Raises `Error` where the model can't be run, or the runtime has no profiler.
    """
    runner = Runner(model, delegate=delegate, num_threads=threads)
    number, entry = next((n, one) for n, one in enumerate(runner.entries) if one.key == signature or not signature)
    sample = random_sample(entry.inputs, np.random.default_rng(SEED))
    values = [port.encode(sample[port.name]) for port in entry.inputs]
    with quiet():
        runs = _Library().profiled(model, number, entry, values, delegate, threads)
    wiring = wirings(model)[entry.key]
    return [_op_time(key, found, wiring) for key, found in _merged(runs).items()]


def _merged(runs: Sequence[Sequence[_Event]]) -> dict[Key, tuple[float, float]]:
    """By op, in the order in which each is first seen: microseconds and calls of a run, the mean over runs."""
    found: dict[Key, list[int]] = {}
    for events in runs:
        for key, elapsed in _keyed(events):
            sums = found.setdefault(key, [0, 0])
            sums[0] += elapsed
            sums[1] += 1
    return {key: (elapsed / len(runs), calls / len(runs)) for key, (elapsed, calls) in found.items()}


def _keyed(events: Sequence[_Event]) -> Iterator[tuple[Key, int]]:
    before: dict[int, int] = {}
    for event in events:
        tag = (event.tag or b"").decode(errors="replace")
        graph, index = int(event.subgraph), int(event.index)
        if event.kind == _OP:
            before[graph] = index
            yield (graph, index, -1, tag), int(event.elapsed)
        elif event.kind == _DELEGATE_OP:
            yield (graph, before.get(graph, -1), index, tag), int(event.elapsed)


def _op_time(key: Key, found: Sequence[float], wiring: Wiring) -> OpTime:
    graph, index, inside, tag = key
    name = ""
    if inside < 0 and graph == wiring.subgraph and index < len(wiring.operators):
        operator = wiring.operators[index]
        name = wiring.names[operator.outputs[0]] if operator.kind == tag and operator.outputs else ""
    return OpTime(tag, name, found[0] * _MICROSECONDS, found[1], inside >= 0, graph)


class _Library:
    """LiteRT's C library, as far as it is needed."""

    def __init__(self) -> None:
        package = importlib.import_module("ai_edge_litert")
        folder = pathlib.Path(str(package.__file__)).parent
        found = sorted(folder.glob("libLiteRt.*"))
        if not found:
            raise Error("this version of LiteRT has no profiler", hint=_HINT)
        self._functions = ctypes.CDLL(os.fspath(found[0]))
        self._kept: list[Any] = []
        """What the library holds pointers to."""

    def profiled(
        self, model: Model, number: int, entry: Entry, values: Sequence[Array], delegate: bool, threads: int
    ) -> list[list[_Event]]:
        """The events of each run of signature `number`."""
        environment = self._made("LiteRtCreateEnvironment", 0, None)
        loaded = self._model(environment, model)
        compiled = self._made("LiteRtCreateCompiledModel", environment, loaded, self._options(delegate, threads))
        signature = self._made("LiteRtGetModelSignature", loaded, ctypes.c_size_t(number))
        for place, (port, value) in enumerate(zip(entry.inputs, values, strict=True)):
            if port.shape != value.shape:
                self._resize(compiled, number, place, value)
        inputs = [
            self._input(environment, compiled, signature, number, place, values[index])
            for place, index in enumerate(self._order(signature, "Input", entry.inputs))
        ]
        outputs = [
            self._buffer(environment, compiled, signature, number, place, "Output", entry.outputs[index])
            for place, index in enumerate(self._order(signature, "Output", entry.outputs))
        ]
        profiler = self._made("LiteRtCompiledModelGetProfiler", compiled)
        run = self._run(compiled, number, inputs, outputs)
        run()
        return [self._events(profiler, run) for _ in range(RUNS)]

    def _events(self, profiler: Any, run: Callable[[], None]) -> list[_Event]:
        self._call("LiteRtResetProfiler", profiler)
        self._call("LiteRtStartProfiler", profiler)
        run()
        self._call("LiteRtStopProfiler", profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(count))
        events = (_Event * max(count.value, 1))()
        self._call("LiteRtGetProfilerEvents", profiler, count, events)
        return list(events[: count.value])

    def _options(self, delegate: bool, threads: int) -> Any:
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        kernels = "" if delegate else 'kernel_mode = "builtin"\n'
        for name, text in (
            ("runtime_options_string", "enable_profiling = true\n"),
            ("xnnpack", f"num_threads = {threads}\n{kernels}"),
        ):
            content = ctypes.create_string_buffer(text.encode())
            unmake = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_leave)
            self._kept += [content, unmake]
            part = self._made("LiteRtCreateOpaqueOptions", name.encode(), content, unmake)
            self._call("LiteRtAddOpaqueOptions", options, part)
        return options

    def _model(self, environment: Any, model: Model) -> Any:
        if not isinstance(model, bytes):
            return self._made("LiteRtCreateModelFromFile", environment, os.fsencode(model))
        self._kept.append(model)
        return self._made("LiteRtCreateModelFromBuffer", environment, model, ctypes.c_size_t(len(model)))

    def _resize(self, compiled: Any, number: int, place: int, value: Array) -> None:
        sizes = (ctypes.c_int * max(value.ndim, 1))(*value.shape)
        where = compiled, ctypes.c_size_t(number), ctypes.c_size_t(place)
        self._call("LiteRtCompiledModelResizeInputTensorNonStrict", *where, sizes, ctypes.c_size_t(value.ndim))

    def _input(self, environment: Any, compiled: Any, signature: Any, number: int, place: int, value: Array) -> Any:
        buffer = self._buffer(environment, compiled, signature, number, place, "Input", value)
        address = ctypes.c_void_p()
        self._call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), _WRITE)
        content = np.ascontiguousarray(value).tobytes()
        ctypes.memmove(address, content, len(content))
        self._call("LiteRtUnlockTensorBuffer", buffer)
        return buffer

    def _order(self, signature: Any, side: str, ports: Sequence[Port]) -> list[int]:
        """The positions of ports in the library's order, which is that of the file; as they stand if names differ."""
        known = {port.name: index for index, port in enumerate(ports)}
        found: list[int] = []
        for place in range(len(ports)):
            name = ctypes.c_char_p()
            self._call(f"LiteRtGetSignature{side}Name", signature, ctypes.c_size_t(place), ctypes.byref(name))
            found.append(known.get((name.value or b"").decode(errors="replace"), -1))
        return found if sorted(found) == list(range(len(ports))) else list(range(len(ports)))

    def _buffer(
        self, environment: Any, compiled: Any, signature: Any, number: int, place: int, side: str, like: Array | Port
    ) -> Any:
        """A buffer for an input or an output; of dimensions that are not known those of `like`, or 1."""
        at = ctypes.c_size_t(place)
        tensor = self._made(f"LiteRtGetSignature{side}TensorByIndex", signature, at)
        kind = (ctypes.c_int32 * (_TYPE_BYTES // 4))()
        self._call("LiteRtGetRankedTensorType", tensor, kind)
        for axis, size in enumerate(like.shape, _DIMENSIONS_AT):
            if kind[axis] < 0:
                kind[axis] = max(size, 1)
            elif size >= 0:  # the library knows a size of tensors that are not marked as ranked, if like has none
                kind[axis] = size
        needs = self._made(f"LiteRtGetCompiledModel{side}BufferRequirements", compiled, ctypes.c_size_t(number), at)
        return self._made("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind, needs)

    def _run(self, compiled: Any, number: int, inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[[], None]:
        given = (ctypes.c_void_p * max(len(inputs), 1))(*inputs)
        made = (ctypes.c_void_p * max(len(outputs), 1))(*outputs)
        arguments = (
            compiled,
            ctypes.c_size_t(number),
            ctypes.c_size_t(len(inputs)),
            given,
            ctypes.c_size_t(len(outputs)),
            made,
        )
        return lambda: self._call("LiteRtRunCompiledModel", *arguments)

    def _made(self, function: str, *arguments: Any) -> Any:
        """What a function puts where its last argument points."""
        made = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(made))
        return made

    def _call(self, function: str, *arguments: Any) -> None:
        try:
            status = getattr(self._functions, function)(*arguments)
        except AttributeError:
            raise Error("this version of LiteRT has another profiler", hint=_HINT) from None
        if status:
            raise Error(f"LiteRT's profiler can't run it: {function} gives status {status}", hint=_HINT)
