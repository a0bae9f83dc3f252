"""What LiteRT's default delegate really takes of a model: the side of `delegation.py` that runs in a child process."""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert.interpreter import Interpreter

from tflir.backends.litert.quiet import quiet

DELEGATE = "DELEGATE"


@dataclass(frozen=True)
class Delegated:
    """The nodes of a model's first subgraph."""

    operators: list[str]
    """Of each node, in the order of the file."""
    partitions: list[list[int]]
    """Nodes that each delegate node runs, as far as its outputs show them."""
    unseen: frozenset[int]
    """Nodes whose place can't be seen: nothing that is read or given out comes from them."""
    nodes: int
    """How many delegate nodes there are."""


def delegated(path: str) -> Delegated:
    """Loads the model at `path` and looks at its nodes.

    The runtime lists the nodes of the file and, after them, those of the delegate. A node is the delegate's where it is
    reached from the outputs of a delegate node, walking back and not beyond that node's inputs.
    """
    with quiet():
        interpreter = Interpreter(path, num_threads=1)
        interpreter.allocate_tensors()
    runtime = interpreter._interpreter
    count = runtime.NumNodes()
    names = [runtime.NodeName(n) for n in range(count)]
    inputs = [[int(t) for t in runtime.NodeInputs(n) if t >= 0] for n in range(count)]
    outputs = [[int(t) for t in runtime.NodeOutputs(n) if t >= 0] for n in range(count)]
    plain = [n for n in range(count) if names[n] != DELEGATE]
    producer = {tensor: n for n in plain for tensor in outputs[n]}
    partitions: list[list[int]] = []
    for n in range(count):
        if names[n] == DELEGATE:
            partitions.append(_behind(outputs[n], set(inputs[n]), producer, inputs))
    given = {detail["index"] for detail in interpreter.get_output_details()}
    unseen = _unseen(plain, given, inputs, outputs)
    return Delegated([names[n] for n in plain], partitions, unseen, len(partitions))


def _behind(outputs: list[int], stop: set[int], producer: dict[int, int], inputs: list[list[int]]) -> list[int]:
    """The nodes that `outputs` come from, not beyond the tensors of `stop`."""
    found: set[int] = set()
    pending = list(outputs)
    while pending:
        tensor = pending.pop()
        node = producer.get(tensor)
        if tensor in stop or node is None or node in found:
            continue
        found.add(node)
        pending += inputs[node]
    return sorted(found)


def _unseen(plain: list[int], given: set[int], inputs: list[list[int]], outputs: list[list[int]]) -> frozenset[int]:
    """Nodes of which nothing goes on to an output of the model."""
    seen_tensors = set(given)
    unseen: set[int] = set()
    for node in reversed(plain):
        if seen_tensors.isdisjoint(outputs[node]):
            unseen.add(node)
        else:
            seen_tensors.update(inputs[node])
    return frozenset(unseen)
