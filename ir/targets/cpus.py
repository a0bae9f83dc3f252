"""What was measured on CPUs, one record for each: how long ops take, and what sparse weights cost beside dense ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from tflir.ir.extensions import Registry
from tflir.ir.targets.sparse_times import MEASURED, Machine

if TYPE_CHECKING:
    from tflir.ir.targets.latency.table import LatencyTable


@dataclass(frozen=True)
class Cpu:
    """The measured times of one CPU; None where they were not measured."""

    sparse: Machine | None = None
    """Ops with sparse weights relative to dense ones."""
    latency: LatencyTable | None = None
    """Each kind of op by its sizes."""


def _latency(name: str) -> LatencyTable:
    from tflir.ir.targets.latency.table import LatencyTable  # that package imports this module

    folder = resources.files("tflir.ir.targets.latency").joinpath("measured")
    return LatencyTable.from_json(folder.joinpath(f"{name}.json").read_text("utf-8"))


COST_TABLES: Registry[Cpu] = Registry(
    "cpu",
    {
        **{name: (lambda one=one: Cpu(one)) for name, one in MEASURED.items()},
        "zen4": lambda: Cpu(MEASURED["zen4"], _latency("zen4")),
    },
)
"""All CPUs: those measured here, and those of plug-ins. The latency of ops was measured on an AMD EPYC (Zen 4)."""
