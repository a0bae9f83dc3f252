"""The page of a model's graph: its data, its escapes, and the command that writes it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import models_builder as models
import numpy as np
import pytest
from net_builder import Net, model_of

from tflir.cli import main
from tflir.files import load_bytes
from tflir.inspection import inspect_file
from tflir.report.graph.constants import ConstantTable
from tflir.report.graph.contents import graphs_of
from tflir.report.graph.measures import constant_measures
from tflir.report.graph.page import document, page

_EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(1)">&amp;\u2028'
_EVERY_KIND = ("fully_connected", "convolutions", "gather", "loop", "branch", "strings", "custom", "stateful", "int8")


def _page_of(model: bytes, title: str = "m") -> tuple[str, dict[str, Any]]:
    constants = ConstantTable()
    graphs = graphs_of(load_bytes(model), constants)
    measures = constant_measures(graphs, constants.facts)
    text = "".join(page(title, graphs, constants.facts, measures))
    (held,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    data = json.loads(held)
    assert data == json.loads(json.dumps(document(title, graphs, constants.facts, measures)))
    return text, data


@pytest.mark.parametrize("kind", _EVERY_KIND)
def test_every_operator_is_on_the_page(kind: str) -> None:
    model = getattr(models, kind)()
    text, data = _page_of(model)
    kinds = [node[0] for graph in data["graphs"] for node in graph["nodes"]]
    counted = inspect_file(model).operators
    for operator in counted:
        assert kinds.count(operator.name) == operator.count
    ports = kinds.count("input") + kinds.count("output")
    assert len(kinds) == ports + sum(operator.count for operator in counted)
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_tensors_say_what_they_are() -> None:
    _, data = _page_of(models.int8())
    tensors = [tensor for graph in data["graphs"] for tensor in graph["tensors"]]
    assert any(tensor[1] == "int8 per-tensor" and tensor[3] and tensor[5] == 1 for tensor in tensors)
    constants = data["constants"]
    used = {tensor[7] for tensor in tensors if tensor[7] is not None}
    assert used == set(range(len(constants)))


def _zeros(net: Net, x: int) -> int:
    weights = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    weights[2:6] = 0
    return net.dense("block/dense", x, weights, np.zeros(8, np.float32))


def test_constants_have_bytes_zeros_and_a_histogram() -> None:
    _, data = _page_of(model_of(_zeros, (1, 8)))
    nbytes, elements, sparse, zeros, least, most, counts, stored = max(data["constants"], key=lambda held: held[0])
    assert (nbytes, elements, sparse, zeros, stored) == (256, 64, False, 32, False)
    assert sum(counts) == 64
    assert least < 0 < most == 1
    sizes, shares = data["measures"]
    assert (sizes[0], shares[0]) == ("bytes of constants", "zeros in constants")
    assert [value for value in sizes[3][0] if value] == [288]
    assert [value for value in shares[3][0] if value] == [40 / 72]


def test_names_do_no_harm() -> None:
    def net(net: Net, x: int) -> int:
        return net.op("RELU", _EVIL, [x], (1, 8))

    text, data = _page_of(model_of(net, (1, 8)), title=_EVIL)
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "alert(1)</script>" not in text
    names = [tensor[0] for tensor in data["graphs"][0]["tensors"]]
    assert any(name.startswith("</script><script>alert(1)") for name in names)


def test_a_page_is_small_beside_its_data() -> None:
    text, _ = _page_of(models.fully_connected())
    held = re.sub(r'(id="data">).*?(</script>)', r"\1\2", text, flags=re.DOTALL)
    assert len(held) < 100_000


def test_inspect_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = tmp_path / "m.tflite", tmp_path / "m.html"
    model.write_bytes(models.convolutions())
    assert main(["inspect", str(model), "--html", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}: open it in a browser\n"
    assert "<title>m.tflite</title>" in out.read_text()
    assert main(["inspect", str(model), "--html", str(out)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["inspect", str(model), "--html", str(out), "--force"]) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--html", "m.txt"], "a page is .html"),
        (["--html", "no/where/m.html"], "m.html"),
        (["--html", "m.html", "--json"], "--json"),
        (["--html", "m.html", "-v"], "--verbose"),
    ],
)
def test_what_inspect_refuses(
    given: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.tflite").write_bytes(models.fully_connected())
    assert main(["inspect", "m.tflite", *given]) != 0
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) == 1
    assert not Path("m.html").exists()
