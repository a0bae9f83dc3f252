"""Speed and memory of `tfl-dense-to-sparse` on a large constant, and of each kind of encoding separately."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from sparsity_models import PATTERNS, fully_connected, normal, with_zeros

from tflir.files import load_bytes
from tflir.passes.sparsity.choice import TABLE
from tflir.passes.sparsity.dense_to_sparse import DenseToSparsePass
from tflir.passes.sparsity.encoding import Encoding, encode, rows_of_blocks

_ZEROS = 0.8
_COLUMNS = 4096
_RUNS = 3
ENCODINGS = {
    "rows": rows_of_blocks(2),
    "columns": Encoding((1, 0), (False, True), (1, 1)),
    "rows, nested": Encoding((0, 1), (True, True), (1, 1)),
    "1x2": rows_of_blocks(2, 2),
    "1x4": rows_of_blocks(2, 4),
    "1x16": rows_of_blocks(2, 16),
    "4x1": Encoding((1, 0), (False, True), (4, 1)),
    "16x1": Encoding((1, 0), (False, True), (16, 1)),
    "4x4": Encoding((0, 1), (False, True), (4, 4)),
}


def run(megabytes: int) -> list[dict[str, Any]]:
    """A row for each type and pattern: MB of dense constant per second, and peak memory as a multiple of its size."""
    return [_row(dtype, pattern, megabytes) for dtype in ("float32", "int8") for pattern in PATTERNS]


def _row(dtype: str, pattern: str, megabytes: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    rows = megabytes * 1_000_000 // (np.dtype(dtype).itemsize * _COLUMNS) // 16 * 16
    values = with_zeros(rng, (rows, _COLUMNS), _ZEROS, PATTERNS[pattern])
    if dtype == "int8":
        values = (np.sign(values) * np.clip(np.ceil(np.abs(values) * 30), 0, 127)).astype(np.int8)
    found: dict[str, Any] = {"type": dtype, "pattern": pattern, "bytes": values.nbytes, "alone": {}}
    for name, encoding in ENCODINGS.items():
        found["alone"][name] = _cost(lambda: encode, lambda run, how=encoding: run(values, how), values.nbytes)
    model = fully_connected(values, normal(rng, rows))
    sparsify = DenseToSparsePass(target="size")
    found["pass"] = _cost(lambda: load_bytes(model), sparsify.run, values.nbytes)
    report = sparsify.run(load_bytes(model))
    considered = report.tables[TABLE]
    best = next(row for row in considered if row["verdict"] == "chosen")
    found |= {"considered": len(considered), "encoding": best["encoding"], "bytes_after": best["bytes_after"]}
    return found


def _cost(given: Callable[[], Any], work: Callable[[Any], Any], nbytes: int) -> dict[str, float]:
    """The best speed of some runs, and the additional peak memory of one more run; each run gets a new `given()`."""
    seconds = []
    for _ in range(_RUNS):
        value = given()
        began = time.thread_time()
        work(value)
        seconds.append(time.thread_time() - began)
    value = given()
    tracemalloc.start()
    work(value)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"mb_per_s": round(nbytes / 1e6 / min(seconds), 1), "peak": round(peak / nbytes, 3)}
