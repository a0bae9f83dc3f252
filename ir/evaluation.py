"""The value of an op whose operands are known, for passes that put constants in the place of ops.

Passes ask here and know no interpreter: the program that is put together of passes and backends says by `provide` who
computes. tflir's commands, its API and its passes in `xdsl-opt` provide the reference interpreter.

```python
results = evaluate(op, [as_numpy(constant.value)])  # None: can't be computed to the bit, so the op stays
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
from xdsl.ir import Operation

Array = npt.NDArray[Any]
Evaluator = Callable[[Operation, Sequence[Array | None]], Sequence[Array] | None]
"""The results of an op for arrays of its operands in their storage types, None for one that is absent."""

_loaders: list[Callable[[], Evaluator]] = []
_loaded: list[Evaluator] = []


def provide(load: Callable[[], Evaluator]) -> None:
    """Says who computes; `load` is called at the first evaluation, so that nothing is imported before."""
    _loaders[:] = [load]
    _loaded.clear()


def evaluate(op: Operation, operands: Sequence[Array | None]) -> Sequence[Array] | None:
    """The results of `op` where they are those of every runtime to the bit; None where not, or nobody computes.

    Results are in storage types and of the shapes that the operands give.
    """
    if not _loaded:
        _loaded.extend(load() for load in _loaders)
    return _loaded[0](op, operands) if _loaded else None
