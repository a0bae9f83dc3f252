"""What Arm's Ethos-U55 and U65 take."""

from __future__ import annotations

from tflir.ir.targets.target import Target

ETHOS_U = Target("ethos-u", "Arm Ethos-U55 and U65", ())
