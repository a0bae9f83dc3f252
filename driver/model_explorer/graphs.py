"""A module's graphs in the form that Model Explorer takes: nodes with attributes, edges and tensors.

The names of fields are those of its `graph_builder`: <https://github.com/google-ai-edge/model-explorer/wiki>.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from tflir.report.graph.constants import ConstantFacts, ConstantTable
from tflir.report.graph.contents import INPUT, OUTPUT, Graph, Node, Tensor, graphs_of


@dataclass(frozen=True)
class ExplorerGraph:
    """One subgraph."""

    id: str
    nodes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def graphs_of_module(module: ModuleOp) -> list[ExplorerGraph]:
    """The subgraphs of a module; node ids are the places of operators, so that they are the same at each call."""
    constants = ConstantTable()
    graphs = graphs_of(module, constants)
    return [_explorer_graph(graph_id(graph, at), graph, constants.facts) for at, graph in enumerate(graphs)]


def graph_id(graph: Graph, at: int) -> str:
    """The name of a subgraph, else its place."""
    return graph.name or f"subgraph {at}"


def _explorer_graph(name: str, graph: Graph, constants: Sequence[ConstantFacts]) -> ExplorerGraph:
    makers = {
        tensor: (f"{at}", str(place))
        for at, node in enumerate(graph.nodes)
        for place, tensor in enumerate(node.outputs)
    }
    nodes: list[dict[str, Any]] = []
    for at, node in enumerate(graph.nodes):
        for tensor in node.inputs:
            if tensor >= 0 and tensor not in makers and graph.tensors[tensor].constant is not None:
                makers[tensor] = f"constant {tensor}", "0"
                nodes.append(_constant(f"constant {tensor}", graph.tensors[tensor], _namespace(node), constants))
        nodes.append(_node(str(at), node, graph, makers))
    return ExplorerGraph(name, nodes)


def _node(ident: str, node: Node, graph: Graph, makers: dict[int, tuple[str, str]]) -> dict[str, Any]:
    edges = [
        {
            "sourceNodeId": makers[tensor][0],
            "sourceNodeOutputId": makers[tensor][1],
            "targetNodeInputId": str(place),
        }
        for place, tensor in enumerate(node.inputs)
        if tensor in makers
    ]
    inputs = [(place, graph.tensors[tensor]) for place, tensor in enumerate(node.inputs) if tensor >= 0]
    outputs = [(place, graph.tensors[tensor]) for place, tensor in enumerate(node.outputs)]
    return {
        "id": ident,
        "label": node.kind,
        "namespace": _namespace(node),
        "subgraphIds": [],
        "attrs": _pairs(node.attributes.items()),
        "incomingEdges": edges,
        "outputsMetadata": [_metadata(place, tensor) for place, tensor in outputs],
        "inputsMetadata": [_metadata(place, tensor) for place, tensor in inputs],
    }


def _constant(ident: str, tensor: Tensor, namespace: str, constants: Sequence[ConstantFacts]) -> dict[str, Any]:
    assert tensor.constant is not None
    facts = constants[tensor.constant]
    said = [("bytes", str(facts.bytes)), ("sparse", "yes" if facts.sparse else "no")]
    if facts.zeros is not None and facts.elements:
        said.append(("zeros", f"{100 * facts.zeros / facts.elements:.1f} %"))
    if facts.least is not None and facts.most is not None:
        said.append(("values", f"{facts.least:.6g} to {facts.most:.6g}"))
    return {
        "id": ident,
        "label": "constant",
        "namespace": namespace,
        "subgraphIds": [],
        "attrs": _pairs(said),
        "incomingEdges": [],
        "outputsMetadata": [_metadata(0, tensor)],
        "inputsMetadata": [],
    }


def _namespace(node: Node) -> str:
    """The scopes of an operator's name; inputs and outputs of the graph have none."""
    if node.kind in (INPUT, OUTPUT):
        return ""
    return "/".join(word for word in node.name.split(";", 1)[0].split("/")[:-1] if word)


def _metadata(place: int, tensor: Tensor) -> dict[str, Any]:
    return {"id": str(place), "attrs": _pairs(_said(tensor))}


def _said(tensor: Tensor) -> Iterator[tuple[str, str]]:
    yield "tensor_name", tensor.name
    shape = "any rank" if tensor.shape is None else "x".join("?" if size < 0 else str(size) for size in tensor.shape)
    yield "tensor_shape", f"{tensor.type}[{shape}]"
    if tensor.scales:
        ends = f"{tensor.scales[0]:.6g}" + (f" to {tensor.scales[-1]:.6g}" if tensor.scale_count > 1 else "")
        yield "quantization", f"scale {ends}, zero point {tensor.zero_points[0]}"


def _pairs(said: Any) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in said]
