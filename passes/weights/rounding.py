"""Chooses scales and integers for the weights of one layer, by the kind that was decided for them."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tflir.ir.weight_kind import WeightKind
from tflir.passes.weights.gptq import Factors, gptq, noise
from tflir.passes.weights.reading import Float64
from tflir.passes.weights.scales import SCALES, ends, least_squares, range_scales, rounded

_DAMPINGS = (0.01, 0.1, 1.0)
"""What is tried of the damping of GPTQ, as a part of the mean of the diagonal of the second moments."""
_SUBTLE = 8
"""How many times the least scale of a block the largest one must be: smaller ones become the least."""
_EXACT = 1e-3
"""The largest deviation of a weight from a multiple of its scale, in scales, that counts as none."""
_CAUTIOUS = 0.1
"""The damping without data to check it."""
_NEAREST = math.inf
"""The damping with which nothing is made up for: each weight is rounded to nearest."""
_FEW_ROWS = 8
"""Of fewer rows, noise that is less on them may be more on others."""
_DEPENDENT = 1e-6
"""The part of the largest eigenvalue that counts as 0: moments are of single precision."""
HELD_OUT = 4
"""Of this many samples one is held out, to check what is chosen by the others."""
_TRIED = ("minmax", "mse")
"""The scales of which GPTQ takes, for each channel, those that leave the smaller error."""


@dataclass(frozen=True)
class Rounded:
    """Weights of shape `(channels, columns)` on a grid."""

    values: Float64
    """The multiples of the scales."""
    scales: Float64
    """`()` for one scale, `(channels,)`, or `(channels, blocks)`."""
    nearest: bool = False
    """Whether GPTQ was asked for and rounding to nearest errs less on the data that was held out."""
    points: Float64 | None = None
    """The zero points, of the shape of the scales; None: all are 0."""

    def is_exact(self, rows: Float64) -> bool:
        """Whether the values are the weights `rows` but for a thousandth of a step."""
        errors = np.abs(self.values - rows) / _spread(self.scales, self.values.shape)
        return not errors.size or float(errors.max()) < _EXACT

    def integers(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
        """The stored integers, of the shape of the values."""
        multiples = np.rint(self.values / _spread(self.scales, self.values.shape))
        return (multiples if self.points is None else multiples + self.points.reshape(-1, 1)).astype(np.int8)


@dataclass
class Memo:
    """What was rounded, by a hash of all that it depends on, and the last factors of second moments."""

    most_bytes: int | None = None
    """The most bytes of rounded weights that are kept; None: no limit, 0: nothing is looked up or kept."""
    rounded: dict[bytes, Rounded] = field(default_factory=dict[bytes, Rounded])
    factors: dict[tuple[bytes, float], Factors] = field(default_factory=dict[tuple[bytes, float], Factors])
    _bytes: int = 0

    def rounded_as(self, key: bytes, make: Callable[[], Rounded]) -> Rounded:
        """What was rounded for `key`, or else what `make` gives."""
        if (found := self.rounded.get(key)) is not None:
            return found
        made = make()
        if self.most_bytes is None or self._bytes + made.values.nbytes <= self.most_bytes:
            self._bytes += made.values.nbytes
            self.rounded[key] = made
        return made

    def factors_of(self, moments: Float64) -> Callable[[float], Factors]:
        """`Factors.of` the moments with a given damping. Those of the last layer are held."""
        digest = _digest("", moments)

        def of(damping: float) -> Factors:
            key = digest, damping
            if key not in self.factors:
                while len(self.factors) > len(_DAMPINGS):
                    del self.factors[next(iter(self.factors))]
                self.factors[key] = Factors.of(moments, damping)
            return self.factors[key]

        return of


_memo: ContextVar[Memo | None] = ContextVar("memo", default=None)


def _digest(text: str, *parts: Float64 | None) -> bytes:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for part in parts:
        digest.update(b"|" if part is None else np.ascontiguousarray(part).data)
    return digest.digest()


@contextlib.contextmanager
def remembered(memo: Memo) -> Generator[Memo]:
    """Lets `round_rows` take from `memo` what it rounded already, and add to it: a search rounds the same weights for
    many models.
    """
    token = _memo.set(memo)
    try:
        yield memo
    finally:
        _memo.reset(token)


def largest_integer(kind: WeightKind) -> int:
    """127, 7 or 1: ranges are symmetric."""
    return (1 << (kind.bits - 1)) - 1


def round_rows(
    rows: Float64,
    kind: WeightKind,
    algorithm: str,
    moments: Float64 | None = None,
    check: Float64 | None = None,
    *,
    keep_zeros: bool = False,
) -> Rounded:
    """Rounds weights of shape `(channels, columns)` by an algorithm: minmax, mse, octav, recover, or gptq.

    `gptq` takes the second moments of what the layer reads; `check` has those of data that was held out. With
    `keep_zeros`, weights that are 0 stay 0.
    """
    grid = f"{kind.bits}|{kind.granularity}|{kind.block}|{kind.symmetric}"  # whatever the form that is stored
    text = f"{grid}|{algorithm}|{rows.shape}|{keep_zeros}"
    return once(lambda: _round_rows(rows, kind, algorithm, moments, check, keep_zeros), text, rows, moments, check)


def once(make: Callable[[], Rounded], text: str, *parts: Float64 | None) -> Rounded:
    """What `make` gives, which depends on the text and the arrays alone, or what it gave for them before."""
    memo = _active()
    return make() if memo is None else memo.rounded_as(_digest(text, *parts), make)


def _active() -> Memo | None:
    """The memo that holds something."""
    memo = _memo.get()
    return None if memo is None or memo.most_bytes == 0 else memo


def _round_rows(
    rows: Float64, kind: WeightKind, algorithm: str, moments: Float64 | None, check: Float64 | None, keep_zeros: bool
) -> Rounded:
    most = largest_integer(kind)

    def nearest(scales: Float64, points: Float64 | None, *, instead: bool = False) -> Rounded:
        least, last = ends(most, None if points is None else points.reshape(-1, 1))
        return Rounded(rounded(rows, _spread(scales, rows.shape), last, least), scales, instead, points)

    if algorithm != "gptq" or moments is None:
        return nearest(*_grid(rows, kind, "minmax" if algorithm == "gptq" else algorithm))
    tried = [_grid(rows, kind, name) for name in _TRIED]

    def attempt(factors: Factors, seen: Float64, damping: float) -> Rounded:
        ways: list[Rounded] = []
        for scales, points in tried:
            values = gptq(rows, _spread(scales, rows.shape), factors, most, points, keep_zeros=keep_zeros)
            ways.append(Rounded(values, scales, points=points))
        return _best(rows, ways, seen, damping)

    return tuned(rows, nearest(*tried[0], instead=True), attempt, moments, check)


def tuned(
    rows: Float64,
    plain: Rounded,
    attempt: Callable[[Factors, Float64, float], Rounded],
    moments: Float64,
    check: Float64 | None,
) -> Rounded:
    """The result of `attempt`, which is GPTQ with given factors, moments and damping; or `plain` if that errs less.

    The damping is the one that errs least on data that was held out.

    From few samples, moments hold chance correlations, from which more damping protects. Where few rows were held out,
    less damping must err less by more than chance. With the damping chosen, GPTQ runs again on all the data.
    """
    factors = _factors_of(moments)
    if check is None:
        return attempt(factors(_CAUTIOUS), moments, _CAUTIOUS)
    noises = {_NEAREST: noise(plain.values - rows, check)}
    least = _NEAREST
    for damping in _DAMPINGS:
        noises[damping] = noise(attempt(factors(damping), moments, damping).values - rows, check)
        if noises[damping].sum() < noises[least].sum():
            least = damping
        elif least < _NEAREST:
            break  # more damping only takes more away
    chosen = _confirmed(noises, least) if _is_of_few_rows(check) else least
    if chosen == _NEAREST:
        return plain
    together = moments + (check - moments) / HELD_OUT
    return attempt(_factors_of(together)(chosen), together, chosen)


def _confirmed(noises: Mapping[float, Float64], least: float) -> float:
    """The largest damping over which the damping `least` gains no more than by chance: `least` itself, or a larger one.

    `noises` has the noise of each channel for each damping. A gain is more than chance if the logarithms of the ratios
    of noises have a mean over the channels of more than two standard errors.
    """
    for damping in sorted(noises, reverse=True):
        both = (noises[damping] > 0) & (noises[least] > 0)
        gains = np.log(noises[damping][both] / noises[least][both])
        if damping == least or len(gains) < 2 or gains.mean() <= 2 * gains.std(ddof=1) / math.sqrt(len(gains)):
            return damping
    return least


def _is_of_few_rows(moments: Float64) -> bool:
    """Whether second moments are of less than `_FEW_ROWS` rows: so many random combinations of their columns are not
    independent then. Moments of single channels are of convolutions, which read many rows of each sample.
    """
    if moments.ndim != 2 or len(moments) <= _FEW_ROWS:
        return False
    mixed = np.random.default_rng(0).standard_normal((len(moments), _FEW_ROWS))
    spectrum = np.linalg.eigvalsh(mixed.T @ moments @ mixed)
    return bool(spectrum[0] < _DEPENDENT * spectrum[-1])


def _factors_of(moments: Float64) -> Callable[[float], Factors]:
    """`Factors.of` the moments with a given damping."""
    memo = _active()
    return partial(Factors.of, moments) if memo is None else memo.factors_of(moments)


def _best(rows: Float64, tried: list[Rounded], moments: Float64, damping: float) -> Rounded:
    """For each channel the grid of the least error with damped moments; one for all channels if they share a scale."""
    errors = np.stack([noise(one.values - rows, moments, damping) for one in tried])
    if tried[0].scales.ndim == 0:
        return tried[int(errors.sum(axis=1).argmin())]
    choice = errors.argmin(axis=0)
    channels = np.arange(len(rows))
    values = np.stack([one.values for one in tried])[choice, channels]
    return Rounded(values, np.stack([one.scales for one in tried])[choice, channels], points=tried[0].points)


def _grid(rows: Float64, kind: WeightKind, name: str) -> tuple[Float64, Float64 | None]:
    """The scales and, of asymmetric weights, the zero points."""
    return (_scales(rows, kind, name), None) if kind.symmetric else _asymmetric(rows, kind, name)


def _scales(rows: Float64, kind: WeightKind, name: str) -> Float64:
    """The scales in the precision in which the file holds them: float16 for blocks, else float32."""
    made = SCALES[name]
    most = largest_integer(kind)
    if kind.granularity == "tensor":
        return made(rows.reshape(1, -1), most).astype(np.float32).astype(np.float64)[0]
    if kind.granularity == "channel":
        return made(rows, most).astype(np.float32).astype(np.float64)
    limits = np.finfo(np.float16)
    scales = made(rows.reshape(-1, kind.block), most).reshape(len(rows), -1)
    return np.clip(scales, limits.tiny, limits.max).astype(np.float16).astype(np.float64)


def blocks_hold(rows: Float64, kind: WeightKind) -> bool:
    """Whether float16, of which the scales of blocks are, holds the largest of them without loss of precision."""
    limits = np.finfo(np.float16)
    largest = float(np.abs(rows).max(initial=0.0)) / largest_integer(kind)
    return not largest or _SUBTLE * float(limits.tiny) < largest <= float(limits.max)


def _asymmetric(rows: Float64, kind: WeightKind, name: str) -> tuple[Float64, Float64]:
    """Scales and zero points that cover the weights and 0: of all weights, shape `()`, or of each channel.

    A scale of the least squared error clips at both ends alike.
    """
    most, whole = largest_integer(kind), kind.granularity == "tensor"
    groups = rows.reshape(1, -1) if whole else rows
    scales, points = range_scales(groups, -most - 1, most)
    if name == "mse":
        scales = least_squares(groups, scales, -most - 1 - points, most - points)
        scales = scales.astype(np.float32).astype(np.float64)
    return (scales[0], points[0]) if whole else (scales, points)


def _spread(scales: Float64, shape: tuple[int, ...]) -> Float64:
    """Scales as they broadcast to weights of shape `(channels, columns)`."""
    if scales.ndim == 2:
        return np.repeat(scales, shape[1] // scales.shape[1], axis=1)
    return scales.reshape(-1, 1)
