"""The section `{-# dialect_resources: {builtin: {key: "0x…"}} #-}` that holds the bytes of large constants.

It is read from the file's bytes, separately from the program: the values may have gigabytes, and xDSL's own parser
keeps them as text in one store for the whole process, where equal keys in two files collide.
"""

from __future__ import annotations

import binascii
import re

import numpy as np

from tflir.ir.blob import ArrayBlob, Blob
from tflir.ir.errors import Error

_OPENING = re.compile(rb"^[ \t]*+\{-#", re.MULTILINE)
_TOKEN = re.compile(
    rb'(?:\s++|//[^\n]*+)*+(?:(?P<text>"(?:[^"\\]++|\\.)*+")|(?P<word>[\w$.-]++)|(?P<mark>#-\}|\{-#|[{}:,]))', re.DOTALL
)
_ESCAPE = re.compile(rb'\\([0-9A-Fa-f]{2}|[nt"\\])')
_LETTERS = {b"n": b"\n", b"t": b"\t", b'"': b'"', b"\\": b"\\"}
_DEEPEST = 16
"""The deepest nesting of dictionaries; MLIR writes three levels."""
_WORD = 4
"""Bytes before a resource's data: its alignment, little-endian."""


def unescape(body: bytes) -> bytes:
    """The bytes of a string literal whose inside is `body`. Raises `ValueError` for an unknown escape."""

    def one(match: re.Match[bytes]) -> bytes:
        what = match.group(1)
        return _LETTERS[what] if what in _LETTERS else bytes.fromhex(what.decode())

    if b"\\" not in body:
        return body
    if body.count(b"\\") != sum(m.group(0).count(b"\\") for m in _ESCAPE.finditer(body)):
        raise ValueError("unknown escape")
    return _ESCAPE.sub(one, body)


def split_resources(data: memoryview, file: str) -> tuple[str, dict[str, Blob]]:
    """The program's text, and the resources that follow it. Raises `Error` if their section is malformed."""
    opening = _OPENING.search(data)
    if opening is None:
        return _decoded(data), {}
    section = _Section(data, opening.start(), file)
    end = section.read()
    tail = _decoded(data[end:])
    if tail.strip():  # replace the section by blank lines, so that line numbers after it are right
        tail = "\n" * bytes(data[opening.start() : end]).count(b"\n") + tail
    return _decoded(data[: opening.start()]) + tail, section.resources


def _decoded(data: memoryview) -> str:
    return bytes(data).decode("utf-8", "surrogateescape")


class _Section:
    """A reader of the section; `at` is the position of the next byte."""

    def __init__(self, data: memoryview, at: int, file: str) -> None:
        self.data = data
        self.at = at
        self.file = file
        self.resources: dict[str, Blob] = {}

    def read(self) -> int:
        """Reads the whole section and returns the position of its end."""
        self._expect(b"{-#")
        self._entries((), b"#-}")
        return self.at

    def _entries(self, path: tuple[str, ...], closing: bytes) -> None:
        while True:
            kind, start, end = self._token()
            if kind == "mark" and bytes(self.data[start:end]) == closing:
                return
            if kind == "mark":
                raise self._error("expected the name of a resource", start)
            name = self._name(kind, start, end)
            self._expect(b":")
            self._value((*path, name))
            kind, start, end = self._token()
            mark = bytes(self.data[start:end]) if kind == "mark" else b""
            if mark == closing:
                return
            if mark != b",":
                raise self._error(f"expected ',' or '{closing.decode()}'", start)

    def _value(self, path: tuple[str, ...]) -> None:
        kind, start, end = self._token()
        if kind == "mark":
            if bytes(self.data[start:end]) != b"{":
                raise self._error("expected a value or '{'", start)
            if len(path) > _DEEPEST:
                raise self._error(f"dictionaries of resources are nested more than {_DEEPEST} deep", start)
            self._entries(path, b"}")
        elif path[:2] == ("dialect_resources", "builtin") and len(path) == 3:
            self._blob(path[2], start, end)

    def _blob(self, key: str, start: int, end: int) -> None:
        if bytes(self.data[start : start + 3]) not in (b'"0x', b'"0X'):
            raise self._error(f"resource '{key}' is no string of 0x and hexadecimal digits", start)
        if key in self.resources:
            raise self._error(f"resource '{key}' is given twice", start)
        try:
            content = binascii.unhexlify(self.data[start + 3 : end - 1])
        except (binascii.Error, ValueError):
            raise self._error(f"resource '{key}' is no string of 0x and hexadecimal digits", start) from None
        if len(content) < _WORD:
            raise self._error(f"resource '{key}' lacks its alignment, the first {_WORD} bytes", start)
        self.resources[key] = ArrayBlob(np.frombuffer(content, np.uint8, offset=_WORD))

    def _name(self, kind: str, start: int, end: int) -> str:
        body = bytes(self.data[start:end])
        try:
            return (unescape(body[1:-1]) if kind == "text" else body).decode("utf-8", "surrogateescape")
        except ValueError:
            raise self._error("the name of a resource has an unknown escape", start) from None

    def _expect(self, mark: bytes) -> None:
        kind, start, end = self._token()
        if kind != "mark" or bytes(self.data[start:end]) != mark:
            raise self._error(f"expected '{mark.decode()}'", start)

    def _token(self) -> tuple[str, int, int]:
        match = _TOKEN.match(self.data, self.at)
        if match is None or match.lastgroup is None:
            raise self._error("the section of resources is malformed or ends early", self.at)
        self.at = match.end()
        return match.lastgroup, match.start(match.lastgroup), match.end()

    def _error(self, what: str, at: int) -> Error:
        before = bytes(self.data[:at])
        line, column = before.count(b"\n") + 1, at - before.rfind(b"\n")
        return Error(what, file=f"{self.file}:{line}:{column}", hint="write the text again, or fix the section by hand")
