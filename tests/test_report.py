"""Reports: the same facts as JSON and as a page that needs nothing else."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tflir.ir.errors import Error
from tflir.passes.base import PassReport
from tflir.report import check_path, write_report


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
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

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
