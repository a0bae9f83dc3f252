"""Runs one model in the LiteRT interpreter.

```python
runner = Runner("model.tflite")
for entry in runner.entries:                       # one for each signature; a single unnamed one without signatures
    outputs = runner.run(entry, {port.name: value for port, value in …})
```
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pathlib
import re
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.kept import Kept
from tflir.backends.litert.quiet import Said, quiet
from tflir.backends.litert.wiring import Wiring
from tflir.ir.errors import Error, said_by_system

_Made = TypeVar("_Made")
Array = npt.NDArray[Any]
Model = str | os.PathLike[str] | bytes
"""A path, or the bytes of a `.tflite`."""
Sample = Mapping[str, Array]
"""A value for each input, by its name in the signature or the tensor's name."""
Samples = dict[str, list[Sample]]
"""Samples by the key of their signature; '' without signatures."""
Note = Callable[[int, int], None]
"""Is called with how much is done, and how much there is in total (0: not known)."""


@dataclass(frozen=True)
class Port:
    """An input or output as the runtime describes it."""

    name: str
    """Its name in the signature; without a signature the tensor's name, made unique."""
    tensor: str
    index: int
    shape: tuple[int, ...]
    """-1 for a dynamic dimension."""
    dtype: np.dtype[Any]
    scales: Array
    zero_points: Array
    axis: int

    def encode(self, value: Array) -> Array:
        """`value` as the input needs it: floats are quantized if it has a scale, and a batch dimension of 1
        is added.
        """
        if value.ndim == len(self.shape) - 1 and self.shape[0] in (1, -1):
            value = value[None]
        if self.dtype.kind in "iu" and value.dtype.kind == "f" and self.scales.size == 1:
            bounds = np.iinfo(self.dtype)
            value = np.clip(np.rint(value / self.scales[0]) + self.zero_points[0], bounds.min, bounds.max)
        return np.ascontiguousarray(value, self.dtype).reshape(value.shape)  # a scalar would become a vector

    def decode(self, value: Array) -> Array:
        """The real value of an output: float32 if the output is quantized."""
        if value.dtype.kind not in "iu" or not self.scales.size:
            return value
        scales, points = self.scales, self.zero_points
        if scales.size > 1:
            along = [1] * value.ndim
            along[self.axis] = -1
            scales, points = scales.reshape(along), points.reshape(along)
        return ((value.astype(np.float64) - points) * scales).astype(np.float32)


@dataclass(frozen=True)
class Entry:
    """An entry point of a model: a signature, or its first subgraph (`key` is empty)."""

    key: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def runtime_name(name: str) -> str:
    """The runtime's name for a signature, an input or an output of this name: it ends at a NUL character."""
    return name.partition("\0")[0]


