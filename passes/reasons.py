"""Reasons for which passes leave ops float, and counts, that others look for: what a user is told depends on them."""

from __future__ import annotations

SKIPPED = "skipped"
NOT_AMONG_THOSE_TO_QUANTIZE = "not among the ops to quantize"
LEFT_FLOAT_BY_RECIPE = "the recipe leaves its weights float"
OPERAND_WITHOUT_RANGE = "an operand has no range"
SHARED_FLOATS = "another op reads the same elements as floats, beside which integers would add bytes"
INPUTS_MADE_FLOAT = "inputs made float"
OUTPUTS_MADE_FLOAT = "outputs made float"


def part_of_others(word: str, kind: str) -> str:
    """What `word` asks for changes nothing, since it names a kind of op of which other ops compute each."""
    return f"{word} changes nothing: each {kind} is part of the op before it"


_FEWER = "fewer than "
_ELEMENTS = " elements"


def fewer_elements(least: int) -> str:
    """A constant has fewer elements than it must have."""
    return f"{_FEWER}{least}{_ELEMENTS}"


def is_about_size(reason: str) -> bool:
    """Whether a reason is one of `fewer_elements`."""
    return reason.startswith(_FEWER) and reason.endswith(_ELEMENTS)
