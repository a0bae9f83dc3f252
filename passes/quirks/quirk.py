"""What is said about one surprise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirk:
    """One surprise: what TensorFlow does, what is right, which of them is the default, and where that is decided.

    `tf_compat` takes TensorFlow's side. Without it `default` says whose side is taken: "ours" where TensorFlow's result
    is wrong, does not run, or is coarser than it need be; "TensorFlow" where it is merely odd.
    """

    name: str
    section: str
    """The section of `docs/semantics.md` that has the rule."""
    tensorflow: str
    """What TensorFlow 2.21 does."""
    right: str
    """What is right, and done by default unless `default` says otherwise."""
    rule: str
    """Where the choice is made: `module` or `module:name`, below `tflir`."""
    default: str = "ours"
