"""The work of an op in pieces: a recurrent layer does the same at every step, and an LSTM has kernels of its own.

```
tfl.unidirectional_sequence_lstm   1x8x16, 32 units    Work("LSTM", "f32", (1, 48, 32))    8 times
tfl.svdf                           1x16, 8 filters     Work("FULLY_CONNECTED", "f32", (1, 16, 8)) ...
```
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from xdsl.ir import Operation, SSAValue

from tflir.ir.targets.kinds import ABSENT
from tflir.ir.targets.latency.work import MALFORMED, Work, count_of, plain_kind, plain_kind_of, sized, work_of
from tflir.ir.targets.site import Site, is_stored, operator_of, shape_in_file
from tflir.ir.targets.target import Target

_ANY = Target("", "", ())
_LSTM = {"LSTM": (0,), "UNIDIRECTIONAL_SEQUENCE_LSTM": (0,), "BIDIRECTIONAL_SEQUENCE_LSTM": (0, 17)}
"""Where the operands of each direction start."""
_INPUT, _STATE, _PROJECTION = 4, 8, 16
"""The output gate's weights of the input and of the state, and the projection, counted from there."""
_RECURRENT = ("UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "RNN", "SVDF", *_LSTM)
_GATES = 4
_GATE_OPS = ("LOGISTIC", "MUL")


def parts_of(op: Operation) -> list[tuple[Work, int]]:
    """The work of an op, in pieces that are measured, and how often each is done.

    A recurrent layer other than an LSTM multiplies the input and its state by each of its weights at every step, as
    fully connected ops do.
    """
    operator = operator_of(op)
    if operator in _RECURRENT:
        with contextlib.suppress(*MALFORMED):
            return _recurrent(op, operator)
    return [(work_of(op), 1)]


def _recurrent(op: Operation, operator: str) -> list[tuple[Work, int]]:
    site = Site(op, _ANY)
    shape = site.shape(0)
    steps = shape[0 if site.option("time_major") else 1] if len(shape) == 3 else 1
    batch = max(math.prod(shape[:-1]) // max(steps, 1), 1)
    starts = _LSTM.get(operator, ())
    if starts and len(site.inputs) > _PROJECTION:  # a basic LSTM has five operands
        return [(work, steps) for start in starts for work in _cells(site, start, batch)]
    products = [(_product(site, value, batch), steps) for value in site.inputs[1:] if _is_matrix(value)]
    results = count_of(op.results[0]) // max(steps, 1)
    return [*products, *((sized(each, plain_kind(site), results), _GATES * steps) for each in _GATE_OPS)]


def _cells(site: Site, start: int, batch: int) -> Iterator[Work]:
    """One step of an LSTM in one direction, and of its projection."""
    ways = [site.inputs[start + index] for index in (_INPUT, _STATE)]
    depth = sum(_matrix(value)[1] for value in ways)
    yield sized("LSTM", _weighted(site, ways[0]), batch, depth, _matrix(ways[0])[0])
    if site.kinds[start + _PROJECTION] != ABSENT:
        yield _product(site, site.inputs[start + _PROJECTION], batch)


def _product(site: Site, weight: SSAValue, batch: int) -> Work:
    rows, columns = _matrix(weight)
    return sized("FULLY_CONNECTED", _weighted(site, weight), batch, columns, rows)


def _matrix(value: SSAValue) -> tuple[int, int]:
    """The rows and columns of a weight; those of a diagonal one, a vector, count as a matrix of one column."""
    rows, columns = (*shape_in_file(value), 1, 1)[:2]
    return rows, columns


def _weighted(site: Site, weight: SSAValue) -> str:
    first, second = plain_kind(site), plain_kind_of(weight)
    return first if first == second else f"{first}*{second}"


def _is_matrix(value: SSAValue) -> bool:
    return len(shape_in_file(value)) == 2 and is_stored(value)
