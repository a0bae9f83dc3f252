"""Pages in a headless Chromium, driven by Selenium."""

from __future__ import annotations

import base64
import contextlib
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

SCREENSHOTS = pathlib.Path(__file__).resolve().parent.parent / "build" / "screenshots"
PHONE, TABLET, DESK = (390, 844), (820, 1180), (1440, 900)
_LONGEST = 3600
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


def _found(*names: str) -> str:
    """The path of the first program that is installed; skips the test if none is."""
    path = next((path for path in map(shutil.which, names) if path), "")
    if not path:
        pytest.skip(f"no browser: {names[0]} is not installed (apt-get install chromium chromium-driver)")
    return path


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser; skips the test, with the reason, where there is none."""
    browser, driver = _found("chromium", "chromium-browser", "google-chrome"), _found("chromedriver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield opened
    finally:
        opened.quit()


def resize(browser: Any, size: tuple[int, int], *, dark: bool = False) -> None:
    """Makes the window so large in CSS pixels; one as narrow as a phone's is a phone's."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def settled(browser: Any) -> None:
    """Waits until the page has been drawn."""
    script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    browser.execute_async_script(script)


def screenshot(browser: Any, name: str, *, whole: bool = False) -> pathlib.Path:
    """Keeps a picture of the window in build/screenshots; with `whole`, of the page down to `_LONGEST` pixels."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    settled(browser)
    if not whole:
        browser.save_screenshot(str(path))
        return path
    width, height = browser.execute_script("return [innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, _LONGEST), "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(shot["data"]))
    return path


def complaints(browser: Any) -> list[str]:
    """What the page wrote to the console since the last call."""
    return [entry["message"] for entry in browser.get_log("browser")]
