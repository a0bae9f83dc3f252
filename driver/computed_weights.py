"""The pass that computes weights which a model makes from constants: else they would stay float."""

from __future__ import annotations

from tflir.options import Options
from tflir.pass_text import pass_text


def computed_weights(options: Options, least: int, *, integer: bool = False) -> list[str]:
    """The pass in the `-p` syntax, for weights of at least so many elements; `integer` beside integer activations.

    TensorFlow computes none.
    """
    if options.tf_compat:
        return []
    recipe = {} if options.recipe is None else {"recipe": (options.recipe,)}
    return [pass_text("tfl-fold-weights", **recipe, **({"integer": True} if integer else {"min_elements": least}))]
