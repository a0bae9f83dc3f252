"""Fixtures of all tests, and of tests that open pages in a browser.

A test file of the latter has the pages as its fixture `pages`, by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import DESK, chromium, complaints, resize, settled


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set the width of lines: processes of pytest-xdist have it set."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(name="shown")
def _shown(browser: Any, pages: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end, it has complained of nothing."""

    def show(name: str, size: tuple[int, int] = DESK, *, dark: bool = False) -> Any:
        resize(browser, size, dark=dark)
        browser.get(pages[name].as_uri())
        settled(browser)
        return browser

    yield show
    assert complaints(browser) == []
