"""The targets by name, those of plug-ins among them."""

from __future__ import annotations

from importlib import import_module

from tflir.ir.extensions import Registry
from tflir.ir.targets.target import Target


def _own(module: str, name: str) -> Target:
    """A target of this package; its table is imported when the target is first asked for."""
    return getattr(import_module(f"tflir.ir.targets.{module}"), name)


TARGETS: Registry[Target] = Registry(
    "target",
    {
        "xnnpack": lambda: _own("xnnpack", "XNNPACK"),
        "litert": lambda: _own("litert", "LITERT"),
        "tflm": lambda: _own("tflm", "TFLM"),
        "ethos-u": lambda: _own("ethos_u", "ETHOS_U"),
    },
)
"""By name."""
