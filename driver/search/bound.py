"""The bound that a search holds: a signal-to-noise ratio, or a drop of accuracy."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from tflir.option import number, shown

_SNR = re.compile(r"snr\s*>=\s*(\S+?)\s*(?:db)?", re.IGNORECASE)
_DROP = re.compile(r"accuracy-drop\s*<=\s*(\S+?)\s*%", re.IGNORECASE)


@dataclass(frozen=True)
class Bound:
    """`snr>=30`: at least 30 dB at the logits. `accuracy-drop<=0.5%`: at most half a point of 100 less than float."""

    limit: float
    """In dB, or in points of 100."""
    is_accuracy: bool = False

    @property
    def least(self) -> float:
        """The least value that holds the bound: dB, or the negative drop in points of 100."""
        return -self.limit if self.is_accuracy else self.limit

    def shown(self, value: float) -> str:
        """A measured value, as `least` counts it, in words."""
        if self.is_accuracy:
            return f"accuracy drop {round(-value, 2) + 0.0:.2f} %"  # + 0.0: a drop of 0 has no sign
        return "∞ dB" if value == math.inf else f"{value:.1f} dB"

    def __str__(self) -> str:
        return f"accuracy-drop<={self.limit:g}%" if self.is_accuracy else f"snr>={self.limit:g}"


def bound(value: Any) -> Bound:
    """Accepts `snr>=DB` and `accuracy-drop<=PERCENT%`."""
    said = str(value).strip()
    for form, is_accuracy in ((_SNR, False), (_DROP, True)):
        if (found := form.fullmatch(said)) is not None:
            limit = number(found[1])
            if is_accuracy and limit < 0:
                raise ValueError(f"{shown(said)}: a drop is not negative")
            return Bound(limit, is_accuracy)
    raise ValueError(f"{shown(said)} is neither snr>=30 nor accuracy-drop<=0.5%")
