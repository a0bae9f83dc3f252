"""Recipes: rules, chosen by tensor names and kinds of ops, that say how weights and activations are stored."""

from tflir.passes.recipes.read import load_recipe, read_recipe
from tflir.passes.recipes.recipe import Recipe, Rule
from tflir.passes.recipes.resolve import resolve
from tflir.passes.recipes.rules_out import effective_rules

__all__ = ["Recipe", "Rule", "effective_rules", "load_recipe", "read_recipe", "resolve"]
