"""Reports: the same facts as JSON and as a page that needs nothing else."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import models_builder as models
import numpy as np
import pytest

from tflir.backends.litert.compare import OutputComparison
from tflir.backends.litert.layers import Layer
from tflir.benchmarking import Latency
from tflir.ir.errors import Error
from tflir.passes.base import PassReport
from tflir.report.report import Made, check_path, write_report
from tflir.report.short_names import short_names
from tflir.report.suggestions import advice
from tflir.report.verify import Verification


@pytest.fixture(name="reports")
def _reports() -> list[PassReport]:
    first = PassReport("tfl-prepare")
    first.count("weights to quantize", 2)
    first.decline("fewer than <1024> elements")
    first.decline("fewer than <1024> elements")
    first.examples["fewer than <1024> elements"] = "tfl.add 'a&b'"
    second = PassReport("tfl-quantize")
    second.count("quantized constants")
    second.details.append(
        {
            "tensor": "<script>x",
            "from": "float32",
            "to": "i8",
            "channels": 32,
            "bytes_before": 4096,
            "bytes_after": 1024,
        }
    )
    return [first, second, PassReport("tfl-clean-up")]


class Page(HTMLParser):
    """The tags and the text of a page; fails where a tag is closed that is not open."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_json(tmp_path: Path, reports: list[PassReport]) -> None:
    path = tmp_path / "report.json"
    write_report(path, reports, 4000, 1000, title="m.tflite", made=Made(pipeline="a,b"))
    found = json.loads(path.read_text())
    before_passes = ["version", "title", "command", "versions", "date", "pipeline", "remarks", "decisions"]
    assert list(found) == [*before_passes, "bytes_before", "bytes_after", "latency", "passes", "next"]
    assert (found["bytes_before"], found["bytes_after"]) == (4000, 1000)
    assert [one["name"] for one in found["passes"]] == ["tfl-prepare", "tfl-quantize", "tfl-clean-up"]
    assert found["passes"][0]["counts"] == {"weights to quantize": 2}
    assert found["passes"][0]["declined"] == [
        {"why": "fewer than <1024> elements", "times": 2, "first": "tfl.add 'a&b'"}
    ]
    assert found["passes"][1]["tensors"][0]["channels"] == 32


def test_html_stands_alone_and_is_well_formed(tmp_path: Path, reports: list[PassReport]) -> None:
    path = tmp_path / "report.html"
    write_report(path, reports, 4000, 1000, title="m<b>.tflite")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    for said in (
        "m<b>.tflite",
        "<script>x",
        "fewer than <1024> elements",
        "tfl.add 'a&b'",
        "4.1 kB",
        "4.00 to 1",
        "25.0%",
    ):
        assert any(said in part for part in page.text), said
    assert 'data-value="4096"' in text


def test_html_without_passes(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, [], 10, 10)
    text = path.read_text(encoding="utf-8")
    assert "None: the model came out as it went in." in text


def test_no_section_is_missing_without_saying_what_supplies_it(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, [], 10, 10)
    page = Page(path.read_text(encoding="utf-8"))
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {link.removeprefix("#") for link in page.links} <= anchors
    said = "".join(page.text)
    for lacking in (
        "Types of constants",
        "Latency",
        "Layers",
        "Outputs",
        "What each step gained",
        "Zeros and sparsity",
    ):
        assert lacking in said
    assert said.count("Not known") >= 5
    for option in ("--verify", "--representative-dataset", "--test-data", "--calibration-method auto"):
        assert option in said


def test_the_date_is_only_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_report(path, [], 10, 10, made=Made(latency=Latency(0.002, 0.001)))
    found = json.loads(path.read_text())
    assert found["date"] is None
    assert found["latency"] == {"before": 0.002, "after": 0.001, "unknown": ""}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    write_report(path, [], 10, 10, made=Made(latency=Latency(0.002, 0.001)))
    found = json.loads(path.read_text())
    assert found["date"] == "1970-01-02 00:00 UTC"
    assert found["latency"] is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(2.0, 1.0, "2.00x faster"), (1.0, 1.5, "1.50x slower"), (1.0, 0.999, "as fast as before")],
)
def test_the_page_says_how_much_faster_the_model_is(tmp_path: Path, before: float, after: float, said: str) -> None:
    write_report(tmp_path / "report.html", [], 10, 10, made=Made(latency=Latency(before / 1e3, after / 1e3)))
    assert said in (tmp_path / "report.html").read_text()


def test_names_are_as_short_as_they_can_be_told_apart() -> None:
    names = ["m/a/conv/Relu;m/a/conv/Conv2D", "m/b/conv/Relu", "m/b/add", "add", "x;1", "x;2", "m/c/pool/Relu"]
    assert list(short_names(names).items()) == list(
        {
            "x;1": "x;1",
            "x;2": "x;2",
            "m/b/add": "b/add",
            "add": "add",
            "m/c/pool/Relu": "pool/Relu",
            "m/a/conv/Relu;m/a/conv/Conv2D": "a/conv/Relu",
            "m/b/conv/Relu": "b/conv/Relu",
        }.items()
    )


def test_html_of_empty_sizes(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, [], 0, 0)
    assert Page(path.read_text(encoding="utf-8")).open == []


@pytest.mark.parametrize("name", ["report.txt", "report", "absent/report.json"])
def test_names_that_can_not_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(Error) as caught:
        check_path(tmp_path / name)
    assert caught.value.status == 2
    with pytest.raises(Error):
        write_report(tmp_path / name, [], 1, 1)
    assert list(tmp_path.iterdir()) == []


