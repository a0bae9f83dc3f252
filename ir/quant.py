"""The `quant` dialect's uniform types, spelled as MLIR spells them.

```mlir
!quant.uniform<i8:f32, 0.5:3>                                per tensor: scale 0.5, zero point 3
!quant.uniform<i8<-127:127>:f32:0, {0.1,0.2}>                per axis 0, narrow range, zero points 0
!quant.uniform<i4:f32:{0:1,1:32}, {{0.1}, {0.2}}>            sub-channel: blocks of 1 x 32
```

A quantized value q stands for (q - zero_point) * scale (Jacob et al., arXiv:1712.05877, equation 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import AnyFloat, IntegerType, Signedness
from xdsl.ir import Attribute, Data, Dialect, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from tflir.ir.text import ELIDED, decimal, raw_list, refuse_elided, shown_items

_MAX_STORAGE_BITS = 32


class Layout:
    """Scales, zero points and the axes that they belong to; immutable, compared by value.

    `scales` is float64 (exact for every float32), `zero_points` int64, of one shape: `()` per tensor,
    `(n,)` per axis, one dimension for each of the tensor's for sub-channel. `axes` names the quantized
    axis or axes and `blocks` how many elements a block has along each (empty unless sub-channel).
    """

    __slots__ = ("_hash", "axes", "blocks", "scales", "zero_points")

    def __init__(
        self,
        scales: npt.ArrayLike,
        zero_points: npt.ArrayLike = 0,
        axes: Sequence[int] = (),
        blocks: Sequence[int] = (),
    ) -> None:
        self.scales = np.array(scales, np.float64)
        points = np.asarray(zero_points, np.int64)
        self.zero_points = np.array(np.broadcast_to(points, self.scales.shape))
        self.axes = tuple(axes)
        self.blocks = tuple(blocks)
        self.scales.setflags(write=False)
        self.zero_points.setflags(write=False)
        self._hash = hash((self.scales.tobytes(), self.zero_points.tobytes(), self.axes, self.blocks))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Layout)
            and self._hash == other._hash
            and self.axes == other.axes
            and self.blocks == other.blocks
            and np.array_equal(self.scales, other.scales)
            and np.array_equal(self.zero_points, other.zero_points)
        )

    def __repr__(self) -> str:
        return f"Layout({self.scales.size} scales, axes={self.axes}, blocks={self.blocks})"


def _float_text(value: float) -> str:
    """A decimal that MLIR's lexer accepts and reads back as the same double."""
    text = f"{value:.6e}"
    if float(text) != value:
        text = repr(value)
        if "e" in text and "." not in text:
            text = text.replace("e", ".0e")
    return text


def _entry(scale: float, zero_point: int) -> str:
    return _float_text(scale) if zero_point == 0 else f"{_float_text(scale)}:{zero_point}"


def _nested_entries(scales: npt.NDArray[Any], zero_points: npt.NDArray[Any], printer: Printer) -> str:
    if scales.ndim == 0:
        return _entry(float(scales), int(zero_points))
    inner = [_nested_entries(s, z, printer) for s, z in zip(scales, zero_points, strict=True)]
    return "{" + (", " if scales.ndim > 1 else ",").join(shown_items(inner, printer)) + "}"


@irdl_attr_definition
class LayoutAttr(Data[Layout]):
    """`Layout` as an attribute; it occurs only inside `!quant.uniform`."""

    name = "quant.layout"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Layout:
        """`:0, {…}`, `:{0:1,1:32}, {{…}}` or `, scale:zero_point`."""
        axes: list[int] = []
        blocks: list[int] = []
        if parser.parse_optional_punctuation(":"):
            if parser.parse_optional_punctuation("{"):
                while True:
                    axes.append(parser.parse_integer(allow_negative=False))
                    parser.parse_punctuation(":")
                    blocks.append(parser.parse_integer(allow_negative=False))
                    if not parser.parse_optional_punctuation(","):
                        break
                parser.parse_punctuation("}")
            else:
                axes.append(parser.parse_integer(allow_negative=False))
        parser.parse_punctuation(",")
        scales, points = cls._parse_entries(parser)
        try:
            return Layout(scales, points, axes, blocks)
        except ValueError:
            parser.raise_error("ragged scales in quantized type")

    @classmethod
    def _parse_entries(cls, parser: AttrParser) -> tuple[Any, Any]:
        at = parser.pos
        if (items := raw_list(parser, "{")) is not None:
            refuse_elided(parser, items, at)
            try:
                entries = [item.partition(":") for item in items]
                return [decimal(scale) for scale, _, _ in entries], [int(point or 0) for _, _, point in entries]
            except ValueError:
                parser.raise_error("expected scale:zero_point, the scale a decimal number", at)
        if parser.parse_optional_punctuation("{"):
            entries = [cls._parse_entries(parser)]
            while parser.parse_optional_punctuation(","):
                if parser.parse_optional_keyword(ELIDED) is not None:
                    refuse_elided(parser, [ELIDED], at)
                entries.append(cls._parse_entries(parser))
            parser.parse_punctuation("}")
            return [s for s, _ in entries], [z for _, z in entries]
        if parser.lexer.input.content.startswith(("0x", "0X"), at):
            parser.raise_error("a scale is a decimal number, not the bits of one", at)
        scale = float(parser.parse_number())
        point = parser.parse_integer() if parser.parse_optional_punctuation(":") else 0
        return scale, point

    def print_parameter(self, printer: Printer) -> None:
        layout = self.data
        if layout.blocks:
            pairs = ",".join(f"{a}:{b}" for a, b in zip(layout.axes, layout.blocks, strict=True))
            printer.print_string(f":{{{pairs}}}")
        elif layout.axes:
            printer.print_string(f":{layout.axes[0]}")
        printer.print_string(", ")
        printer.print_string(_nested_entries(layout.scales, layout.zero_points, printer))


