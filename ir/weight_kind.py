"""The form that an op's weights shall have in the file: the discardable attribute `tfl.weight_kind` of the op."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from xdsl.dialects.builtin import BoolAttr, DictionaryAttr, IntegerAttr, StringAttr, i32
from xdsl.ir import Attribute, Operation

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.option_words import WEIGHT_ALGORITHMS

WEIGHT_KIND = "tfl.weight_kind"
"""The attribute's name."""
BITS = (8, 4, 2)
FLOAT16 = 16
"""The bits of float16 weights, which have no scales."""
GRANULARITIES = ("tensor", "channel", "block")
BLOCKS = (32, 64, 128, 256)
_SYMMETRIC = ("octav", "recover")
"""Algorithms for scales without zero points."""
FORMS = ("hybrid", "dequantize")
_HALF_HINT = 'write weights = "float16"'
_WORDS = {"granularity": GRANULARITIES, "algorithm": WEIGHT_ALGORITHMS, "form": FORMS}


@dataclass(frozen=True)
class WeightKind:
    """How an op's weights are stored. Raises `Error` (status 2) if the values don't make a kind."""

    bits: int = 8
    """The width of the integers: 8, 4 or 2; or 16 for float16, with granularity `tensor` behind a dequantize."""
    granularity: str = "channel"
    """What shares a scale: the whole `tensor`, an output `channel`, or a `block` of a channel's elements."""
    block: int = 0
    """The number of elements that share a scale with granularity `block`: 32, 64, 128 or 256; else 0."""
    algorithm: str = ""
    """How scales and integers are chosen: one of `WEIGHT_ALGORITHMS`, or empty for the conversion's own algorithm."""
    form: str = "hybrid"
    """`hybrid`: the op reads the integers. `dequantize`: it reads float32, which a `tfl.dequantize` makes of them."""
    symmetric: bool = True
    """Whether the zero point is 0; else the integers cover what is between the least and the largest weight and 0."""

    def __post_init__(self) -> None:
        if self.bits == FLOAT16 and (self.granularity, self.form) != ("tensor", "dequantize"):
            raise Error("weights of 16 bits are float16, which have no scales", hint=_HALF_HINT, status=USAGE)
        if self.bits not in (*BITS, FLOAT16):
            raise Error(f"weights of {self.bits} bits", hint="bits are 8, 4 or 2", status=USAGE)
        for key, allowed in _WORDS.items():
            said = getattr(self, key)
            if said not in allowed and not (key == "algorithm" and not said):
                hint = f"{key} is {', '.join(allowed)}{near(said, allowed)}"
                raise Error(f"weights of {key} '{said}'", hint=hint, status=USAGE)
        if self.granularity == "block" and self.block not in BLOCKS:
            raise Error(f"weights in blocks of {self.block}", hint="blocks are 32, 64, 128 or 256", status=USAGE)
        if not self.symmetric and (what := self._only_symmetric()):
            raise Error(f"asymmetric weights {what}", hint="leave symmetric out", status=USAGE)
        if self.granularity != "block" and self.block:
            raise Error("weights with a block but without granularity 'block'", hint="leave block out", status=USAGE)

    def _only_symmetric(self) -> str:
        """What of the kind has no zero points; empty if it may have them."""
        if self.is_float16:
            return "of float16"
        if self.granularity == "block":
            return "in blocks"
        return f"by {self.algorithm}" if self.algorithm in _SYMMETRIC else ""

    @property
    def is_float16(self) -> bool:
        """Whether the weights are stored as float16."""
        return self.bits == FLOAT16

    def __str__(self) -> str:
        if self.is_float16:
            return "float16"
        shared = f"blocks of {self.block}" if self.block else f"per {self.granularity}"
        asymmetric = "" if self.symmetric else "asymmetric "
        return f"{asymmetric}int{self.bits} {shared}{' behind a dequantize' if self.form == 'dequantize' else ''}"


KEYS = tuple(field.name for field in fields(WeightKind))
"""What a kind says, in the attribute and in recipes."""
HALF = WeightKind(FLOAT16, "tensor", form="dequantize")
"""float16 weights, which a `tfl.dequantize` widens."""


def weight_kind_of(op: Operation) -> WeightKind | None:
    """The kind that is noted on an op, or None. Raises `Error` (status 2) if the attribute has another form."""
    noted = op.attributes.get(WEIGHT_KIND)
    if noted is None:
        return None
    if not isinstance(noted, DictionaryAttr):
        raise Error(f"{op.name}: '{WEIGHT_KIND}' is not a dictionary", status=USAGE)
    values: dict[str, Any] = {}
    for key, value in noted.data.items():
        if key not in KEYS:
            raise Error(f"{op.name}: '{WEIGHT_KIND}' has no key '{key}'{near(key, KEYS)}", status=USAGE)
        values[key] = _value(op, key, value)
    return WeightKind(**values)


def _value(op: Operation, key: str, value: Attribute) -> int | str | bool:
    if key in _WORDS and isinstance(value, StringAttr):
        return value.data
    if key not in _WORDS and isinstance(value, IntegerAttr):
        return bool(value.value.data) if key == "symmetric" else value.value.data
    raise Error(f"{op.name}: '{key}' of '{WEIGHT_KIND}' has another type", status=USAGE)


def set_weight_kind(op: Operation, kind: WeightKind | None) -> None:
    """Notes a kind on an op; None removes the note. A block of 0 and an empty algorithm are left out."""
    if kind is None:
        op.attributes.pop(WEIGHT_KIND, None)
        return
    noted: dict[str, Attribute] = {
        "bits": IntegerAttr(kind.bits, i32),
        "granularity": StringAttr(kind.granularity),
        "form": StringAttr(kind.form),
    }
    if kind.block:
        noted["block"] = IntegerAttr(kind.block, i32)
    if kind.algorithm:
        noted["algorithm"] = StringAttr(kind.algorithm)
    if not kind.symmetric:
        noted["symmetric"] = BoolAttr.from_bool(False)
    op.attributes[WEIGHT_KIND] = DictionaryAttr(noted)
