"""What LiteRT's default delegate takes of a model's operators, as the loaded model shows it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.backends.litert.quiet import quiet
from tflir.backends.litert.run import reason

_DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Delegated:
    """The operators of a model's first subgraph."""

    operators: list[str]
    """Each operator's name, in the order of the file."""
    partitions: list[list[int]]
    """The operators that each delegate node runs, as far as its outputs show them."""
    unseen: frozenset[int]
    """Operators from which nothing goes on to an output of the model: whether the delegate runs them can't be seen."""

    @property
    def taken(self) -> set[int]:
        """The operators that the delegate runs."""
        return {number for partition in self.partitions for number in partition}


def delegated(path: str) -> Delegated:
    """Loads the model at `path`, on one thread, and looks at its operators. Raises `Error` if it can't be loaded."""
    litert = importlib.import_module("ai_edge_litert.interpreter")
    try:
        with quiet():
            interpreter = litert.Interpreter(path, num_threads=1)
            interpreter.allocate_tensors()  # when the delegate takes operators
    except (RuntimeError, ValueError) as error:
        raise reason(str(error), (), path) from None
    outputs = [int(detail["index"]) for detail in interpreter.get_output_details()]
    return delegated_of(interpreter._get_ops_details(), outputs)


def delegated_of(listed: Sequence[Mapping[str, Any]], outputs: Sequence[int] = ()) -> Delegated:
    """What a list of operators, as `Runner.operators` gives it, says of the delegate; `outputs`: the model's tensors.

    The runtime does not say which operators the delegate runs: those that are reached from the outputs of a delegate
    node, walking back and not beyond its inputs.
    """
    plain = [one for one in listed if one["op_name"] != _DELEGATE]
    inputs = [_tensors(one["inputs"]) for one in plain]
    results = [_tensors(one["outputs"]) for one in plain]
    makers = {tensor: number for number, made in enumerate(results) for tensor in made}
    partitions = [
        _behind(_tensors(node["outputs"]), set(_tensors(node["inputs"])), makers, inputs)
        for node in listed
        if node["op_name"] == _DELEGATE
    ]
    return Delegated([one["op_name"] for one in plain], partitions, _unseen(outputs, inputs, results))


def _tensors(indices: Sequence[Any]) -> list[int]:
    """The tensors of a list that may hold -1 for those that are left out."""
    return [int(index) for index in indices if index >= 0]


def _behind(outputs: list[int], stop: set[int], makers: Mapping[int, int], inputs: Sequence[list[int]]) -> list[int]:
    """The operators that `outputs` come from, not beyond the tensors of `stop`."""
    found: set[int] = set()
    pending = list(outputs)
    while pending:
        tensor = pending.pop()
        maker = makers.get(tensor)
        if tensor not in stop and maker is not None and maker not in found:
            found.add(maker)
            pending += inputs[maker]
    return sorted(found)


def _unseen(outputs: Sequence[int], inputs: Sequence[list[int]], results: Sequence[list[int]]) -> frozenset[int]:
    """Operators from which nothing goes on to an output of the model."""
    seen = set(outputs)
    unseen: set[int] = set()
    for number in reversed(range(len(results))):
        if seen.isdisjoint(results[number]):
            unseen.add(number)
        else:
            seen.update(inputs[number])
    return frozenset(unseen)
