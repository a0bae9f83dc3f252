"""The page of a graph at work in a browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, TABLET, screenshot, settled
from net_builder import Net, model_of

from tflir.cli import main

_ROOT = Path(__file__).resolve().parent.parent
_ENTER = "\ue007"


def _blocks(count: int) -> Any:
    """A network of blocks in stages, with residual edges, five operators a block."""
    weights = np.tile(np.arange(-8, 8, dtype=np.float32), (16, 1)) * (np.arange(16) % 2)

    def net(net: Net, x: int) -> int:
        shape = (1, 16)
        for block in range(count):
            start, at = x, f"net/stage{block // 10}/block{block}"
            x = net.dense(f"{at}/dense/MatMul", x, weights, np.zeros(16, np.float32))
            left = net.op("RELU", f"{at}/act/Relu", [x], shape)
            right = net.op("LOGISTIC", f"{at}/gate/Sigmoid", [x], shape)
            x = net.op("MUL", f"{at}/gate/mul", [left, right], shape)
            x = net.op("ADD", f"{at}/add", [x, start], shape)
        return net.op("SOFTMAX", "net/out/<b>Softmax</b></script>", [x], shape)

    return net


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    models = {"digits": (_ROOT / "examples/digits_cnn/model.tflite").read_bytes()}
    models |= {f"blocks{5 * count}": model_of(_blocks(count), (1, 16)) for count in (40, 200)}
    for name, model in models.items():
        (folder / f"{name}.tflite").write_bytes(model)
        assert main(["inspect", str(folder / f"{name}.tflite"), "--html", str(folder / f"{name}.html")]) == 0
    return {name: folder / f"{name}.html" for name in models}


def _click(browser: Any, item: int) -> None:
    """A click in the upper part of a box, on its title if it is unfolded."""
    script = "const box = page.picture.byItem.get(arguments[0]);"
    script += (
        "return [(box.x + box.width / 2 - page.view.x) * page.view.scale, (box.y + 12 - page.view.y) * page.view.scale]"
    )
    x, y = browser.execute_script(script, item)
    left, top = browser.execute_script("const at = page.canvas.getBoundingClientRect(); return [at.left, at.top]")
    for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
        at = {"type": kind, "x": left + x, "y": top + y, "button": "left", "buttons": buttons, "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", at)
    settled(browser)


def _count(browser: Any) -> int:
    return int(browser.execute_script("return page.picture.boxes.length"))


def _overlaps(browser: Any) -> int:
    """How many pairs of boxes overlap of which neither holds the other."""
    return int(
        browser.execute_script("""
        const apart = (a, b) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y
          || b.y + b.height <= a.y;
        const holds = (a, b) => a.inner && a.x < b.x && a.y < b.y && a.x + a.width > b.x + b.width
          && a.y + a.height > b.y + b.height;
        let found = 0;
        page.picture.boxes.forEach((a, at) => { for (const b of page.picture.boxes.slice(at + 1)) {
          if (!apart(a, b) && !holds(a, b) && !holds(b, a)) found += 1; } });
        return found;""")
    )


def test_a_click_unfolds_a_scope_and_another_folds_it(shown: Any) -> None:
    browser = shown("blocks200")
    browser.find_element("css selector", ".fold").click()
    folded = _count(browser)
    scope = browser.execute_script("return page.picture.boxes.find(box => box.item < 0).item")
    _click(browser, scope)
    assert _count(browser) > folded
    assert "Fold" in browser.find_element("css selector", "aside").text
    _click(browser, scope)
    assert _count(browser) == folded


def test_a_click_on_an_operator_shows_its_tensors(shown: Any) -> None:
    browser = shown("digits")
    _click(
        browser,
        browser.execute_script(
            "return page.picture.boxes.find(b => page.current().nodes[b.item].kind === 'conv_2d').item"
        ),
    )
    panel = browser.find_element("css selector", "aside")
    assert panel.text.startswith("×\nconv_2d")
    assert "stride_h" in panel.text
    assert len(panel.find_elements("css selector", "svg")) >= 1
    screenshot(browser, "graph-digits-chosen")
    panel.find_element("class name", "close").click()
    assert "fully_connected" in panel.text


def test_search_finds_and_reveals(shown: Any) -> None:
    browser = shown("blocks1000")
    browser.find_element("css selector", ".fold").click()
    field = browser.find_element("css selector", ".search input")
    field.send_keys("block137 relu")
    settled(browser)
    assert "1 found" in browser.find_element("css selector", ".found").text
    screenshot(browser, "graph-blocks1000-search")
    field.send_keys(_ENTER)
    settled(browser)
    assert "net/stage13/block137/act/Relu" in browser.find_element("css selector", "aside").text
    x, y, width, height = browser.execute_script(
        "const box = page.picture.byItem.get(page.chosen);"
        "const {x, y, scale} = page.view, {clientWidth, clientHeight} = page.canvas;"
        "return [(box.x - x) * scale, (box.y - y) * scale, clientWidth, clientHeight]"
    )
    assert 0 < x < width
    assert 0 < y < height
    screenshot(browser, "graph-blocks1000-found")


def test_names_with_markup_are_text(shown: Any) -> None:
    browser = shown("blocks200")
    field = browser.find_element("css selector", ".search input")
    field.send_keys("Softmax", _ENTER)
    settled(browser)
    assert "net/out/<b>Softmax</b></script>" in browser.find_element("css selector", "aside").text
    assert not browser.find_elements("css selector", "aside b, .found b")


def test_unfolding_a_thousand_operators_is_quick_and_nothing_overlaps(shown: Any) -> None:
    browser = shown("blocks1000")
    assert _overlaps(browser) == 0
    milliseconds = browser.execute_script("""
        const begun = performance.now();
        document.querySelector(".unfold").click();
        page.paint();
        return performance.now() - begun;""")
    assert milliseconds < 500
    assert _count(browser) > 1000
    assert _overlaps(browser) == 0
    browser.find_element("css selector", ".fit").click()
    screenshot(browser, "graph-blocks1000-all")


def test_a_page_of_a_thousand_operators_opens_quickly(shown: Any) -> None:
    browser = shown("blocks1000")
    times = browser.execute_script(
        "const [one] = performance.getEntriesByType('navigation'); return [one.domInteractive, one.loadEventEnd]"
    )
    assert max(times) < 2000
    begun = time.perf_counter()
    browser.find_element("css selector", ".fit").click()
    settled(browser)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("colour", ["type", "0", "1", "2", "3"])
def test_each_colour_has_a_legend(colour: str, shown: Any) -> None:
    browser = shown("blocks200")
    browser.find_element("css selector", f"select.colour option[value='{colour}']").click()
    settled(browser)
    said = browser.find_element("css selector", ".legend").text
    assert {"type": "float32", "0": "kB", "1": "100 %", "2": "us", "3": "taken"}[colour] in said
    screenshot(browser, f"graph-blocks200-colour-{colour}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "size"), [("phone", PHONE), ("tablet", TABLET), ("desk", DESK)])
@pytest.mark.parametrize("name", ["digits", "blocks200", "blocks1000"])
def test_pictures_at_three_widths(name: str, width: str, size: tuple[int, int], dark: bool, shown: Any) -> None:
    browser = shown(name, size, dark=dark)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    screenshot(browser, f"graph-{name}-{width}-{'dark' if dark else 'light'}")


def test_a_finger_opens_the_panel_on_a_phone(shown: Any) -> None:
    browser = shown("digits", PHONE)
    panel = browser.find_element("css selector", "aside")
    assert not panel.is_displayed()
    _click(browser, 1)
    assert panel.is_displayed()
    screenshot(browser, "graph-digits-phone-chosen")


def _mouse(browser: Any, kind: str, x: float, y: float, **more: Any) -> None:
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})


def test_dragging_moves_and_the_wheel_zooms_at_the_pointer(shown: Any) -> None:
    browser = shown("blocks200")
    script = "const {x, y, scale} = page.view; return [x, y, scale, x + 600 / scale, y + 300 / scale]"
    before = browser.execute_script(script)
    _mouse(browser, "mousePressed", 200, 400, button="left", buttons=1, clickCount=1)
    _mouse(browser, "mouseMoved", 260, 430, button="left", buttons=1)
    _mouse(browser, "mouseReleased", 260, 430, button="left", clickCount=1)
    moved = browser.execute_script(script)
    assert moved[0] == pytest.approx(before[0] - 60 / before[2])
    assert moved[1] == pytest.approx(before[1] - 30 / before[2])
    assert browser.execute_script("return page.chosen") is None
    top = browser.execute_script("return page.canvas.getBoundingClientRect().top")
    _mouse(browser, "mouseWheel", 600, top + 300, deltaX=0, deltaY=-100)
    settled(browser)
    zoomed = browser.execute_script(script)
    assert zoomed[2] > moved[2]
    assert zoomed[3:] == pytest.approx(moved[3:])


def test_keys_follow_the_edges(shown: Any) -> None:
    browser = shown("digits")
    _click(browser, 0)
    canvas = browser.find_element("css selector", "canvas")
    for _ in range(3):
        canvas.send_keys("\ue015")  # the arrow down
    assert browser.find_element("css selector", "aside h2").text == "max_pool_2d"
    canvas.send_keys("\ue013")
    assert browser.find_element("css selector", "aside h2").text == "conv_2d"
    canvas.send_keys("\ue00c")  # Escape
    assert browser.execute_script("return page.chosen") is None