def layer(name: str, snr_db: float, before: float = 50.0, **given: Any) -> Layer:
    scale = given.pop("scale", 0.5)
    held: dict[str, Any] = {"low": -10.0, "high": 60.0, "op": "CONV_2D", "dtype": "int8", "zero_points": (-28,)}
    held |= {"scales": (scale,) if scale else (), "quantized": True, "feeds": ("y",), "max_difference": 0.25} | given
    return Layer(signature="main", name=name, snr_db=snr_db, input_snr_db=before, **held)


@pytest.fixture(name="verification")
def _verification() -> Verification:
    outputs = [
        OutputComparison("main", "y", (1, 4), 8.0, 2.5),
        OutputComparison("main", "same", (), math.inf, 0.0),
        OutputComparison("main", "lost", (3,), -math.inf, math.inf),
    ]
    layers = [
        layer("x", math.inf, math.inf, op="input", dtype="float32", scale=0, zero_points=(), quantized=False),
        layer("good<b>", 50.0, math.inf),
        layer("fair", 15.0, 14.0),
        layer("bad&worse", 8.0, low=-90.0),
        layer("negative", -3.0, 8.0),
        layer("unseen", 40.0, low=math.nan, high=math.nan),
    ]
    return Verification(outputs, layers, 8, False, advice(outputs, layers))


def test_json_of_verification(tmp_path: Path, verification: Verification) -> None:
    path = tmp_path / "report.json"
    write_report(path, [], 1, 1, verification=verification)
    found = json.loads(path.read_text())["verification"]
    told = [(one["name"], one["snr_db"], one["identical"]) for one in found["outputs"]]
    assert told == [("y", 8.0, False), ("same", None, True), ("lost", None, False)]
    assert [one["name"] for one in found["skip"]] == ["bad&worse"]
    assert found["flag"] == "--skip 'bad&worse'"
    by_name = {one["name"]: one for one in found["layers"]}
    assert list(by_name) == ["x", "good<b>", "fair", "bad&worse", "negative", "unseen"]
    assert by_name["good<b>"]["held"] == [-50.0, 77.5]
    assert by_name["good<b>"]["scales"] == [0.5]
    assert by_name["x"]["held"] is None
    assert by_name["unseen"]["low"] is None
    assert by_name["bad&worse"]["added_noise"] == pytest.approx(10**-0.8 - 10**-5)


def test_html_of_verification(tmp_path: Path, reports: list[PassReport], verification: Verification) -> None:
    paths = tmp_path / "a.html", tmp_path / "b.html"
    for path in paths:
        write_report(path, reports, 4000, 1000, title="m", verification=verification)
    text = paths[0].read_text(encoding="utf-8")
    assert text == paths[1].read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "good<b>" not in text
    for said in ("bad&worse", "-∞"):
        assert any(said in part for part in page.text), said
    rows = _data(text, "layer-data")
    assert [row[1] for row in rows] == ["x", "good<b>", "fair", "bad&worse", "negative", "unseen"]
    assert [row[6] for row in rows] == [1000, 50, 15, 8, -3, 40]
    assert rows[3][9:12] == [-90, 60, [-50, 77.5]]


def _data(text: str, name: str) -> Any:
    """The data that a page holds for its scripts."""
    (held,) = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    return json.loads(held)


def test_a_page_where_layers_are_missing(tmp_path: Path) -> None:
    outputs = [OutputComparison("", "y", (1,), 30.0, 0.1)]
    path = tmp_path / "report.html"
    write_report(path, [], 1, 1, verification=Verification(outputs, [], 3, True, layers_missing="no <kernel>"))
    text = path.read_text(encoding="utf-8")
    assert Page(text).open == []
    assert "no &lt;kernel&gt;" in text
    assert "3 random inputs" in text


def test_sizes_by_kind_of_op(tmp_path: Path) -> None:
    models_at = tmp_path / "before.tflite", tmp_path / "after.tflite"
    models_at[0].write_bytes(models.fully_connected())
    models_at[1].write_bytes(models.int8())
    write_report(tmp_path / "report.json", [], 1, 1, models=models_at)
    write_report(tmp_path / "report.html", [], 1, 1, models=models_at)
    (row,) = json.loads((tmp_path / "report.json").read_text())["sizes"]
    assert row == {
        "op": "FULLY_CONNECTED",
        "ops_before": 1,
        "ops_after": 1,
        "bytes_before": 4 * (32 * 64 + 32),
        "bytes_after": 32 * 64 + 4 * 32,
    }
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "FULLY_CONNECTED" in page.text


def test_details_of_any_kind_are_shown(tmp_path: Path) -> None:
    report = PassReport("p")
    report.details += [
        {"tensor": "t", "low": np.float32(-1.5), "high": math.inf, "channels": None},
        {"tensor": "u", "scales": np.float32([0.5, 0.25]), "what": {"a": 1}},
    ]
    for ending in ("json", "html"):
        write_report(tmp_path / f"report.{ending}", [report], 1, 1)
    first, second = json.loads((tmp_path / "report.json").read_text())["passes"][0]["tensors"]
    assert first == {"tensor": "t", "low": -1.5, "high": None, "channels": None}
    assert second["scales"] == [0.5, 0.25]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "-1.5" in page.text