class Runner:
    """One model, loaded. Every failure in the runtime is raised as `Error`.

    `model` is a path or the bytes of a `.tflite`; `delegate=False` leaves out the default delegate
    (XNNPACK), so that the runtime's own kernels run; with `fallback` it is left out if it refuses the model.
    `keep` has tensors by the number of their subgraph, which is that of a signature: `tensor` can read them after a
    run, and they take memory for all of them at once. `keep_all` does so for the results of every op, with much memory
    beside; it is what is done where a model has loops or branches.
    """

    def __init__(
        self,
        model: Model,
        *,
        delegate: bool = True,
        fallback: bool = False,
        num_threads: int | None = None,
        keep: Mapping[int, Collection[int]] | None = None,
        keep_all: bool = False,
    ) -> None:
        self.file = "" if isinstance(model, bytes) else os.fspath(model)
        self._model = model
        self._delegate = delegate
        self._fallback = fallback
        self._num_threads = num_threads
        self._kept = None if keep is None else Kept.of(model if isinstance(model, bytes) else self.file, keep)
        self._keep_all = keep_all or (keep is not None and self._kept is None)
        self._signatures: dict[str, Any] = {}
        self._ran = False
        self._or_without_delegate(self._load)
        self.entries = self._or_without_delegate(self._read_entries)

    def run(self, entry: Entry, sample: Sample, *, anew: bool = True) -> dict[str, Array]:
        """The outputs by name, quantized ones as floats. Variables are reset before each run unless `anew` is false."""
        values = {port.name: port.encode(value_of(port, sample)) for port in entry.inputs}
        if anew:
            self._start_anew()
        stored = self._or_without_delegate(lambda: self._run(entry, values))
        return {port.name: port.decode(stored[port.name]) for port in entry.outputs}

    def prepare(self, entry: Entry, sample: Sample) -> Callable[[], None]:
        """Sets the inputs and runs once; what is returned runs the model again, and copies no outputs."""
        self.run(entry, sample)
        if not entry.key:
            return self._interpreter.invoke
        signature = self._signature(entry.key)
        try:
            return functools.partial(signature._interpreter_wrapper.Invoke, signature._subgraph_index)
        except AttributeError:  # another version of the runtime: copies of inputs and outputs count too
            values = {port.name: port.encode(value_of(port, sample)) for port in entry.inputs}
            return lambda: signature(**values)

    def operators(self) -> list[dict[str, Any]]:
        """The first subgraph's, as the runtime describes them: `op_name`, `inputs` and `outputs` (tensors by index).

        Those that the delegate runs are listed too; after all come its partitions, as operators called DELEGATE.
        """
        with self._runtime():
            return self._interpreter._get_ops_details()

    def _run(self, entry: Entry, values: Mapping[str, Array]) -> Mapping[str, Array]:
        with self._runtime():
            return self._run_signature(entry.key, values) if entry.key else self._run_plain(entry, values)

    def _or_without_delegate(self, step: Callable[[], _Made]) -> _Made:
        """The result of `step`; if it fails with the default delegate and `fallback` is set, its result
        without the delegate.
        """
        try:
            return step()
        except Error as error:
            if not (self._delegate and self._fallback) or "custom op" in error.what:
                raise
        self._delegate = False
        self._load()
        return step()

    def call(self, wiring: Wiring, values: Sequence[Array]) -> list[Array]:
        """Runs any subgraph, such as the body of a loop, on the stored values of its inputs; returns its outputs'.

        `tensor` reads the others afterwards. Variables keep what they hold.
        """
        with self._runtime():
            runtime, at = self._interpreter._interpreter, wiring.subgraph
            for tensor, value in zip(wiring.inputs, values, strict=True):
                runtime.ResizeInputTensor(tensor, np.array(value.shape, np.int32), False, at)
            runtime.AllocateTensors(at)
            for tensor, value in zip(wiring.inputs, values, strict=True):
                runtime.SetTensor(tensor, value, at)
            runtime.Invoke(at)
            return [runtime.GetTensor(tensor, at) for tensor in wiring.outputs]

    def stored(self, tensor: int, subgraph: int) -> Array | None:
        """What a tensor holds after the last run, as it is stored; None if it has no value."""
        try:
            return self._interpreter.get_tensor(tensor, subgraph)
        except ValueError:  # the op that produces it did not run, or it was never allocated
            return None

    @property
    def subgraphs(self) -> int:
        """The number of the model's subgraphs."""
        with self._runtime():
            return self._interpreter.num_subgraphs()

    def tensors(self, subgraph: int) -> dict[int, Port]:
        """A subgraph's tensors by their index; those that the runtime does not describe are missing."""
        with self._runtime():
            details = self._interpreter.get_tensor_details(subgraph)
            return {detail["index"]: _port(detail["name"], detail) for detail in details}

    def tensor(self, port: Port, subgraph: int) -> Array | None:
        """The value of a tensor after the last run, as floats if it is quantized; None if it has no value."""
        value = self.stored(port.index, subgraph)
        return None if value is None else port.decode(value)

    def _load(self) -> None:
        self._signatures.clear()
        self._ran = False
        copy = contextlib.nullcontext(self._model) if self._kept is None else self._kept.copy()
        with copy as model, self._runtime():
            litert = importlib.import_module("ai_edge_litert.interpreter")
            kinds = litert.OpResolverType
            self._interpreter: Any = litert.Interpreter(
                **_given(model),
                experimental_op_resolver_type=kinds.AUTO if self._delegate else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                num_threads=self._num_threads,
                experimental_preserve_all_tensors=self._keep_all,
            )

    def _start_anew(self) -> None:
        """Clears variables; loads the model again if the runtime can't clear those of a subgraph that never ran."""
        if self._ran:
            try:
                with quiet():
                    self._interpreter.reset_all_variables()
            except RuntimeError:
                self._load()
        self._ran = True

    def _read_entries(self) -> tuple[Entry, ...]:
        with self._runtime():
            return tuple(self._entries())

    def _entries(self) -> Iterator[Entry]:
        keys: Sequence[str] = [key for key in self._interpreter.get_signature_list() if key]
        for key in keys:
            signature = self._signature(key)
            inputs, outputs = signature.get_input_details(), signature.get_output_details()
            yield Entry(
                key,
                tuple(_port(name, detail) for name, detail in inputs.items()),
                tuple(_port(name, detail) for name, detail in outputs.items()),
            )
        if not keys:
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
            own = len(outputs) - (0 if self._kept is None else self._kept.added(0))
            yield Entry("", tuple(_ports(inputs)), tuple(_ports(outputs[:own])))

    def _signature(self, key: str) -> Any:
        if key not in self._signatures:
            self._signatures[key] = self._interpreter.get_signature_runner(key)
        return self._signatures[key]

    def _run_signature(self, key: str, values: Mapping[str, Array]) -> Mapping[str, Array]:
        return self._signature(key)(**values)

    def _run_plain(self, entry: Entry, values: Mapping[str, Array]) -> Mapping[str, Array]:
        for port in entry.inputs:
            self._interpreter.resize_tensor_input(port.index, values[port.name].shape)
        self._interpreter.allocate_tensors()
        for port in entry.inputs:
            self._interpreter.set_tensor(port.index, values[port.name])
        self._interpreter.invoke()
        return {port.name: self._interpreter.get_tensor(port.index) for port in entry.outputs}

    @contextlib.contextmanager
    def _runtime(self) -> Generator[None]:
        """Captures the runtime's output, and turns its exceptions into `Error`."""
        said = Said()
        try:
            with quiet(said):
                yield
        except ImportError as error:
            raise Error(f"LiteRT can't be imported: {error}", hint="pip install ai-edge-litert") from None
        except MemoryError:
            raise
        except UnicodeDecodeError as error:
            what = f"LiteRT can't run it: a name is not UTF-8 ({error.object!r})"
            raise Error(what, file=self.file, hint="give the input, output or signature another name") from None
        except (RuntimeError, ValueError, TypeError) as error:
            raise reason(str(error), said.complaints(), self.file) from None


