"""The metadata entry `model_control_dependencies`: which operators must run after which others.

Layout (LiteRT, metadata_util): unsigned varints: the version 1, the number of subgraphs, then for each
the number of its edges and for each edge two zigzag-coded operator indices, first and second.
"""

from __future__ import annotations

from collections.abc import Sequence

METADATA_NAME = "model_control_dependencies"
_VERSION = 1
Edge = tuple[int, int]


def decode_edges(data: bytes) -> list[list[Edge]] | None:
    """Edges (first, second) of each subgraph; None if `data` is not in this layout."""
    numbers = _varints(data)
    if not numbers or numbers[0] != _VERSION or len(numbers) < 2:
        return None
    at, subgraphs = 2, numbers[1]
    edges: list[list[Edge]] = []
    for _ in range(min(subgraphs, len(numbers))):
        if at >= len(numbers):
            return None
        count, at = numbers[at], at + 1
        if at + 2 * count > len(numbers):
            return None
        pairs = [_unzigzag(n) for n in numbers[at : at + 2 * count]]
        edges.append(list(zip(pairs[::2], pairs[1::2], strict=True)))
        at += 2 * count
    return edges if at == len(numbers) and len(edges) == subgraphs else None


def encode_edges(edges: Sequence[Sequence[Edge]]) -> bytes:
    """The reverse of `decode_edges`."""
    numbers = [_VERSION, len(edges)]
    for subgraph in edges:
        numbers.append(len(subgraph))
        for first, second in subgraph:
            numbers += [_zigzag(first), _zigzag(second)]
    out = bytearray()
    for number in numbers:
        while number >= 0x80:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def _varints(data: bytes) -> list[int] | None:
    numbers: list[int] = []
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
        elif shift > 35:
            return None
    return numbers if not shift else None


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if number % 2 == 0 else -(number + 1) // 2
