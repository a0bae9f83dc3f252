"""Recorded ranges outside a module: they are merged, written to a file, and recorded on a module."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from tflir.backends.files import whole_file
from tflir.content import STDIN, read_content, read_stdin
from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, elements
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.histogram import FINITE, Histogram
from tflir.ir.option_words import WITHOUT_HISTOGRAMS
from tflir.ir.statistics import Range, set_ranges, with_range
from tflir.ir.tfl.recurrent import INTERMEDIATES
from tflir.passes.calibration.contamination import contaminated
from tflir.passes.calibration.logged import values_of
from tflir.passes.calibration.methods import (
    CLIPPING,
    MARGIN,
    MINMAX,
    PERCENTILE,
    RangeMethod,
    with_margin,
)

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

T = TypeVar("T")
Span = tuple[float, float]
Key = tuple[str, int]
Channels = tuple[tuple[float, ...], tuple[float, ...]]
"""The smallest and the largest element of each channel of a value, an index of its last dimension."""
_FORMAT = "tflir statistics"
_RANGES, _HISTOGRAMS, _CHANNELS = 1, 2, 3
"""Versions of the file: the second has histograms too; the third has channels, and may have histograms."""
_MOST_BYTES = 1 << 28
"""The most bytes of a statistics file: a million tensors take less, or ten thousand with histograms."""
_LARGEST_COUNT = 2**63 - 1
_EDGE = 64
"""The fingerprint includes this many bytes from each end of a constant."""
_LEAST_MAXIMUM = float(np.finfo(np.float32).tiny)
"""The initial value of TensorFlow's running maximum."""


