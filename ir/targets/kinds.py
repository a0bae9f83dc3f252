"""Kinds of tensors, in short words, and the patterns of kinds that rows of a target are written in.

A kind is an element type and how it is quantized:

| kind | tensor |
|---|---|
| `f32`, `f16`, `i32`, `i8`, `bool`, `str` … | elements without a scale |
| `qi8`, `qu8`, `qi16`, `qi4` … | integers with one scale |
| `qci8`, `qci4`, `qci32` … | integers with a scale for each channel |
| `qbi4`, `qbi8` … | integers with a scale for each block of a channel |
| `-` | an operand that is left out |

A pattern names the kinds of operands and results in order: `qi8 qi8/qci8 qi32/qci32? -> qi8`. A slash stands between
alternatives, `?` after an operand that may be left out, `*` after one that may come any number of times (also none),
and a `*` alone is any kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, NoneType, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import element_of, schema_name

ABSENT = "-"
_SHORT = {
    "FLOAT": "f",
    "BFLOAT": "bf",
    "INT": "i",
    "UINT": "u",
    "COMPLEX": "complex",
    "STRING": "str",
    "RESOURCE": "resource",
    "VARIANT": "variant",
}
_WORDS = {"f32": "float", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "bool": "bool", "str": "string"}
_LONG = {"i": "int", "u": "uint"}
_HOW = {"qc": " per channel", "qb": " in blocks"}
_USUALLY_SCALED = ("i8", "u8", "i16", "i4", "i2", "u4")


@lru_cache(maxsize=65536)
def kind_of_type(value_type: Attribute) -> str:
    """The kind of a tensor type; `?` where there is no word for its elements."""
    if isinstance(value_type, NoneType):
        return ABSENT
    element = element_of(value_type)
    if element is None:
        return "?"
    short = short_name(schema_name(element) or "")
    if not isinstance(element, UniformQuantizedType):
        return short
    layout = element.layout
    return f"q{'b' if layout.blocks else 'c' if layout.axes else ''}{short}"


def kind_of(value: SSAValue) -> str:
    """The kind of a value, constants included whose scales lie in blocks that the type does not say."""
    kind = kind_of_type(value.type)
    return f"qb{kind}" if kind[0] in "iu" and blockwise(value) is not None else kind


def blockwise(value: SSAValue) -> DictionaryAttr | None:
    """How a constant is quantized in blocks, as the file says it; None where it is not."""
    extras = tensor_details(value)
    quantization = None if extras is None else extras.data.get("quantization")
    details = quantization.data.get("details") if isinstance(quantization, DictionaryAttr) else None
    table = details.data.get("table") if isinstance(details, DictionaryAttr) else None
    found = isinstance(table, StringAttr) and table.data == "BlockwiseQuantization"
    return details if found and isinstance(details, DictionaryAttr) else None


def tensor_details(value: SSAValue) -> DictionaryAttr | None:
    """What the file says of a tensor beside its type; None where there is nothing."""
    if isinstance(value, BlockArgument):
        return _argument_details(value)
    if not isinstance(value, OpResult):
        return None
    held = value.op.attributes.get(names.TENSOR)
    if isinstance(held, ArrayAttr):
        held = cast("ArrayAttr[Attribute]", held).data[value.index]
    return held if isinstance(held, DictionaryAttr) else None


def _argument_details(value: BlockArgument) -> DictionaryAttr | None:
    function = value.owner.parent_op()
    arguments = function.arg_attrs if isinstance(function, FuncOp) else None
    if arguments is None or value.index >= len(arguments.data):
        return None
    held = arguments.data[value.index].data.get(names.TENSOR)
    return held if isinstance(held, DictionaryAttr) else None


@lru_cache(maxsize=64)
def short_name(name: str) -> str:
    """`INT8` is `i8`."""
    letters = name.rstrip("0123456789")
    return f"{_SHORT[letters]}{name[len(letters) :]}" if letters in _SHORT else name.lower()


def kind_in_words(kind: str) -> str:
    """`qci8` is `int8 per channel`, `i8` is `int8 without a scale`, `qi32` is `int32 with a scale`."""
    if kind == ABSENT:
        return "nothing"
    how = next((words for prefix, words in _HOW.items() if kind.startswith(prefix)), "")
    bare = kind.lstrip("q").lstrip("cb") if kind.startswith("q") else kind
    if bare in _WORDS:
        return _WORDS[bare]
    if bare in _USUALLY_SCALED:
        how = how or ("" if kind.startswith("q") else " without a scale")
    elif kind.startswith("q"):
        how = how or " with a scale"
    return f"{_LONG.get(bare[:1], bare[:1])}{bare[1:]}{how}"


def kinds_in_words(kinds: Iterable[str]) -> str:
    """`float, int8 or uint8`: several kinds; scales per channel are not named where one scale is taken too."""
    known = dict.fromkeys(kinds)
    named = [kind for kind in known if not (kind.startswith("qc") and f"q{kind[2:]}" in known)]
    words = list(dict.fromkeys(map(kind_in_words, named)))
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words) or "nothing"


@dataclass(frozen=True)
class _Port:
    """What may stand at one place of a pattern."""

    kinds: frozenset[str]
    """Empty: any kind."""
    optional: bool = False
    repeated: bool = False

    def takes(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds or (self.optional and kind == ABSENT)


@dataclass(frozen=True)
class Pattern:
    """Kinds of operands and of results."""

    operands: tuple[_Port, ...]
    results: tuple[_Port, ...]

    def matches(self, operands: Sequence[str], results: Sequence[str]) -> bool:
        """Whether operands and results are of these kinds."""
        return _match(self.operands, operands) and _match(self.results, results)


def _match(ports: Sequence[_Port], kinds: Sequence[str]) -> bool:
    at = 0
    for port in ports:
        if port.repeated:
            while at < len(kinds) and port.takes(kinds[at]):
                at += 1
        elif at < len(kinds):
            if not port.takes(kinds[at]):
                return False
            at += 1
        elif not port.optional:
            return False
    return at == len(kinds)


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """The pattern that `text` writes; without an arrow the results may be anything."""
    left, arrow, right = text.partition("->")
    operands = tuple(_port(word) for word in left.split())
    return Pattern(operands, tuple(_port(word) for word in right.split()) if arrow else (_port("*"),))


def _port(word: str) -> _Port:
    if word == "*":
        return _Port(frozenset(), repeated=True)
    optional, repeated = word.endswith("?"), word.endswith("*")
    kinds = word[:-1] if optional or repeated else word
    return _Port(frozenset() if kinds == "any" else frozenset(kinds.split("/")), optional, repeated)
