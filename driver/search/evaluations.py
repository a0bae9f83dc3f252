"""Evaluations of a search: each is compiled, measured, counted, kept in a folder, and noted in the trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tflir.backends.litert.run import Note
from tflir.ir.errors import USAGE, Error
from tflir.ir.weight_kind import WeightKind
from tflir.search.compiler import Compiler, Kinds
from tflir.search.store import Store

NOISE, SIZE = "noise", "size"
"""What is evaluated of a model on its own: the noise that it adds, and its bytes without running it."""
Request = tuple[str, Kinds]
"""What is evaluated, and of which model."""
Ahead = Callable[[Sequence[Request], Callable[[Request, dict[str, Any]], None], Note], None]
"""Makes evaluations, and calls a function with the result of each."""
Results = Mapping[str, Any]


@dataclass
class Evaluations:
    """Runs evaluations; `limit` is the most that there can be, for the progress."""

    compiler: Compiler
    store: Store
    limit: int
    progress: Note
    ahead: Ahead | None = None
    """Makes evaluations that do not depend on each other, by several workers; None: each is made when it is needed."""
    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What each evaluation measured, in order."""
    _made: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Results of evaluations that were made ahead and are not asked for yet."""
    _last: tuple[Kinds, bytes] | None = None
    _models: set[tuple[WeightKind | None, ...]] = field(default_factory=set[tuple[WeightKind | None, ...]])

    @property
    def count(self) -> int:
        """How many models were evaluated; a model that is measured on two parts of the data counts once."""
        return len(self._models)

    @property
    def reused(self) -> int:
        """How many results were taken from the folder."""
        return sum(bool(record["reused"]) for record in self.records)

    def prepare(self, requests: Sequence[Request]) -> None:
        """Makes those evaluations of `requests` that are not known, if there are workers for it."""
        if self.ahead is None:
            return

        def finished(request: Request, result: dict[str, Any]) -> None:
            key = _key(*request)
            self._made[key] = result
            self.store.put(key, result)

        wanted = {_key(*request): request for request in requests}
        unknown = [request for key, request in wanted.items() if self.store.get(key) is None]
        self.ahead(unknown, finished, lambda done, of: self.progress(min(done, self.limit - 1), self.limit))

    def run(
        self, what: str, kinds: Kinds, measure: Callable[[bytes], Results], *, may_fail: bool = False
    ) -> dict[str, Any]:
        """The result of `measure` for the model of these kinds, with its `bytes` and the `seconds` that it took.

        With `may_fail`, a model that the runtime does not run has a result with `error` instead of raising it.
        """
        key = _key(what, kinds)
        made = self._made.pop(key, None)
        held = self.store.get(key) if made is None else made
        reused = made is None and held is not None
        if held is None:
            began = time.monotonic()
            model = self.model(kinds)
            try:
                held = dict(measure(model))
            except Error as error:
                if not may_fail or error.status == USAGE:
                    raise
                held = {"error": str(error)}
            held |= {"bytes": len(model), "seconds": round(time.monotonic() - began, 3)}
            self.store.put(key, held)
        self._models.add(tuple(kinds))
        self.records.append({"what": what, **held, "reused": reused, "kinds": self.named(kinds)})
        self.progress(min(self.count, self.limit - 1), self.limit)
        return held

    def size(self, kinds: Kinds) -> int:
        """The bytes of the compiled model, which is not run."""
        key = _key(SIZE, kinds)
        held = self._made.get(key) or self.store.get(key)
        if held is None:
            held = {"bytes": len(self.compiler.bytes(kinds, aims=False))}
            self.store.put(key, held)
        return int(held["bytes"])

    def model(self, kinds: Kinds) -> bytes:
        """The compiled model; the last one is held."""
        if self._last is None or self._last[0] != tuple(kinds):
            self._last = tuple(kinds), self.compiler.bytes(kinds)
        return self._last[1]

    def named(self, kinds: Kinds) -> dict[str, str]:
        """The form of each layer in words, by its name, else its place."""
        pairs = zip(self.compiler.layers, kinds, strict=True)
        return {layer.name or str(at): text(kind) for at, (layer, kind) in enumerate(pairs)}


def _key(what: str, kinds: Kinds) -> str:
    return f"{what} {[text(kind) for kind in kinds]}"


def text(kind: WeightKind | None) -> str:
    """A form in words."""
    return "float" if kind is None else str(kind)
