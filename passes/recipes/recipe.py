"""A recipe: ordered rules, of which later ones win, and the type of the activations that no rule names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.weight_kind import WeightKind
from tflir.passes.name_filter import expression

ACTIVATIONS = ("float", "int8", "int16")


@dataclass(frozen=True)
class Rule:
    """What holds for the ops that it matches. Raises `Error` (status 2) for a wrong regular expression or word."""

    match: str = ""
    """An RE2 regular expression that occurs in the name of a result tensor of the op, or of an op that became part of
    it before, as an activation or a pad does; empty: any name.
    """
    op: str = "*"
    """The op's kind, such as `FULLY_CONNECTED`; `*`: all kinds."""
    weights: WeightKind | Literal["float"] | None = None
    """The form of its weights, `float` to leave them, or None if the rule does not say."""
    activations: str = ""
    """float, int8 or int16, or empty if the rule does not say."""
    min_elements: int = 0
    """Weights with fewer elements stay float."""

    def __post_init__(self) -> None:
        expression(self.match)
        if self.activations:
            check_activations(self.activations)
        if self.min_elements < 0:
            raise Error(f"min_elements {self.min_elements} is negative", status=USAGE)

    @property
    def names_op(self) -> bool:
        """Whether it is for one kind of op."""
        return self.op not in ("", "*")

    def matches(self, kind: str, names: Sequence[str]) -> bool:
        """Whether it is for an op of this kind that has these names."""
        if self.names_op and self.op != kind:
            return False
        found = expression(self.match)
        return not self.match or any(found(name) for name in names)

    def __str__(self) -> str:
        return f"match '{self.match or '.*'}', op '{self.op or '*'}'"


@dataclass(frozen=True)
class Recipe:
    """Named rules in order, of which later ones win, and the activations of ops that no rule says more about."""

    name: str
    rules: tuple[Rule, ...]
    activations: str = "float"

    def __post_init__(self) -> None:
        check_activations(self.activations)

    @property
    def all_activations(self) -> frozenset[str]:
        """The types of activations that ops may get."""
        return frozenset({self.activations, *(rule.activations for rule in self.rules if rule.activations)})

    @property
    def least(self) -> int:
        """The least number of elements of weights that any rule quantizes."""
        return min((rule.min_elements for rule in self.rules if isinstance(rule.weights, WeightKind)), default=0)

    @property
    def kinds(self) -> tuple[WeightKind, ...]:
        """The forms that the rules name."""
        return tuple(rule.weights for rule in self.rules if isinstance(rule.weights, WeightKind))


def check_activations(word: str) -> None:
    """Raises `Error` (status 2) if `word` is no type of activations."""
    if word not in ACTIVATIONS:
        hint = f"activations are {', '.join(ACTIVATIONS)}{near(word, ACTIVATIONS)}"
        raise Error(f"activations '{word}'", hint=hint, status=USAGE)
