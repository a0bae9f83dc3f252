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
from recording import run

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


def _search(folder: Path, *more: str, name: str = "r.html", bound: str = "snr>=25") -> str:
    words = ["search", str(folder / "m.tflite"), "--representative-dataset", str(folder / "d.npz"), "--force", "-q"]
    report = folder / name
    assert main([*words, "--bound", bound, "-o", str(folder / "o.tflite"), "--report", str(report), *more]) == 0
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


def _labelled(folder: Path, count: int) -> list[str]:
    """Data with labels from 0 to 9 to measure on, as flags."""
    labels = np.arange(count) % 10
    np.savez(folder / "v.npz", x=random(48, 1, 4, 4, 4, seed=10), labels=labels)
    return ["--validation-dataset", str(folder / "v.npz")]


@pytest.mark.parametrize("bound", ["snr>=25", "accuracy-drop<=50%"])
def test_accuracy_is_that_of_the_labels_of_the_samples_that_took_no_part(folder: Path, bound: str) -> None:
    found = json.loads(_search(folder, *_labelled(folder, 48), name="l.json", bound=bound))["verification"]
    samples = [[sample] for sample in np.load(folder / "v.npz")["x"]][1::2]
    labels = (np.arange(48) % 10)[1::2]
    files = [(folder / name).read_bytes() for name in ("m.tflite", "o.tflite")]
    met = [[int(run(file, one)[0].argmax()) for one in samples] == labels for file in files]
    assert found["accuracy"] == {
        "drop": pytest.approx(100 * (met[0].mean() - met[1].mean())),
        "before": pytest.approx(met[0].mean()),
        "after": pytest.approx(met[1].mean()),
        "labels": "labels",
        "samples": 24,
    }


def test_why_accuracy_is_not_measured(folder: Path) -> None:
    found = json.loads(_search(folder, *_labelled(folder, 20), name="l.json"))["verification"]
    assert found["accuracy"] is None
    assert "labels for 24 samples" in found["accuracy_missing"]
    (folder / "met.py").write_text("def half(outputs):\n    return 0.5\n")
    words = ["--accuracy", str(folder / "met.py:half")]
    found = json.loads(_search(folder, *words, name="l.json", bound="accuracy-drop<=1%"))["verification"]
    assert "no labels do" in found["accuracy_missing"]


def test_data_that_is_not_held_out_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", str(folder / "m.tflite"), "--representative-dataset", str(folder / "d.npz"), "--force"]
    words += ["--bound", "snr>=25", "-o", str(folder / "o.tflite")]
    samples = np.load(folder / "d.npz")["x"]
    np.savez(folder / "w.npz", x=np.concatenate([samples[:1], random(7, 1, 4, 4, 4, seed=11)]))
    said: list[str] = []
    for more in ([], ["--validation-dataset", str(folder / "w.npz")], ["--validation-dataset", str(folder / "d.npz")]):
        assert main([*words, *more]) == 0
        said.append(capsys.readouterr().err)
    assert "to measure on" not in said[0]
    assert "1 sample to measure on is in the data that weights are rounded with" in said[1]
    assert "48 samples to measure on are in" in said[2]
    page = _search(folder, "--validation-dataset", str(folder / "d.npz"), name="w.html")
    assert "48 samples that were measured on are equal to one" in page


def test_a_model_without_layers_that_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(model_of(lambda net, x: net.op("TANH", "t", [x], (1, 8)), (1, 8)))
    x = random(16, 1, 8, seed=12)
    np.savez(tmp_path / "d.npz", x=x, labels=x.reshape(16, 8).argmax(axis=1))
    page = _search(tmp_path, bound="accuracy-drop<=1%")
    assert "accuracy drops by 0.00 points" in page
    assert "Of 1 model that was evaluated" in page
