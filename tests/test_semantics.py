"""`docs/semantics.md` has every section that the code names, and nothing refers to what is not in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tflir.passes.quirks.quirk import Quirk
from tflir.passes.quirks.table import QUIRKS

_ROOT = Path(__file__).parent.parent
_PAGE = "docs/semantics.md"
_FOLDERS = ("driver", "ir", "frontends", "passes", "backends", "tests", "docs", "benchmarks", "examples", ".ci")
_SUFFIXES = frozenset((".py", ".md", ".mlir", ".toml", ".schema", ""))
_ELSEWHERE = tuple(
    re.compile(word, re.IGNORECASE) for word in (r"\bspecifications?\b", r"\.\./shared", r"DESIGN\.md", r"STYLE\.md")
)
_COMMENT_MARKS = re.compile(r"\n\s*(#|//)?\s*")


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from (p for p in sorted((_ROOT / folder).rglob("*")) if p.is_file() and p.suffix in _SUFFIXES)
    yield from (_ROOT / name for name in ("README.md", "Makefile", "pyproject.toml"))


def _texts() -> Iterator[tuple[Path, str]]:
    for path in _files():
        if path != Path(__file__).resolve():
            yield path.relative_to(_ROOT), path.read_text(encoding="utf-8", errors="replace")


def _sections() -> set[str]:
    return {line[3:].strip() for line in (_ROOT / _PAGE).read_text(encoding="utf-8").splitlines() if line[:3] == "## "}


def _named(text: str) -> Iterator[str]:
    """What stands behind each mention of the page that names a section."""
    joined = _COMMENT_MARKS.sub(" ", text)
    for mention in re.finditer(re.escape(_PAGE) + r", ", joined):
        yield joined[mention.end() :]


def test_the_sections_that_comments_name_are_in_the_page() -> None:
    longest_first, found = sorted(_sections(), key=len, reverse=True), 0
    for path, text in _texts():
        for rest in _named(text):
            section = next((name for name in longest_first if rest.startswith(name)), None)
            assert section is not None, f"{path}: {rest[:40]}"
            assert not rest[len(section) :][:1].isalnum(), f"{path}: {rest[:40]}"
            found += 1
    assert found > 10


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_the_section_of_a_quirk_is_in_the_page(quirk: Quirk) -> None:
    assert quirk.section in _sections()


def test_links_between_pages_lead_somewhere() -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in (_ROOT / "docs").glob("*.md")}
    for name, text in pages.items():
        for target, anchor in re.findall(r"\]\((\w+\.md)#([^)]+)\)", text):
            headings = re.findall(r"^#+ (.*)$", pages[target], re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name}: {target}#{anchor}"


def test_nothing_refers_to_a_document_outside() -> None:
    for path, text in _texts():
        for word in _ELSEWHERE:
            found = word.search(text)
            assert found is None, f"{path}: {text[max(0, found.start() - 40) : found.end() + 40]}"