def _given(model: Model) -> dict[str, Any]:
    """The model as the runtime takes it, whose paths are UTF-8."""
    if isinstance(model, bytes):
        return {"model_content": model}
    file = os.fspath(model)
    try:
        file.encode()
    except UnicodeEncodeError:
        try:
            return {"model_content": pathlib.Path(file).read_bytes()}
        except OSError as error:
            raise Error(f"can't be read: {said_by_system(error)}", file=file) from None
    return {"model_path": file}


def _ports(details: Sequence[Mapping[str, Any]]) -> Iterator[Port]:
    """The ports of a model without signatures; a name that is empty or already used is replaced by the position."""
    used: set[str] = set()
    for position, detail in enumerate(details):
        name = detail["name"] or f"#{position}"
        if name in used:
            name = f"{name}#{position}"
        used.add(name)
        yield _port(name, detail)


def _port(name: str, detail: Mapping[str, Any]) -> Port:
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    quantization = detail["quantization_parameters"]
    return Port(
        name,
        detail["name"],
        detail["index"],
        tuple(int(size) for size in shape),
        np.dtype(detail["dtype"]),
        np.asarray(quantization["scales"], np.float64),
        np.asarray(quantization["zero_points"], np.int64),
        int(quantization["quantized_dimension"]),
    )


def value_of(port: Port, sample: Sample) -> Array:
    """The value of an input in a sample, by the input's name or its tensor's. Raises `Error` if there is none."""
    for name in (port.name, port.tensor):
        if name in sample:
            return np.asarray(sample[name])
    raise Error(f"no value for input '{port.name}'", hint=f"the sample has {', '.join(sample) or 'nothing'}")


_NO_CUSTOM = re.compile(r"unresolved custom op: (\S+?)\.?\s")
_FAILED_NODE = re.compile(r"Node number \d+ \((\w+)\)")
_ADVICE = re.compile(r"See instructions: \S+?(?=Node number|\s|$)")


def reason(message: str, complaints: Sequence[str] = (), file: str = "") -> Error:
    """The error for an exception of the runtime with `message`, and what the runtime printed."""
    node = _FAILED_NODE.search(message)
    if match := _NO_CUSTOM.search(f"{message} "):
        return Error(
            f"LiteRT has no kernel for custom op '{match[1]}'", file=file, hint="run it where its library is linked"
        )
    if "Select TensorFlow op" in message:
        what = f"LiteRT can't run it: it needs TensorFlow ops (Flex){f', such as {node[1]}' if node else ''}"
        return Error(what, file=file, hint="run it in a runtime with the Flex delegate")
    text = " ".join(_ADVICE.sub(" ", message).replace("Node number", " Node number").split())
    if not text and complaints:
        text = complaints[-1]
    return Error(f"LiteRT can't run it: {text or 'no reason given'}", file=file)
