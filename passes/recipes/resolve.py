"""Which form of weights and activations a recipe's rules give each op of a module."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, Use

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.errors import UNMET, USAGE, Error
from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.weight_kind import WeightKind
from tflir.passes.quantization.pairs import FloatConstant, constant_of
from tflir.passes.quantization.shared_floats import gains_bytes_alone, shared_floats, stored_blob
from tflir.passes.reasons import part_of_others
from tflir.passes.recipes.kernels import nearest, refusal
from tflir.passes.recipes.recipe import Recipe, Rule
from tflir.passes.rewriting.carrying import all_names
from tflir.passes.sparsity.weight_constant import weight_constant


@dataclass
class Resolution:
    """What a recipe gives a module's ops."""

    weights: dict[Operation, WeightKind | None] = field(default_factory=dict[Operation, "WeightKind | None"])
    """For each op with a float weight: its form, or None if it stays float. Kernels of ops with several weights read
    those with one scale each.
    """
    activations: dict[Operation, str] = field(default_factory=dict[Operation, str])
    """For each op that a rule gives other activations than the recipe's: their type."""
    changed: Counter[str] = field(default_factory=Counter[str])
    """How many ops of a kind have another form than the rule's, which no kernel computes right."""
    unheeded: list[str] = field(default_factory=list[str])
    """Why rules that match activations alone change nothing."""
    small: Counter[int] = field(default_factory=Counter[int])
    """How many weights stay float since they have fewer elements than a rule's `min_elements`."""
    shared: int = 0
    """How many weights stay float since another op reads the same elements as floats."""


def resolve(recipe: Recipe, module: ModuleOp) -> Resolution:
    """What a recipe gives the ops of a module.

    Raises `Error`: status 2 if a rule matches no op, status 3 if a rule names a kind of op and a form that no kernel
    of it computes right.
    """
    found = Resolution()
    used: set[int] = set()
    kept = shared_floats(module.walk(), _is_no_weight)
    parts: set[int] = set()
    for op, kind in candidates(module):
        called = all_names(op)
        matching = [(index, rule) for index, rule in enumerate(recipe.rules) if rule.matches(kind, called)]
        used.update(index for index, _ in matching)
        parts.update(_fused(op, called, recipe))
        rules = [rule for _, rule in matching]
        activations = next((rule.activations for rule in reversed(rules) if rule.activations), recipe.activations)
        if activations != recipe.activations:
            found.activations[op] = activations
        if (shape := weight_shape(op)) is not None:
            found.weights[op] = _weights(op, kind, rules, activations, shape, found, kept)
    for index, rule in enumerate(recipe.rules):
        if index in used or not (rule.match or rule.names_op):
            continue
        if index in parts:
            found.unheeded.append(part_of_others(f"rule {index + 1}", rule.op))
        else:
            raise Error(f"rule {index + 1} of '{recipe.name}' matches no op ({rule})", status=USAGE)
    return found


def _fused(op: TflOp, called: list[str], recipe: Recipe) -> Iterator[int]:
    """The rules that match the activation which an op applies to its result."""
    if (activation := fused_activation(op)) != "NONE":
        yield from (index for index, rule in enumerate(recipe.rules) if rule.matches(activation, called))


def _weights(
    op: TflOp,
    kind: str,
    rules: list[Rule],
    activations: str,
    shape: tuple[int, ...],
    found: Resolution,
    kept: Collection[Blob],
) -> WeightKind | None:
    rule = _about_weights(rules)
    if rule is None or not isinstance(rule.weights, WeightKind):
        return None
    if math.prod(shape) < rule.min_elements:
        found.small[rule.min_elements] += 1
        return None
    why = refusal(kind, rule.weights, activations) or _uneven(rule.weights, shape)
    if why and rule.names_op:
        location = names.first_name(op)
        raise Error(f"{rule.weights} weights: {why}", op=op.name, location=location, status=UNMET)
    given = nearest(kind, rule.weights, activations)
    if _uneven(given, shape):
        given = nearest(kind, replace(given, granularity="channel", block=0), activations)
    if activations == "float" and not rule.names_op and not given.is_float16:
        beside = (gains_bytes_alone(op) or given.form == "dequantize") and _is_shared(op, kept)
        if beside:
            found.shared += 1
            return None
    if given != rule.weights:
        found.changed[f"{kind}: {given} instead of {rule.weights}"] += 1
    several = op.INFO.has_several_weights
    return replace(given, granularity="tensor") if several and given.form == "hybrid" else given


def _about_weights(rules: Sequence[Rule]) -> Rule | None:
    """The rule that decides on weights: the last one that says anything about them."""
    return next((rule for rule in reversed(rules) if rule.weights is not None), None)


def kind_for(recipe: Recipe, op: TflOp, elements: int) -> WeightKind | None:
    """The form that rules ask for, for weights of an op with so many elements; None if these stay float."""
    called = all_names(op)
    rule = _about_weights([rule for rule in recipe.rules if rule.matches(op.INFO.builtin, called)])
    if rule is None or not isinstance(rule.weights, WeightKind) or elements < rule.min_elements:
        return None
    return rule.weights


def _is_no_weight(use: Use, _: FloatConstant) -> bool:
    return not isinstance(use.operation, TflOp) or use.index not in use.operation.INFO.weight_operands


def _is_shared(op: TflOp, kept: Collection[Blob]) -> bool:
    """Whether all float weights of an op are among those that are stored as floats anyway."""
    read = [constant_of(op.operands[at]) for at in op.INFO.weight_operands if at < len(op.operands)]
    weights = [constant for constant in read if constant is not None]
    return bool(weights) and all(stored_blob(constant) in kept for constant in weights)


def _uneven(kind: WeightKind, shape: tuple[int, ...]) -> str:
    """Why weights of a shape can't have the blocks of a kind; empty if they can."""
    if not kind.block or (len(shape) == 2 and shape[1] % kind.block == 0):
        return ""
    return f"their shape is {'x'.join(map(str, shape))}, which does not divide into rows of blocks of {kind.block}"


def candidates(module: ModuleOp) -> Iterator[tuple[TflOp, str]]:
    """The ops that rules may match, with their kinds: all but constants."""
    for op in module.walk():
        if isinstance(op, TflOp) and not isinstance(op, ConstOp | QConstOp) and op.results:
            yield op, op.INFO.builtin


def weight_shape(op: TflOp) -> tuple[int, ...] | None:
    """The shape of an op's largest float weight constant; None if it has none."""
    read = [op.operands[at] for at in op.INFO.weight_operands if at < len(op.operands)]
    shapes = [constant.shape for value in read if (constant := weight_constant(value)) is not None]
    return max(shapes, key=math.prod, default=None)
