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
from tflir.ir.errors import Error
from tflir.passes.base import PassReport
from tflir.report.report import check_path, write_report
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
    write_report(path, reports, 4000, 1000, title="m.tflite", pipeline="a,b")
    found = json.loads(path.read_text())
    assert list(found) == ["version", "title", "pipeline", "bytes_before", "bytes_after", "passes"]
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
    assert page.links == []
    assert "http" not in text
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
    assert "None: the model came out as it went in." in path.read_text(encoding="utf-8")


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
    assert page.links == []
    assert "http" not in text
    assert "good<b>" not in text
    for said in ("good<b>", "bad&worse", "--skip 'bad&worse'", "good<b>: CONV_2D, int8, 50.0 dB", "-∞"):
        assert any(said in part for part in page.text), said
    images = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert images
    assert all(image["role"] == "img" and image["aria-label"] for image in images)


def test_bars_stand_for_ratios(tmp_path: Path, verification: Verification) -> None:
    path = tmp_path / "report.html"
    write_report(path, [], 1, 1, verification=verification)
    text = path.read_text(encoding="utf-8")
    chart = text[text.index("<figure>") : text.index("</figure>")]
    bars = re.findall(r'<rect class="([^"]*)" x="([^"]*)%" width="([^"]*)%" y="([^"]*)" height="([^"]*)"', chart)
    assert [bar[0] for bar in bars] == ["identical", "good", "fair", "poor blamed", "poor", "good"]
    assert [float(bar[1]) for bar in bars] == pytest.approx([100 * i / 6 for i in range(6)], abs=1e-3)
    top = 60  # dB: the best finite ratio is 50
    heights = [220, 220 * 50 / top, 220 * 15 / top, 220 * 8 / top, 2, 220 * 40 / top]
    assert [float(bar[4]) for bar in bars] == pytest.approx(heights, abs=0.06)
    assert all(float(bar[3]) + float(bar[4]) == pytest.approx(220, abs=0.11) for bar in bars)


def test_intervals_stand_for_ranges(tmp_path: Path, verification: Verification) -> None:
    path = tmp_path / "report.html"
    write_report(path, [], 1, 1, verification=verification)
    text = path.read_text(encoding="utf-8")
    drawn = re.search(r'aria-label="-90 … 60 on -50 … 77.5".*?</svg>', text)
    assert drawn is not None
    bars = {
        style: (float(x), float(width))
        for style, x, width in re.findall(r'<rect class="(\w+)" x="([^"]*)%" width="([^"]*)%"', drawn[0])
    }
    span = 90 + 77.5
    for style, low, high in (("held", -50, 77.5), ("seen", -90, 60), ("cut", -90, -50)):
        expected = (100 * (low + 90) / span, 100 * (high - low) / span)
        assert bars[style] == pytest.approx(expected, abs=0.01)


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
