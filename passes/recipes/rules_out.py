"""The rules that a recipe came down to, as TOML: one for each op, by its exact name."""

from __future__ import annotations

import json
import re

from xdsl.dialects.builtin import ModuleOp

from tflir.ir import names
from tflir.ir.weight_kind import WeightKind
from tflir.passes.recipes.recipe import Recipe
from tflir.passes.recipes.resolve import candidates, resolve

_NO_RULE = ["", "[[rule]]", 'weights = "float"']
"""What is written where no op has a rule: a recipe without rules is an error."""


def effective_rules(recipe: Recipe, module: ModuleOp, algorithm: str = "") -> str:
    """The TOML text of the rules for a module; read back, it gives the ops the same forms.

    `algorithm` is that of weights whose rule names none. Ops without a name are left out, and ops that share a name
    share the rule of the last one.
    """
    found = resolve(recipe, module)
    head = [f"name = {_quoted(recipe.name)}", f"activations = {_quoted(recipe.activations)}"]
    lines = _unused(recipe, set(found.activations.values()))
    for op, kind in candidates(module):
        called = names.first_name(op)
        if not called or (op not in found.weights and op not in found.activations):
            continue
        match = f"^{re.escape(called)}$"
        lines += ["", "[[rule]]", f"match = {_quoted(match)}", f"op = {_quoted(kind)}"]
        if op in found.weights:
            lines.append(f"weights = {_weights(found.weights[op], algorithm)}")
        lines.append(f"activations = {_quoted(found.activations.get(op, recipe.activations))}")
    return "\n".join([*head, *(lines or _NO_RULE)]) + "\n"


def _unused(recipe: Recipe, given: set[str]) -> list[str]:
    """Rules for activations that the recipe knows and no op has, for the mode follows from all of them; and for the
    usual ones, which hold for all ops again.
    """
    others = sorted(recipe.all_activations - given - {recipe.activations})
    words = [*others, recipe.activations] if others else []
    return [line for word in words for line in ("", "[[rule]]", f"activations = {_quoted(word)}")]


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON, and one more."""
    safe = text.encode("utf-8", "replace").decode()
    return json.dumps(safe, ensure_ascii=False).replace("\x7f", "\\u007f")


def _weights(kind: WeightKind | None, usual: str) -> str:
    if kind is None:
        return '"float"'
    if kind.is_float16:
        return '"float16"'
    block = f", block = {kind.block}" if kind.block else ""
    named = kind.algorithm or usual
    algorithm = f', algorithm = "{named}"' if named else ""
    end = f'form = "{kind.form}"' + ("" if kind.symmetric else ", symmetric = false")
    return f'{{bits = {kind.bits}, granularity = "{kind.granularity}"{block}{algorithm}, {end}}}'
