"""The text of a pipeline, as MLIR writes it: `a,b{x=1 y=2}`, `builtin.module(a,func.func(b{x=1},c))`.

Options follow the name of a pass in braces, separated by blanks or commas; a value that contains such characters is
quoted. A list is `x=1,2,3` or `x={1,2,3}`. Passes in `func.func(…)` process one function at a time. `mlir-opt[…]`
contains a pipeline for another tool, which is not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tflir.ir.errors import Error

USAGE = 2
MODULE, FUNCTION, ANY = "builtin.module", "func.func", "any"
"""The ops that a nested pipeline may be anchored on; `any` is the anchor of the pipeline around it."""
DEFAULT = "DEFAULT"
"""The word for the pipeline that the options of `tflir compile` select."""
_MLIR_OPT = "mlir-opt"
_DEEPEST = 16
"""The deepest nesting of pipelines; MLIR's tools use two levels."""
_LONGEST_SHOWN = 120
_SPACE = re.compile(r"\s*+")
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*+")
_KEY = re.compile(r"[A-Za-z0-9_][\w-]*+")
_NEXT_KEY = re.compile(r"\s*+[A-Za-z_][\w-]*+=")
_QUOTED = re.compile(r"\"((?s:\\.|[^\"\\])*+)\"|'([^']*+)'")
_BARE = re.compile(r"(?:\[[^\[\]\s]*+\]|[^\s,{}\"'\[\]]|'(?=[^\s,}])|[\[\]])++")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", '"': '"', "\\": "\\"}
_OTHER_TOOL = re.compile(r"\[([^\]]*+)\]")


@dataclass(frozen=True)
class Value:
    """One value of an option, as it was written."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Step:
    """One pass of a pipeline, with its options as they were written."""

    name: str
    options: Mapping[str, tuple[Value, ...]] = field(default_factory=dict[str, tuple[Value, ...]])
    anchor: str = MODULE
    """The op that it runs on: the module, or each function."""
    source: str = ""
    """The text of this step in the pipeline."""


def read_pipeline(text: str) -> list[Step]:
    """The passes of a pipeline, in order. Raises `Error` (status 2) that says what is wrong with it, and where."""
    return _Reader(text).pipeline()


def written(steps: list[Step]) -> str:
    """The text of a pipeline; adjacent passes that run on functions are in a common `func.func(…)`."""
    parts: list[str] = []
    for step in steps:
        if step.anchor == MODULE:
            parts.append(step.source)
        elif parts and parts[-1].startswith(f"{FUNCTION}("):
            parts[-1] = f"{parts[-1][:-1]},{step.source})"
        else:
            parts.append(f"{FUNCTION}({step.source})")
    return ",".join(parts)


class _Reader:
    """Reads a pipeline from left to right; `at` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def pipeline(self) -> list[Step]:
        steps = list(self._elements(MODULE, 0))
        if self.at < len(self.text):
            raise self._error("expected a comma or the end here")
        return steps

    def _elements(self, anchor: str, depth: int) -> Iterator[Step]:
        if depth > _DEEPEST:
            raise self._error(f"pipelines are nested more than {_DEEPEST} deep")
        while True:
            yield from self._element(anchor, depth)
            self._skip()
            if not self._take(","):
                return

    def _element(self, anchor: str, depth: int) -> Iterator[Step]:
        self._skip()
        start = self.at
        if (name := self._match(_NAME)) is None:
            raise self._error("expected the name of a pass here")
        if self._take("("):
            yield from self._nested(name, anchor, depth)
            return
        options: dict[str, tuple[Value, ...]] = {}
        if name == _MLIR_OPT and (inner := _OTHER_TOOL.match(self.text, self.at)) is not None:
            self.at = inner.end()
            options["arguments"] = tuple(Value(word, quoted=True) for word in _for_mlir_opt(inner[1]))
        elif self._take("{"):
            options = self._options()
        yield Step(name, options, anchor, self.text[start : self.at])

    def _nested(self, name: str, anchor: str, depth: int) -> Iterator[Step]:
        """The passes between the parentheses after an anchor."""
        inner = anchor if name == ANY else name
        if inner not in (MODULE, FUNCTION):
            raise self._error(f"'{name}(…)': a pipeline works on {MODULE}, or on its functions, {FUNCTION}")
        if inner == MODULE and anchor == FUNCTION:
            raise self._error(f"a function holds no {MODULE}")
        self._skip()
        if self._take(")"):
            return
        yield from self._elements(inner, depth + 1)
        if not self._take(")"):
            raise self._error("expected a comma or ')' here")

    def _options(self) -> dict[str, tuple[Value, ...]]:
        """The options between braces; the opening brace is already read."""
        options: dict[str, tuple[Value, ...]] = {}
        names: set[str] = set()
        while True:
            self._skip()
            if self._take("}"):
                return options
            if (key := self._match(_KEY)) is None:
                raise self._error("expected the name of an option or '}' here")
            if (same := key.replace("_", "-")) in names:
                raise Error(f"option {same} is given twice", hint="leave one of the two out", status=USAGE)
            names.add(same)
            options[key] = tuple(self._values()) if self._take("=") else ()
            before = self.at
            self._skip()
            if not self._take(",") and self.at == before and self.text[self.at : self.at + 1] != "}":
                raise self._error("expected a space, a comma or '}' here")

    def _values(self) -> Iterator[Value]:
        """One value, or several values separated by commas, up to the next option."""
        if self._take("{"):
            yield from self._braced()
            return
        yield self._value()
        while self.text.startswith(",", self.at) and not _NEXT_KEY.match(self.text, self.at + 1):
            if self.text[self.at + 1 : self.at + 2].isspace():
                return
            self.at += 1
            yield self._value()

    def _braced(self) -> Iterator[Value]:
        """A list between braces."""
        while True:
            self._skip()
            if self._take("}"):
                return
            yield self._value()
            self._skip()
            self._take(",")

    def _value(self) -> Value:
        if (quoted := _QUOTED.match(self.text, self.at)) is not None:
            self.at = quoted.end()
            inner = quoted[2] if quoted[1] is None else _ESCAPE.sub(_unescaped, quoted[1])
            return Value(inner, quoted=True)
        if (bare := self._match(_BARE)) is None:
            raise self._error("expected a value here")
        return Value(bare)

    def _skip(self) -> None:
        self._match(_SPACE)

    def _take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _error(self, what: str) -> Error:
        shown = self.text if len(self.text) <= _LONGEST_SHOWN else f"{self.text[: _LONGEST_SHOWN - 1]}…"
        where = f"character {self.at + 1}: {what}"
        return Error(f"pipeline '{shown}': {where}", hint="write 'a,b{x=1 y=2}'", status=USAGE)


def _unescaped(found: re.Match[str]) -> str:
    """The text for an escape; the backslash of a regular expression is kept."""
    return _ESCAPED.get(found[1], found[0])


def _for_mlir_opt(pipeline: str) -> tuple[str, ...]:
    """The arguments that make `mlir-opt` run a pipeline on what xDSL prints."""
    return ("--mlir-print-op-generic", "--allow-unregistered-dialect", "-p", f"{MODULE}({pipeline})")
