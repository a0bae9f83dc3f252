"""Groups the operators of a graph by the scopes in their names, and lays out each scope by itself.

The scopes of `block1/conv/Relu` are `block1` and `block1/conv`. A scope with one operator is none, and of scopes that
hold nothing but one another the innermost is kept. Scopes whose operators lead to each other in both directions would
make a picture with edges upward; the smaller ones of these are dissolved into their parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflir.report.graph.cycles import cycles
from tflir.report.graph.layering import Edges
from tflir.report.graph.layout import Layout, lay_out

NODE_WIDTH, SCOPE_WIDTH, PORT_WIDTH = 168.0, 200.0, 8.0
_DEEPEST = 12
_Shape = tuple[tuple[float, ...], tuple[tuple[int, int], ...], int | None, int | None]


@dataclass(frozen=True)
class Scope:
    """A scope as it is drawn when it is unfolded."""

    path: str
    """`block1/conv`; for the whole graph '', or the one scope in which all scopes are."""
    parent: int
    """The number of the scope around it; -1 for the whole graph."""
    items: list[int]
    """What it holds: a node's number, or -1 - n for scope n."""
    edges: list[tuple[int, int]]
    """Edges between positions in `items`; len(items) stands for what is outside and above, and the next number for
    what is outside and below."""
    enters: bool
    """Whether an edge leads into it."""
    leaves: bool
    layout: Layout
    """Of the items, then the place where edges enter, then where they leave, if they do."""


@dataclass
class _Part:
    """A scope in the making."""

    path: str
    nodes: list[int] = field(default_factory=list[int])
    """The nodes directly in it."""
    parts: dict[str, _Part] = field(default_factory=dict[str, "_Part"])
    size: int = 0
    """How many nodes are in it, in all."""

    def simple(self) -> None:
        """Removes scopes with one node, and those that hold nothing but another scope."""
        for name, part in list(self.parts.items()):
            part.simple()
            while not part.nodes and len(part.parts) == 1:
                part = next(iter(part.parts.values()))
            self.parts[name] = part
            if part.size < 2:
                self.dissolve(name)

    def dissolve(self, name: str) -> None:
        """Replaces a scope in this one by what it holds."""
        part = self.parts.pop(name)
        self.nodes += part.nodes
        self.parts |= {inner.path: inner for inner in part.parts.values()}

    def all_nodes(self) -> list[int]:
        nodes = list(self.nodes)
        for part in self.parts.values():
            nodes += part.all_nodes()
        return nodes


def scopes_of(names: Sequence[str], edges: Edges) -> list[Scope]:
    """The scopes of the nodes with these names; the first is the whole graph, and parents come before children.

    `edges` must have no cycle. A node whose name is empty is in no scope.
    """
    found: list[Scope] = []
    layouts: dict[_Shape, Layout] = {}
    waiting = [_Level(_tree(names), -1, edges)]
    for level in waiting:
        _without_cycles(level.part, level.edges)
        found.append(level.scope(len(waiting), layouts))
        waiting += level.children(len(found) - 1)
    return found


def _tree(names: Sequence[str]) -> _Part:
    whole = _Part("", size=len(names))
    for node, name in enumerate(names):
        part = whole
        for word in _words(name)[:_DEEPEST]:
            path = f"{part.path}/{word}" if part is not whole else word
            part = part.parts.setdefault(word, _Part(path))
            part.size += 1
        part.nodes.append(node)
    whole.simple()
    if len(whole.parts) == 1:
        whole.path = next(iter(whole.parts.values())).path
        whole.dissolve(next(iter(whole.parts)))
    return whole


@dataclass
class _Level:
    """A scope with the edges in it and across its border."""

    part: _Part
    parent: int
    edges: Edges
    entered: set[int] = field(default_factory=set[int])
    """The nodes to which edges from outside lead."""
    left: set[int] = field(default_factory=set[int])

    def scope(self, first_child: int, layouts: dict[_Shape, Layout]) -> Scope:
        """The scope, whose inner scopes have the numbers from `first_child` on.

        `layouts` are those made before: networks repeat the same block.
        """
        nodes = sorted(self.part.nodes)
        items = [*nodes, *(-1 - first_child - at for at in range(len(self.part.parts)))]
        place = {node: at for at, node in enumerate(nodes)}
        place |= {node: len(nodes) + at for node, at in _homes(self.part).items()}
        above, below = len(items), len(items) + 1
        lifted = [(above, place[node]) for node in sorted(self.entered)]
        lifted += [(place[source], place[target]) for source, target in self.edges if place[source] != place[target]]
        lifted += [(place[node], below) for node in sorted(self.left)]
        return _laid_out(self.part.path, self.parent, items, list(dict.fromkeys(lifted)), layouts)

    def children(self, number: int) -> list[_Level]:
        """The scopes in this one, whose number is `number`."""
        home = _homes(self.part)
        inner: list[list[tuple[int, int]]] = [[] for _ in self.part.parts]
        levels = [_Level(part, number, edges) for part, edges in zip(self.part.parts.values(), inner, strict=True)]
        for node in self.entered & home.keys():
            levels[home[node]].entered.add(node)
        for node in self.left & home.keys():
            levels[home[node]].left.add(node)
        for source, target in self.edges:
            begin, end = home.get(source), home.get(target)
            if begin is not None and begin == end:
                inner[begin].append((source, target))
                continue
            if begin is not None:
                levels[begin].left.add(source)
            if end is not None:
                levels[end].entered.add(target)
        return levels


def _words(name: str) -> list[str]:
    """The scopes of a name; of the names of operators that were joined (`a/Relu;a/Conv2D`), the first counts."""
    return [word for word in name.split(";", 1)[0].split("/")[:-1] if word]


def _homes(part: _Part) -> dict[int, int]:
    """For each node in a scope of `part`, the number of that scope."""
    return {node: at for at, child in enumerate(part.parts.values()) for node in child.all_nodes()}


def _without_cycles(part: _Part, edges: Edges) -> None:
    """Dissolves scopes in `part` until no two lead to each other."""
    while part.parts:
        home = _homes(part)
        children = list(part.parts)
        number = {node: len(children) + at for at, node in enumerate(part.nodes)}
        number |= home
        after: list[dict[int, None]] = [{} for _ in range(len(children) + len(part.nodes))]
        for source, target in edges:
            if number[source] != number[target]:
                after[number[source]][number[target]] = None
        groups = cycles([list(targets) for targets in after])
        if not groups:
            return
        for group in groups:
            scopes = sorted((at for at in group if at < len(children)), key=lambda at: part.parts[children[at]].size)
            for at in scopes[: max(1, len(scopes) // 2)]:
                part.dissolve(children[at])


def _laid_out(
    path: str, parent: int, items: list[int], edges: list[tuple[int, int]], layouts: dict[_Shape, Layout]
) -> Scope:
    widths = [NODE_WIDTH if item >= 0 else SCOPE_WIDTH for item in items]
    above, below = len(items), len(items) + 1
    enters, leaves = any(tail == above for tail, _ in edges), any(head == below for _, head in edges)
    first = last = None
    place = {at: at for at in range(len(items))}
    if enters:
        first = place[above] = len(widths)
        widths.append(PORT_WIDTH)
    if leaves:
        last = place[below] = len(widths)
        widths.append(PORT_WIDTH)
    shape = (tuple(widths), tuple((place[tail], place[head]) for tail, head in edges), first, last)
    if shape not in layouts:
        layouts[shape] = lay_out(shape[0], shape[1], first=first, last=last)
    return Scope(path, parent, items, edges, enters, leaves, layouts[shape])
