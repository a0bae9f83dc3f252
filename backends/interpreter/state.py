"""State that persists from run to run: variables, tables, and which initializers have run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.interpreter import Interpreter, InterpreterFunctions
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, Rounding

_KEY = "state"


@dataclass(frozen=True)
class Resource:
    """The handle of a variable or a table."""

    key: object


@dataclass
class State:
    """The state of one session."""

    rounding: Rounding = "reference"
    variables: dict[object, Array] = field(default_factory=dict[object, Array])
    """Values of resource variables, by the keys of their handles."""
    tensors: dict[Operation, Array] = field(default_factory=dict[Operation, Array])
    """Variable tensors, which stateful ops update in place, by the op that defines them."""
    tables: dict[object, dict[Any, Any]] = field(default_factory=dict[object, dict[Any, Any]])
    initialized: set[str] = field(default_factory=set[str])
    """Functions that a `tfl.call_once` has run."""

    @staticmethod
    def of(interpreter: Interpreter) -> State:
        """The state of an interpreter, which is stored with it; it may be xDSL's own interpreter."""
        return cast(State, interpreter.get_data(InterpreterFunctions, _KEY, State))
