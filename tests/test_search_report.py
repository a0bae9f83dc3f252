"""The report of a search: its facts, the same bytes for the same input, and its page in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, complaints, resize, screenshot
from models_builder import random
from net_builder import RELU, SAME, Net, model_of

from tflir.cli import main
from tflir.report.plot import Mark, plot


def _net(net: Net, x: int) -> int:
    one = net.conv("block/one", x, random(16, 3, 3, 4, seed=1), random(16, seed=2), padding=SAME, act=RELU)
    two = net.conv("block/two", one, random(24, 1, 1, 16, seed=5), random(24, seed=6), act=RELU)
    flat = net.reshape("flat", two, (1, 24 * 16))
    three = net.dense("three", flat, random(10, 24 * 16, seed=7), random(10, seed=8))
    return net.op("SOFTMAX", "four", [three], (1, 10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("search")
    (made / "m.tflite").write_bytes(model_of(_net, (1, 4, 4, 4)))
    np.savez(made / "d.npz", x=random(48, 1, 4, 4, 4, seed=9))
    return made


def _search(folder: Path, *more: str, name: str = "r.html") -> str:
    words = ["search", str(folder / "m.tflite"), "--representative-dataset", str(folder / "d.npz"), "--force", "-q"]
    report = folder / name
    assert main([*words, "--bound", "snr>=25", "-o", str(folder / "o.tflite"), "--report", str(report), *more]) == 0
    return report.read_text(encoding="utf-8")


def test_facts_of_a_search_are_those_of_its_trace(folder: Path) -> None:
    files = folder / "r.json", folder / "t.json"
    _search(folder, "--trace", str(files[1]), name="r.json")
    found, trace = (json.loads(file.read_text()) for file in files)
    assert found["search"]["result"] == trace["result"]
    assert found["bytes_after"] == (folder / "o.tflite").stat().st_size == trace["result"]["bytes"]
    assert all("seconds" not in record for record in found["search"]["evaluations"])
    costs = [cost for cost, _ in found["search"]["path"]]
    assert costs == sorted(costs, reverse=True)
    assert found["search"]["float_bytes"] + costs[-1] < found["search"]["float_bytes"]
    assert {layer["name"] for layer in found["verification"]["layers"]} >= {"block/one", "block/two", "three"}
    assert found["pipeline"]
    assert "--rules-out" in found["next"][0]["command"]


def test_the_same_search_gives_the_same_page(folder: Path) -> None:
    assert _search(folder) == _search(folder)


def test_marks_stand_at_their_numbers() -> None:
    marks = [Mark(1000, 20.0, "point", "a"), Mark(3000, 40.0, "chosen", "b<c>")]
    text = "".join(plot(marks, [(1000, 20.0), (3000, 40.0), (9000, 90.0)], 30.0, "dB"))
    assert "b&lt;c&gt;" in text
    places = {style: (float(x), float(y)) for style, x, y in re.findall(r'class="(\w+)" cx="(\S+)" cy="(\S+)"', text)}
    bound = float(re.findall(r'class="bound" x1="\S+" x2="\S+" y1="(\S+)"', text)[0])
    assert places["point"][0] < places["chosen"][0]
    assert places["chosen"][1] < bound < places["point"][1]
    assert bound == pytest.approx((places["chosen"][1] + places["point"][1]) / 2, abs=0.1)
    line = re.findall(r'polyline class="predicted" points="([^"]*)"', text)[0]
    assert [tuple(map(float, point.split(","))) for point in line.split()] == [places["point"], places["chosen"]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "size"), [("phone", PHONE), ("desk", DESK)])
def test_the_page_in_a_browser(folder: Path, browser: Any, width: str, size: tuple[int, int], dark: bool) -> None:
    if not (folder / "r.html").exists():
        _search(folder)
    resize(browser, size, dark=dark)
    browser.get((folder / "r.html").as_uri())
    screenshot(browser, f"search-{width}-{'dark' if dark else 'light'}", whole=True)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert len(browser.find_elements("css selector", "svg.plot circle.chosen")) == 2  # one in the key
    assert "block/one" in browser.find_element("css selector", "#table-forms").text
    assert complaints(browser) == []
