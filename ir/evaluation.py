"""Computes the results of an op with constant operands, for passes that replace ops by constants.

Passes call `evaluate` and do not import an interpreter: the program that combines passes with backends chooses one by
`provide`. tflir's commands, its API and its passes in `xdsl-opt` provide the reference interpreter.

```python
results = evaluate(op, [as_numpy(constant.value)])  # None: runtimes may compute other bits, so keep the op
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
from xdsl.ir import Operation

Array = npt.NDArray[Any]
Evaluator = Callable[[Operation, Sequence[Array | None]], Sequence[Array] | None]
"""Computes the results of an op from the arrays of its operands, in their storage types; an absent operand is None."""

_loaders: list[Callable[[], Evaluator]] = []
_loaded: list[Evaluator] = []


def provide(load: Callable[[], Evaluator]) -> None:
    """Sets the evaluator; `load`, which returns it, is called at the first evaluation, so that nothing is imported
    before.
    """
    _loaders[:] = [load]
    _loaded.clear()


def evaluate(op: Operation, operands: Sequence[Array | None]) -> Sequence[Array] | None:
    """The results of `op`; None if runtimes may compute other bits, or if no evaluator is set.

    Results are in their storage types and of the shapes that follow from the operands.
    """
    if not _loaded:
        _loaded.extend(load() for load in _loaders)
    return _loaded[0](op, operands) if _loaded else None