def _storage_bounds(storage: IntegerType, narrow: bool = False) -> tuple[int, int]:
    width = storage.width.data
    if storage.signedness.data is Signedness.UNSIGNED:
        return int(narrow), (1 << width) - 1
    return -(1 << (width - 1)) + int(narrow), (1 << (width - 1)) - 1


@irdl_attr_definition
class RangeAttr(Data[tuple[int, int]]):
    """Smallest and largest stored value; it occurs only inside `!quant.uniform`."""

    name = "quant.range"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> tuple[int, int]:
        low = parser.parse_integer()
        parser.parse_punctuation(":")
        return low, parser.parse_integer()

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(f"{self.data[0]}:{self.data[1]}")


@irdl_attr_definition
class UniformQuantizedType(ParametrizedAttribute, TypeAttribute):
    """`!quant.uniform`: per-tensor, per-axis or sub-channel, told apart by the layout.

    `storage` is signless for signed storage (`i8`) and unsigned otherwise (`u8` in text, as in MLIR).
    """

    name = "quant.uniform"

    storage: IntegerType = param_def()
    expressed: Attribute = param_def()
    range: RangeAttr = param_def()
    layout_attr: LayoutAttr = param_def()

    @staticmethod
    def get(
        storage: IntegerType,
        expressed: AnyFloat,
        layout: Layout,
        *,
        narrow: bool = False,
        bounds: tuple[int, int] | None = None,
    ) -> UniformQuantizedType:
        """The type of `storage` integers. `bounds` (smallest, largest) defaults to all of them; `narrow` excludes the
        lowest.
        """
        limits = bounds or _storage_bounds(storage, narrow)
        return UniformQuantizedType(storage, expressed, RangeAttr(limits), LayoutAttr(layout))

    @property
    def layout(self) -> Layout:
        return self.layout_attr.data

    @property
    def is_per_axis(self) -> bool:
        return bool(self.layout.axes) and not self.layout.blocks

    @property
    def is_unsigned(self) -> bool:
        return self.storage.signedness.data is Signedness.UNSIGNED

    @property
    def is_narrow(self) -> bool:
        """Whether the lowest storage value is excluded."""
        return self.range.data == _storage_bounds(self.storage, narrow=True)

    def verify(self) -> None:
        if not 1 <= self.storage.width.data <= _MAX_STORAGE_BITS:
            raise VerifyException(f"quant.uniform: storage of {self.storage.width.data} bits: 1 to 32 are possible")
        low, high = self.range.data
        least, most = _storage_bounds(self.storage)
        if not least <= low < high <= most:
            raise VerifyException(f"quant.uniform: range {low}:{high} does not fit {self.storage}")
        scales = self.layout.scales
        with np.errstate(over="ignore", under="ignore"):
            narrow = scales.astype(np.float32)
        if not (np.isfinite(narrow).all() and (narrow > 0).all()):
            raise VerifyException("quant.uniform: every scale must be finite and above 0, in float32 too")
        layout = self.layout
        if layout.blocks and scales.ndim == 0:
            raise VerifyException("quant.uniform: sub-channel scales must be nested in braces")
        if layout.axes and not layout.blocks and scales.ndim != 1:
            raise VerifyException("quant.uniform: per-axis scales must be one list in braces")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            storage = _parse_storage(parser)
            if parser.parse_optional_punctuation("<"):
                bounds = RangeAttr.parse_parameter(parser)
                parser.parse_punctuation(">")
            else:
                bounds = _storage_bounds(storage)
            parser.parse_punctuation(":")
            expressed = parser.parse_type()
            layout = LayoutAttr.parse_parameter(parser)
        return [storage, expressed, RangeAttr(bounds), LayoutAttr(layout)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{'u' if self.is_unsigned else 'i'}{self.storage.width.data}")
            if self.range.data != _storage_bounds(self.storage):
                printer.print_string(f"<{self.range.data[0]}:{self.range.data[1]}>")
            printer.print_string(":")
            printer.print_attribute(self.expressed)
            self.layout_attr.print_parameter(printer)


def _parse_storage(parser: AttrParser) -> IntegerType:
    at = parser.pos
    word = parser.parse_identifier(" for the storage type")
    if word[:1] in ("i", "u") and word[1:].isdecimal() and len(word) <= 3:
        return IntegerType(int(word[1:]), Signedness.UNSIGNED if word[0] == "u" else Signedness.SIGNLESS)
    parser.raise_error("expected a storage type such as i8 or u8", at)


QUANT = Dialect("quant", [], [UniformQuantizedType])
