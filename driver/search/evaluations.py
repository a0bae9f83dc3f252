"""Evaluations of a search: each is compiled, measured, counted, kept in a folder, and noted in the trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tflir.ir.errors import Error
from tflir.ir.weight_kind import WeightKind
from tflir.quality.measure import Note
from tflir.search.compiler import Compiler, Kinds
from tflir.search.store import Store

Say = Callable[[str], None]
Results = Mapping[str, Any]


@dataclass
class Evaluations:
    """Runs evaluations; `limit` is the most that there can be, for the progress."""

    compiler: Compiler
    store: Store
    limit: int
    progress: Note
    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What each evaluation measured, in order."""
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

    def run(
        self, what: str, kinds: Kinds, measure: Callable[[bytes], Results], *, may_fail: bool = False
    ) -> dict[str, Any]:
        """The result of `measure` for the model of these kinds, with its `bytes` and the `seconds` that it took.

        With `may_fail`, a model that the runtime does not run has a result with `error` instead of raising it.
        """
        key = f"{what} {[text(kind) for kind in kinds]}"
        held = self.store.get(key)
        reused = held is not None
        if held is None:
            began = time.monotonic()
            model = self.model(kinds)
            try:
                held = dict(measure(model))
            except Error as error:
                if not may_fail or error.status == _USAGE:
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
        key = f"size {[text(kind) for kind in kinds]}"
        held = self.store.get(key)
        if held is None:
            held = {"bytes": len(self.model(kinds))}
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


_USAGE = 2


def text(kind: WeightKind | None) -> str:
    """A form in words."""
    return "float" if kind is None else str(kind)
