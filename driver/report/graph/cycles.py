"""Finds the cycles of a graph."""

from __future__ import annotations

from collections.abc import Sequence


def cycles(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """The groups of two or more nodes of which each leads to each other (Tarjan, 1972, without recursion).

    `after`: for each node, the nodes to which its edges lead.
    """
    number = [0] * len(after)
    lowest = [0] * len(after)
    held = bytearray(len(after))
    path: list[int] = []
    found: list[list[int]] = []
    met = 0
    for start in range(len(after)):
        if number[start]:
            continue
        work = [(start, 0)]
        while work:
            node, at = work.pop()
            if not at:
                met += 1
                number[node] = lowest[node] = met
                path.append(node)
                held[node] = 1
            else:
                lowest[node] = min(lowest[node], lowest[after[node][at - 1]])
            following = after[node]
            while at < len(following):
                other = following[at]
                at += 1
                if not number[other]:
                    work += [(node, at), (other, 0)]
                    break
                if held[other]:
                    lowest[node] = min(lowest[node], number[other])
            else:
                if lowest[node] == number[node]:
                    begin = _last(path, node)
                    group = path[begin:]
                    del path[begin:]
                    for other in group:
                        held[other] = 0
                    if len(group) > 1:
                        found.append(group)
    return found


def _last(path: list[int], node: int) -> int:
    at = len(path) - 1
    while path[at] != node:
        at -= 1
    return at
