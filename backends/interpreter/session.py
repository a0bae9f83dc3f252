"""Runs a module by signatures, with inputs and outputs by name; state persists from run to run.

```python
session = Session(module)
outputs = session.run({"x": array})                 # the first signature, or the first function
outputs = session.run([array], "serving_default")
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, SSAValue

from tflir.backends.interpreter.interpreter import TflInterpreter
from tflir.backends.interpreter.kernel import Array, Rounding, dtype_of, has_quant
from tflir.ir import names
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.near import near
from tflir.ir.types import shape_of

Inputs = Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike]


@dataclass(frozen=True)
class Port:
    """An input or output: its name in the signature (else the tensor's name), the tensor's name, and its type."""

    name: str
    tensor: str
    type: Attribute
    position: int


@dataclass(frozen=True)
class Entry:
    """A function that can be run, under the key of its signature or its own name."""

    key: str
    function: FuncOp
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


class Session:
    """A module with its variables. Methods raise `Error` if the module can't be run."""

    def __init__(
        self,
        module: ModuleOp,
        *,
        rounding: Rounding = "reference",
        listeners: tuple[Interpreter.Listener, ...] = (),
    ) -> None:
        self._module, self._listeners = module, listeners
        self._rounding: Rounding = rounding
        self.entries = tuple(_entries(module))
        self.reset()

    def reset(self) -> None:
        """Clears variables; initializers will run again."""
        self._interpreter = TflInterpreter(self._module, rounding=self._rounding, listeners=self._listeners)

    def entry(self, function: str | None = None) -> Entry:
        """The entry with this signature key or function name; the first entry if it is None."""
        if not self.entries:
            raise Error("has no function", hint="give a module with a func.func", status=USAGE)
        if function is None:
            return self.entries[0]
        for known in self.entries:
            if function == known.key:
                return known
        for function_op in functions(self._module):
            if function_op.sym_name.data == function:
                return _plain_entry(function_op)
        keys = [known.key for known in self.entries]
        hint = near(function, keys).removeprefix("; ") or f"there is {', '.join(keys)}"
        raise Error(f"no signature or function is called '{function}'", hint=hint, status=USAGE)

    def run(self, inputs: Inputs, function: str | None = None) -> dict[str, Array]:
        """The outputs by name, in order and in storage types (int8 where a tensor is quantized to it)."""
        entry = self.entry(function)
        arguments: list[Any] = [None] * len(entry.function.body.block.args)
        for port, value in zip(entry.inputs, _in_order(entry, inputs), strict=True):
            arguments[port.position] = _checked(port, value).copy()  # layers update their state in place
        for argument, value in zip(entry.function.body.block.args, arguments, strict=True):
            if value is None:
                name = names.name_of(argument) or str(argument.index)
                raise Error(f"signature '{entry.key}' has no input for tensor '{name}'", hint="name it there")
        results = self._interpreter.call_op(entry.function, tuple(arguments))
        return {port.name: _own(results[port.position]) for port in entry.outputs}


def _own(value: Any) -> Array:
    """An output as an array that shares no memory with inputs, constants or variables."""
    if not isinstance(value, np.ndarray | np.generic):
        raise Error("an output is a handle of a variable, which has no value", hint="read the variable first")
    return np.array(cast(Array, value))


def _in_order(entry: Entry, inputs: Inputs) -> list[Any]:
    """A value for each input of `entry`, in the order of its inputs."""
    ports = entry.inputs
    if not isinstance(inputs, Mapping):
        in_order = list(inputs)
        if len(in_order) != len(ports):
            what = f"{len(in_order)} inputs where '{entry.key}' takes {len(ports)}"
            raise Error(what, hint=f"give {_listed(ports)}", status=USAGE)
        return in_order
    by_name = cast("Mapping[str, Any]", inputs)
    known = {name for port in ports for name in (port.name, port.tensor)}
    for name in by_name:
        if name not in known:
            hint = near(name, known).removeprefix("; ") or f"'{entry.key}' takes {_listed(ports)}"
            raise Error(f"there is no input '{name}'", hint=hint, status=USAGE)
    return [_named(entry, port, by_name) for port in ports]


def _named(entry: Entry, port: Port, inputs: Mapping[str, Any]) -> Any:
    for name in (port.name, port.tensor):
        if name in inputs:
            return inputs[name]
    raise Error(f"no value for input '{port.name}'", hint=f"'{entry.key}' takes {_listed(entry.inputs)}", status=USAGE)


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(f"{port.name}: {_shown(port)}" for port in ports) or "none"


def _shown(port: Port) -> str:
    shape = shape_of(port.type)
    dims = "*" if shape is None else ", ".join("?" if size < 0 else str(size) for size in shape)
    return f"{dtype_of(port.type)}[{dims}]"


def _checked(port: Port, value: Any) -> Array:
    """`value` as an array of the input's type. Python numbers are converted; raises `Error` if that is impossible."""
    dtype = dtype_of(port.type)
    array = np.asarray(value)
    if not isinstance(value, np.ndarray | np.generic) and array.dtype != dtype:
        array = _converted(port, array, dtype)
    if array.dtype != dtype:
        hint = f"convert it by .astype(np.{dtype})"
        if has_quant(port.type):
            hint = f"quantize it by the scale and zero point of {port.type}"
        raise Error(f"input '{port.name}' is {array.dtype} where {dtype} is wanted", hint=hint, status=USAGE)
    shape = shape_of(port.type)
    fits = shape is None or (
        len(shape) == array.ndim and all(w in (f, -1) for w, f in zip(shape, array.shape, strict=True))
    )
    if not fits:
        what = f"input '{port.name}' is of shape {list(array.shape)} where {_shown(port)} is wanted"
        raise Error(what, hint="give it that shape", status=USAGE)
    return array


def _converted(port: Port, array: Array, dtype: np.dtype[Any]) -> Array:
    """Python numbers, lists or strings, converted to the input's type."""
    if dtype.kind == "O":
        texts = np.empty(array.size, object)
        texts[:] = [item.encode() if isinstance(item, str) else item for item in array.reshape(-1).tolist()]
        return texts.reshape(array.shape)
    if array.size == 0 or (array.dtype.kind in "biuf" and np.can_cast(array.dtype, dtype, "same_kind")):
        return array.astype(dtype)
    if array.dtype.kind in "iu" and dtype.kind in "iuf":
        return array.astype(dtype)
    kind = array.dtype if array.dtype.kind != "O" else type(array.reshape(-1)[0]).__name__
    raise Error(f"input '{port.name}' is {kind} where {dtype} is wanted", hint=f"give {_shown(port)}", status=USAGE)


def _entries(module: ModuleOp) -> Iterator[Entry]:
    """An entry for each signature; for the first function if there are none."""
    by_name = {function.sym_name.data: function for function in functions(module)}
    signatures = module.attributes.get(names.SIGNATURES)
    for record in cast("Any", signatures) if isinstance(signatures, ArrayAttr) else ():
        fields = record.data
        function = by_name[fields["function"].root_reference.data]
        yield Entry(
            fields["key"].data,
            function,
            tuple(_aliased(fields["inputs"], function.body.block.args)),
            tuple(_aliased(fields["outputs"], _returned(function))),
        )
    if not isinstance(signatures, ArrayAttr) and by_name:
        yield _plain_entry(next(iter(by_name.values())))


def _aliased(record: Any, values: Sequence[SSAValue]) -> Iterator[Port]:
    for alias, position in (pair.data for pair in record):
        value = values[int(position.value.data)]
        yield Port(alias.data, names.name_of(value) or alias.data, value.type, position.value.data)


def _plain_entry(function: FuncOp) -> Entry:
    arguments = function.body.block.args
    return Entry(function.sym_name.data, function, tuple(_ports(arguments)), tuple(_ports(_returned(function))))


def _returned(function: FuncOp) -> Sequence[SSAValue]:
    last = function.body.block.last_op if function.body.blocks else None
    return last.operands if isinstance(last, ReturnOp) else ()


def _ports(values: Sequence[SSAValue]) -> Iterator[Port]:
    """Ports with the tensors' names; a name that is empty or already used is replaced by the position."""
    used: set[str] = set()
    for position, value in enumerate(values):
        tensor = names.name_of(value) or ""
        name = tensor or f"#{position}"
        if name in used:
            name = f"{name}#{position}"
        used.add(name)
        yield Port(name, tensor or name, value.type, position)
