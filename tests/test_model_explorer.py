"""What Model Explorer is given: graphs by the adapter, and signal to noise as data of nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import models_builder as models
import numpy as np
import pytest
from net_builder import Net, model_of

from tflir.cli import main
from tflir.files import load_bytes
from tflir.model_explorer.graphs import graphs_of_module


def _two_layers(net: Net, x: int) -> int:
    weights = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    hidden = net.dense("block/first/MatMul;block/first/Relu", x, weights, np.zeros(8, np.float32))
    return net.dense("block/second", hidden, weights, np.zeros(8, np.float32))


def _attributes(node: dict[str, Any], place: int = 0) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in node["outputsMetadata"][place]["attrs"]}


def test_operators_have_scopes_edges_and_tensors() -> None:
    (graph,) = graphs_of_module(load_bytes(model_of(_two_layers, (1, 8))))
    by_id = {node["id"]: node for node in graph.nodes}
    assert len(by_id) == len(graph.nodes)
    first, second = (node for node in graph.nodes if node["label"] == "fully_connected")
    assert (first["namespace"], second["namespace"]) == ("block/first", "block")
    sources = [by_id[edge["sourceNodeId"]] for edge in second["incomingEdges"]]
    assert sources[0] is first
    assert [source["label"] for source in sources[1:]] == ["constant", "constant"]
    assert _attributes(first)["tensor_name"] == "block/first/MatMul;block/first/Relu"
    assert _attributes(first)["tensor_shape"] == "float32[1x8]"
    weights = sources[1]
    assert weights["namespace"] == "block"
    said = {pair["key"]: pair["value"] for pair in weights["attrs"]}
    assert said == {"bytes": "256", "sparse": "no", "zeros": "0.0 %", "values": "-1 to 1"}


@pytest.mark.parametrize("kind", ["convolutions", "loop", "branch", "custom", "stateful", "int8"])
def test_every_edge_leads_somewhere(kind: str) -> None:
    for graph in graphs_of_module(load_bytes(getattr(models, kind)())):
        ids = {node["id"] for node in graph.nodes}
        edges = [edge for node in graph.nodes for edge in node["incomingEdges"]]
        assert {edge["sourceNodeId"] for edge in edges} <= ids
        json.dumps(graph.nodes)


def test_node_data_names_tensors_of_the_second_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.tflite").write_bytes(model_of(_two_layers, (1, 8)))
    np.savez("d.npz", x=np.random.default_rng(1).normal(size=(4, 1, 8)).astype(np.float32))
    data = ["--representative-dataset", "d.npz"]
    assert main(["compile", "m.tflite", "--mode", "int8", *data, "-o", "o.tflite", "-q"]) == 0
    assert main(["compare", "m.tflite", "o.tflite", "--inputs", "d.npz", "--node-data", "n.json"]) == 0
    found = json.loads(Path("n.json").read_text())
    (graph,) = graphs_of_module(load_bytes(Path("o.tflite").read_bytes()))
    assert list(found) == [graph.id]
    tensors = {
        _attributes(node, place)["tensor_name"] for node in graph.nodes for place in range(len(node["outputsMetadata"]))
    }
    results = found[graph.id]["results"]
    assert "block/second_i8" in results or "block/second" in results
    assert set(results) <= tensors
    assert all(10 < held["value"] <= 200 for held in results.values())
    limits = [item["value"] for item in found[graph.id]["thresholds"]]
    assert limits == sorted(limits)


def test_node_data_is_json_and_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = tmp_path / "m.tflite", tmp_path / "n.json"
    model.write_bytes(models.fully_connected())
    assert main(["compare", str(model), str(model), "--node-data", str(tmp_path / "n.txt")]) == 2
    assert "does not end with .json" in capsys.readouterr().err
    out.write_text("kept")
    assert main(["compare", str(model), str(model), "--node-data", str(out)]) == 2
    assert out.read_text() == "kept"
    assert main(["compare", str(model), str(model), "--node-data", str(out), "--force"]) == 0
    (graph,) = json.loads(out.read_text()).values()
    assert {held["value"] for held in graph["results"].values()} == {200}  # nothing differs


def test_the_adapter_shows_files_and_text(tmp_path: Path) -> None:
    manager = pytest.importorskip("model_explorer.extension_manager", reason="ai-edge-model-explorer is not installed")
    model, text = tmp_path / "m.tflite", tmp_path / "m.mlir"
    model.write_bytes(model_of(_two_layers, (1, 8)))
    assert main(["compile", str(model), "-o", str(text), "-q"]) == 0
    explorer = manager.ExtensionManager(["tflir.model_explorer"])
    explorer.load_extensions()
    for path in (model, text):
        command = {"cmdId": "convert", "extensionId": "tflir", "modelPath": str(path), "settings": {}}
        (graph,) = explorer.run_cmd(command)["graphs"]
        assert [node["label"] for node in graph["nodes"]].count("fully_connected") == 2