@dataclass(frozen=True)
class Recorded:
    """Ranges by (function, position); see `logged.values_of` for positions.

    They are the ranges of the tensors; `apply` can derive TensorFlow's from them. Merging is exact in any order.
    """

    model: str
    """The fingerprint of the model that the ranges belong to."""
    samples: int = 0
    ranges: dict[Key, Span] = field(default_factory=dict[Key, Span])
    inner: dict[Key, list[Span | None]] = field(default_factory=dict[Key, list[Span | None]])
    """Ranges of the five intermediate tensors of an LSTM op, by the position of its result."""
    histograms: dict[Key, Histogram] | None = None
    """Of those values that could be read while the model ran; None if no histograms were recorded."""
    channels: dict[Key, Channels] | None = None
    """Of those values whose channels equalization may scale; None if they were not recorded."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What looks wrong in the data, a line each; not part of the file."""

    def merged(self, other: Recorded) -> Recorded:
        """The ranges that contain both. Raises `Error` if they belong to different models.

        There are histograms only if both have them, and channels likewise.
        """
        if self.model != other.model:
            raise Error("are statistics of another model", hint="calibrate the same file")
        ranges = dict(self.ranges)
        for key, span in other.ranges.items():
            ranges[key] = _union(ranges.get(key), span)
        inner = {key: list(spans) for key, spans in self.inner.items()}
        for key, spans in other.inner.items():
            held = inner.get(key, [None] * len(spans))
            inner[key] = [_union(a, b) if a and b else a or b for a, b in zip(held, spans, strict=True)]
        histograms = _together(self.histograms, other.histograms, Histogram.merged)
        channels = _together(self.channels, other.channels, _wider)
        return Recorded(self.model, self.samples + other.samples, ranges, inner, histograms, channels)

    def chosen(self, method: RangeMethod) -> dict[Key, Span]:
        """The ranges that a method chooses; those of values without a histogram are as recorded.

        Raises `Error` if the method needs histograms and none were recorded.
        """
        self.check_for(method.name)
        if method.name == MARGIN:
            return {key: with_margin(span, self.samples) for key, span in self.ranges.items()}
        found = {} if method.name == MINMAX or self.histograms is None else self.histograms
        return {key: method.span(found[key], span) if key in found else span for key, span in self.ranges.items()}

    def apply(
        self,
        module: ModuleOp,
        *,
        tf_compat: bool = False,
        method: str = MINMAX,
        percentile: float = PERCENTILE,
        bits: int = 8,
        clipping: float = CLIPPING,
    ) -> None:
        """Records ranges on the values of `module`, replacing those that it has.

        `tf_compat`: changed as by TensorFlow's calibrator. `method`, `percentile` and `clipping` choose ranges for
        activations of `bits` bits, as `RangeMethod` says; `margin` leaves those of functions' arguments, which are the
        data's own. Raises `Error` if the statistics belong to another model, or if the method needs histograms and they
        have none.
        """
        self.check(module)
        chosen = self.chosen(RangeMethod(method, percentile, bits, clipping))
        for function in functions(module):
            name = function.sym_name.data
            ranges: dict[SSAValue, Range] = {}
            for position, value in enumerate(values_of(function)):
                known = self.ranges if method == MARGIN and isinstance(value, BlockArgument) else chosen
                if (span := known.get((name, position))) is not None:
                    ranges[value] = Range(*span)
                if (spans := self.inner.get((name, position))) is not None and isinstance(value, OpResult):
                    _set_intermediates(value.op, spans)
            if tf_compat:
                ranges = contaminated(function, ranges)
                ranges = {value: Range(one.low, max(one.high, _LEAST_MAXIMUM)) for value, one in ranges.items()}
            set_ranges(function, dict(ranges))

    def apply_channels(self, module: ModuleOp) -> None:
        """Records the extremes of channels on the ops that make the values. Raises `Error` if the statistics belong to
        another model, or if they have none.
        """
        self.check(module)
        if self.channels is None:
            what = "has no ranges of channels, from which --equalize chooses scales"
            raise Error(what, hint="calibrate again with --equalize on")
        for function in functions(module):
            for position, value in enumerate(values_of(function)):
                both = self.channels.get((function.sym_name.data, position))
                if both and both[0] and isinstance(value, OpResult) and len(value.op.results) == 1:
                    value.op.attributes[names.CHANNEL_RANGES] = elements(np.array(both, np.float32))

    def check(self, module: ModuleOp) -> None:
        """Raises `Error` if the ranges belong to another model, or to tensors that the module does not have."""
        if fingerprint(module) != self.model:
            raise Error("the statistics are of another model", hint="calibrate this one")
        sizes = {function.sym_name.data: sum(1 for _ in values_of(function)) for function in functions(module)}
        for name, position in (*self.ranges, *self.inner):
            if name not in sizes:
                raise Error(f"has ranges of a function '{name}', which the model lacks", hint="calibrate this model")
            if position >= sizes[name]:
                what = f"has a range of value {position} of '{name}', which has {sizes[name]}"
                raise Error(what, hint="calibrate this model")

    def check_for(self, method: str) -> None:
        """Raises `Error` if the method needs histograms and none were recorded."""
        if method not in WITHOUT_HISTOGRAMS and self.histograms is None:
            what = f"has no histograms, from which --calibration-method {method} chooses ranges"
            raise Error(what, hint=f"calibrate again with --calibration-method {method}")

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes a JSON file; its numbers read back to the same floats."""
        with whole_file(path) as out:
            out.write(self.text())

    @property
    def _version(self) -> int:
        """The first version of the file that can hold what there is."""
        if self.channels is not None:
            return _CHANNELS
        return _RANGES if self.histograms is None else _HISTOGRAMS

    def text(self) -> bytes:
        """The content of the file."""
        document: dict[str, Any] = {
            "format": _FORMAT,
            "version": self._version,
            "model": self.model,
            "samples": self.samples,
            "ranges": [[*key, *span] for key, span in sorted(self.ranges.items())],
            "intermediates": [[*key, spans] for key, spans in sorted(self.inner.items())],
        }
        if self.histograms is not None:
            document["histograms"] = [
                [*key, one.zeros, one.bins, one.counts] for key, one in sorted(self.histograms.items())
            ]
        if self.channels is not None:
            document["channels"] = [[*key, *both] for key, both in sorted(self.channels.items())]
        return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def _union(a: Span | None, b: Span) -> Span:
    return b if a is None else (min(a[0], b[0]), max(a[1], b[1]))


def _together(a: dict[Key, T] | None, b: dict[Key, T] | None, merge: Callable[[T, T], T]) -> dict[Key, T] | None:
    if a is None or b is None:
        return None
    return a | {key: merge(a[key], one) if key in a else one for key, one in b.items()}


def _wider(a: Channels, b: Channels) -> Channels:
    """The extremes of both; none where they do not have the same channels."""
    if len(a[0]) != len(b[0]):
        return (), ()
    return tuple(map(min, a[0], b[0])), tuple(map(max, a[1], b[1]))


def channels_of(extremes: npt.NDArray[np.float32]) -> Channels:
    """Extremes of shape `(2, channels)`."""
    lows, highs = extremes.tolist()
    return tuple(lows), tuple(highs)


def read_recorded(paths: Sequence[Any], module: ModuleOp | None = None, *, method: str = MINMAX) -> Recorded:
    """The statistics of one or more files, merged.

    Raises `Error` if one is not such a file, or not of `module`, or lacks the histograms that `method` needs.
    """
    merged: Recorded | None = None
    for path in paths:
        recorded = _read(path)
        try:
            if module is not None:
                recorded.check(module)
            recorded.check_for(method)
            merged = recorded if merged is None else merged.merged(recorded)
        except Error as error:
            error.file = str(path)
            raise
    assert merged is not None
    if module is not None and not merged.samples:
        raise Error("has no samples", file=str(paths[0]), hint="calibrate with at least one")
    return merged


def _read(path: Any) -> Recorded:
    kind = "statistics file"
    return parsed(read_stdin(kind) if path == STDIN else read_content(path, kind, _MOST_BYTES), path)


def parsed(content: bytes, path: Any) -> Recorded:
    """The statistics in the content of a file, as `Recorded.text` gives it.

    Raises `Error`, which names `path`, if it is something else.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Error("is no statistics file", file=str(path), hint="make one with tflir calibrate") from None
    try:
        version = _count(document["version"])
        if document["format"] != _FORMAT or version not in (_RANGES, _HISTOGRAMS, _CHANNELS):
            raise ValueError
        ranges = {(str(name), _count(at)): _span((low, high)) for name, at, low, high in document["ranges"]}
        inner = {
            (str(name), _count(at)): [None if span is None else _span(span) for span in spans]
            for name, at, spans in document["intermediates"]
        }
        if any(len(spans) != len(INTERMEDIATES) for spans in inner.values()):
            raise ValueError
        if (ranges or inner) and not document["samples"]:
            raise ValueError
        has_histograms = version == _HISTOGRAMS or (version == _CHANNELS and "histograms" in document)
        histograms = _histograms(document["histograms"]) if has_histograms else None
        channels = _channels(document["channels"]) if version == _CHANNELS else None
        if not {*(histograms or ()), *(channels or ())} <= ranges.keys():
            raise ValueError
        return Recorded(str(document["model"]), _count(document["samples"]), ranges, inner, histograms, channels)
    except (ArithmeticError, KeyError, TypeError, ValueError):  # including numbers that are too large for a float
        raise Error("is no statistics file of this version", file=str(path), hint="make it anew") from None


