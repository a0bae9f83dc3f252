"""What is told of one surprise of TensorFlow's quantizer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirk:
    """One surprise."""

    name: str
    section: str
    tensorflow: str
    """What TensorFlow 2.21 does."""
    right: str
    """What is right, and done by default unless `default` says otherwise."""
    rule: str
    """Where the choice is made: `module` or `module:name`, below `tflir`."""
    default: str = "ours"
