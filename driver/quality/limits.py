"""What a compiled model must hold beside the original: a gate for continuous integration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tflir.backends.litert.compare import OutputComparison
    from tflir.quality.accuracy import Accuracy

_ROUNDING = 1e-9
"""A drop of one sample in a hundred is not above 1 for being computed in binary."""


@dataclass(frozen=True)
class Limits:
    """Limits on what was measured; None: none."""

    min_snr: float | None = None
    """The least signal-to-noise ratio in dB of every output, and of every column where these count apart."""
    max_accuracy_drop: float | None = None
    """The largest drop of accuracy, in points of 100."""

    def unmet(self, outputs: Sequence[OutputComparison], accuracy: Accuracy | None) -> list[str]:
        """Each limit that is not met, in a line; a limit on an accuracy that was not measured is one."""
        return [*self._noisy(outputs), *self._dropped(accuracy)]

    def _noisy(self, outputs: Sequence[OutputComparison]) -> Iterator[str]:
        if self.min_snr is None:
            return
        for output in outputs:
            if not output.least_db >= self.min_snr:
                where = f" at {output.column} of its last dimension" if output.column_snr_db < output.snr_db else ""
                ratio = "-∞ dB" if math.isinf(output.least_db) else f"{output.least_db:.1f} dB"
                signature = f" of signature '{output.signature}'" if output.signature else ""
                yield f"output '{output.name}'{signature}{where}: {ratio}, below --min-snr {self.min_snr:g}"

    def _dropped(self, accuracy: Accuracy | None) -> Iterator[str]:
        if self.max_accuracy_drop is None:
            return
        if accuracy is None:
            yield "accuracy was not measured, which --max-accuracy-drop limits"
        elif accuracy.drop > self.max_accuracy_drop + _ROUNDING:
            yield f"{accuracy}, above --max-accuracy-drop {self.max_accuracy_drop:g}"
