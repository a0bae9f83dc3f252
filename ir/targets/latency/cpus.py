"""The CPUs whose latency was measured, by name."""

from __future__ import annotations

from importlib import resources

from tflir.ir.extensions import Registry
from tflir.ir.targets.latency.table import LatencyTable


def _measured(name: str) -> LatencyTable:
    return LatencyTable.from_json(resources.files(__package__).joinpath("measured", f"{name}.json").read_text("utf-8"))


CPUS: Registry[LatencyTable] = Registry("cpu", {"avx512": lambda: _measured("zen4")})
