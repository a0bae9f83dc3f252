"""The pass that computes weights which a model makes from constants: else they would stay float."""

from __future__ import annotations

from tflir.options import Options


def computed_weights(options: Options, least: int, *, integer: bool = False) -> list[str]:
    """The pass in the `-p` syntax, for weights of at least so many elements; `integer` beside integer activations.

    TensorFlow computes none.
    """
    if options.tf_compat:
        return []
    named = [] if options.recipe is None else [f'recipe="{_escaped(options.recipe)}"']
    least_elements = [] if integer else [f"min-elements={least}"]
    words = [*named, *least_elements, *(["integer=true"] if integer else [])]
    return [f"tfl-fold-weights{{{' '.join(words)}}}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