def _count(value: Any) -> int:
    """A non-negative integer. Raises `ValueError` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_COUNT:
        raise ValueError
    return value


def _span(values: Any) -> Span:
    if any(type(value) not in (int, float) for value in values):
        raise ValueError
    with np.errstate(over="ignore"):
        low, high = (float(np.float32(float(value))) for value in values)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError
    return low, high


def _histograms(records: Any) -> dict[Key, Histogram]:
    found: dict[Key, Histogram] = {}
    for name, at, zeros, bins, counts in records:
        numbers: list[int] = list(bins)
        if any(type(number) is not int or not -FINITE <= number < FINITE for number in numbers):
            raise ValueError
        if any(a >= b for a, b in itertools.pairwise(numbers)) or len(numbers) != len(counts) or 0 in counts:
            raise ValueError
        one = Histogram(_count(zeros), tuple(numbers), tuple(_count(count) for count in counts))
        if not 0 < one.count <= _LARGEST_COUNT:
            raise ValueError
        found[str(name), _count(at)] = one
    return found


def _channels(records: Any) -> dict[Key, Channels]:
    found: dict[Key, Channels] = {}
    for name, at, lows, highs in records:
        spans = [_span(pair) for pair in zip(lows, highs, strict=True)]
        found[str(name), _count(at)] = tuple(low for low, _ in spans), tuple(high for _, high in spans)
    return found


def _set_intermediates(op: Operation, spans: Sequence[Span | None]) -> None:
    held = op.attributes.get(names.INTERMEDIATES)
    items: list[DictionaryAttr] = (
        list(cast("ArrayAttr[DictionaryAttr]", held))
        if isinstance(held, ArrayAttr)
        else [_empty_intermediate(name) for name in INTERMEDIATES]
    )
    records: list[Attribute] = []
    for item, span in zip(items, spans, strict=False):
        extras = with_range(item.data.get("tensor"), None if span is None else Range(*span))
        records.append(DictionaryAttr(dict(item.data) | ({"tensor": extras} if extras is not None else {})))
    op.attributes[names.INTERMEDIATES] = ArrayAttr(records)


def _empty_intermediate(name: str) -> DictionaryAttr:
    """The record of a tensor without data that only has a range."""
    value = elements(np.zeros(0, np.float32))
    return DictionaryAttr({"type": value.type, "name": StringAttr(name), "value": value})


def _encoded(name: str) -> bytes:
    """The bytes of a name; names in a file may have bytes that are not UTF-8."""
    return name.encode("utf-8", "backslashreplace")


def fingerprint(module: ModuleOp) -> str:
    """A hash of a model: the names of its functions, the types of their arguments, the kinds of the ops in them, the
    names of the ops' results, and the sizes and the first and last bytes of constants.

    Options of ops, the types of results, and ops in regions do not count.
    """
    digest = hashlib.sha256()
    for function in functions(module):
        digest.update(_encoded(function.sym_name.data))
        for argument in function.body.block.args:
            digest.update(str(argument.type).encode())
        for op in function.body.block.ops:
            digest.update(op.name.encode())
            for value in op.results:
                digest.update(_encoded(f"{names.name_of(value)}|"))
            held = op.properties.get("value")
            if isinstance(held, ArrayElementsAttr):
                data = held.blob.view()
                digest.update(data.nbytes.to_bytes(8, "little") + data[:_EDGE].tobytes() + data[-_EDGE:].tobytes())
    return digest.hexdigest()[:32]
