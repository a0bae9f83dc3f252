"""Reading recipes: presets by name, AI Edge Quantizer's JSON, and TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.weight_kind import HALF, KEYS, WeightKind
from tflir.passes.recipes.aeq import PRESETS, from_entries, preset
from tflir.passes.recipes.fields import entry, table
from tflir.passes.recipes.recipe import Recipe, Rule

_MOST = 1 << 24
"""Larger files are not read as recipes, in bytes."""
_RULE = ("match", "op", "weights", "activations", "min_elements")


def load_recipe(name: str) -> Recipe:
    """The preset of this name, or the recipe in the file at this path. Raises `Error` (status 2) if there is none."""
    if (found := preset(name)) is not None:
        return found
    try:
        if (path := Path(name)).is_fifo() or path.is_char_device():
            what = f"recipe '{name}' is a pipe or a device, and a recipe is read more than once"
            raise Error(what, hint="write it to a file", status=USAGE)
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        hint = f"give a file or one of {', '.join(PRESETS[:5])} …{near(name, PRESETS)}"
        raise Error(f"'{name}' is no preset, and no file that can be read: {why}", hint=hint, status=USAGE) from None
    if len(data) > _MOST:
        raise Error(f"recipe '{name}' is larger than {_MOST >> 20} MiB", status=USAGE)
    try:
        return read_recipe(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise Error(f"recipe '{name}' is not UTF-8", status=USAGE) from None
    except Error as error:
        error.file = error.file or name
        raise


def read_recipe(text: str, name: str = "recipe") -> Recipe:
    """The recipe of a text: a preset's name, a JSON list of entries, or TOML. Raises `Error` (status 2)."""
    if (found := preset(text.strip())) is not None:
        return found
    head = "".join(text[:200].split())
    try:
        if head.startswith(("[{", "[]", "{")):
            return _from_json(json.loads(text), name)
        return _from_toml(tomllib.loads(text), name)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Error(f"the recipe can't be read: {why}", hint="it is TOML or a JSON list", status=USAGE) from None


def _from_json(value: object, name: str) -> Recipe:
    if (
        isinstance(value, dict)
        and value
        and all(isinstance(part, list) for part in cast("dict[str, object]", value).values())
    ):
        hint = f"give the list of one of them: {', '.join(cast('dict[str, object]', value))}"
        raise Error("the recipe has a list of entries for each of several models", hint=hint, status=USAGE)
    if not isinstance(value, list) or not value:
        raise Error("the recipe is not a list of entries", hint="it is a list of {regex, operation, …}", status=USAGE)
    return from_entries(cast("list[object]", value), name)


def _from_toml(value: dict[str, Any], name: str) -> Recipe:
    found = table(value, "the recipe", ("name", "activations", "rule"))
    items = entry(found, "rule", cast("list[object]", []), "the recipe")
    rules = tuple(_rule(item, f"rule {index + 1}") for index, item in enumerate(items))
    if not rules:
        raise Error("the recipe has no rules", hint="write [[rule]] tables", status=USAGE)
    base = entry(found, "activations", "float", "the recipe")
    return Recipe(entry(found, "name", name, "the recipe"), rules, base)


def _rule(item: object, what: str) -> Rule:
    found = table(item, what, _RULE)
    match, op = entry(found, "match", "", what), entry(found, "op", "*", what)
    activations = entry(found, "activations", "", what)
    rule = Rule(match, op, _weights(found.get("weights"), what), activations, entry(found, "min_elements", 0, what))
    if rule.weights is None and not rule.activations:
        raise Error(f"{what} says neither weights nor activations", status=USAGE)
    return rule


def _weights(said: object, what: str) -> WeightKind | Literal["float"] | None:
    if said is None or said == "float":
        return cast('Literal["float"] | None', said)
    if said == "float16":
        return HALF
    found, what = table(said, f"{what}: weights", KEYS), f"{what}: weights"
    defaults = asdict(WeightKind())
    if "block" in found:
        defaults["granularity"] = "block"
    return WeightKind(**{key: entry(found, key, default, what) for key, default in defaults.items()})
