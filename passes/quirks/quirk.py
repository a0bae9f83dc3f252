"""The record that describes one quirk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirk:
    """A surprising choice of TensorFlow: what it does, what is right, which of these is the default, and its code.

    With `tf_compat`, tflir does as TensorFlow does. Without it, `default` says which choice is made: "ours" if
    TensorFlow's result is wrong, does not run, or is less precise than necessary; "TensorFlow" if it is only unusual.
    """

    name: str
    section: str
    """The section of `docs/semantics.md` that has the rule."""
    tensorflow: str
    """What TensorFlow 2.21 does."""
    right: str
    """What is right, and done by default unless `default` says otherwise."""
    rule: str
    """The code that makes the choice: `module` or `module:name`, below `tflir`."""
    default: str = "ours"
