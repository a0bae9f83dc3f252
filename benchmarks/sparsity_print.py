"""Prints the results of `sparsity.py` on the terminal, as JSON and as Markdown."""

from __future__ import annotations

import json
import pathlib
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

_NAMES = ("dense", "TensorFlow", "tflir")
_SLOWER, _LARGER = 1.05, 1.0
_WIDTH = 200
"""The width of lines, large enough that tables are not wrapped."""
Rows = Sequence[Sequence[str]]


def machine() -> dict[str, Any]:
    """A description of the machine."""
    cpu = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        lines = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines() if ":" in line)
        facts = {key.strip(): value.strip() for key, value in lines.items()}
        known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in facts.get("flags", "")]
        cpu = f"{facts.get('model name', cpu)}, model {facts.get('model', '?')} ({', '.join(known)})"
    return {"cpu": cpu, "system": platform.platform(), "litert": version("ai-edge-litert")}


def line(row: dict[str, Any]) -> str:
    """A short line about a layer, printed as soon as it is measured."""
    parts = [f"{name} {' '.join(_cells(row.get(name)))}" for name in _NAMES if name in row]
    return f"{row['n']:5} {row['mode']:14} {row['pattern']:7} {row['zeros']:.0%}  {' | '.join(parts)}"


def models(facts: dict[str, Any]) -> None:
    """Prints the comparison of models."""
    _show(_title(facts), _model_head(facts), _model_rows(facts))
    for remark in remarks(facts["models"]):
        print(f"  {remark}")


def encoder(facts: dict[str, Any]) -> None:
    """Prints the speed of the encoder."""
    _show(_ENCODER_TITLE, *_encoder_table(facts))


def save(facts: dict[str, Any], folder: pathlib.Path, stem: str) -> None:
    """Writes all results to a `.json` and the tables to a `.md`; parts that were not measured are kept from before."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}.json"
    facts = (json.loads(path.read_text()) if path.exists() else {}) | facts
    path.write_text(json.dumps(facts, indent=1) + "\n")
    parts = [f"# Sparse weights\n\n{facts['cpu']}; LiteRT {facts['litert']}, default delegate, one thread.\n"]
    if "models" in facts:
        parts.append(f"## Models\n\n{_title(facts)}\n\n{_markdown(_model_head(facts), _model_rows(facts))}")
        parts.append("\n".join(f"- {remark}" for remark in remarks(facts["models"])) + "\n")
    if "encoder" in facts:
        parts.append(f"## Encoder\n\n{_ENCODER_TITLE}\n\n{_markdown(*_encoder_table(facts))}")
    (folder / f"{stem}.md").write_text("\n".join(parts))


def _title(facts: dict[str, Any]) -> str:
    tensorflow = f", TensorFlow {facts['tensorflow']}" if facts.get("tensorflow") else ""
    among = f", each a layer among others of {facts['among']:g} MB" if facts.get("among") else ""
    return f"n x n, target {facts['target']}{tensorflow}{among}: KB, microseconds a run, milliseconds to load."


def _present(facts: dict[str, Any]) -> list[str]:
    return [name for name in _NAMES if name in facts["models"][0]]


def _model_head(facts: dict[str, Any]) -> list[str]:
    sides = [head for name in _present(facts) for head in (f"{name} KB", "µs", "ms")]
    return ["n", "mode", "pattern", "zeros", *sides, "how tflir's runs", "encoding"]


def _model_rows(facts: dict[str, Any]) -> Rows:
    return [
        [
            str(row["n"]),
            row["mode"],
            row["pattern"],
            f"{row['zeros']:.0%}",
            *(cell for name in _present(facts) for cell in _cells(row[name])),
            row["tflir"]["how"],
            row["tflir"]["encoding"],
        ]
        for row in facts["models"]
    ]


def _cells(side: dict[str, Any] | None) -> tuple[str, str, str]:
    """The cells for KB, microseconds and milliseconds to load, or for what is wrong instead."""
    if side is None:
        return "", "", ""
    size = f"{side['bytes'] / 1e3:.1f}" if "bytes" in side else "–"
    if side["problem"]:
        return size, side["problem"], f"{side['load_ms']:.2f}" if "load_ms" in side else "–"
    return size, f"{side['us']:.1f}", f"{side['load_ms']:.2f}"


def remarks(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The cases in which tflir's model is wrong, or slower or larger than another correct one."""
    for row in rows:
        ours, layer = row["tflir"], f"{row['n']} {row['mode']} {row['pattern']} {row['zeros']:.0%}"
        if ours["problem"]:
            yield f"{layer}: tflir's {ours['problem']}"
            continue
        same = ("dense",) if ours["how"] == "dense" else ()  # one model, measured twice
        for name in (name for name in _NAMES[:2] if name in row and name not in same and not row[name]["problem"]):
            slower, larger = ours["us"] / row[name]["us"], ours["bytes"] / row[name]["bytes"]
            words = [f"{slower:.2f} times the time"] * (slower > _SLOWER)
            words += [f"{larger:.2f} times the size"] * (larger > _LARGER)
            if words:
                yield f"{layer}: {' and '.join(words)} of {name}'s ({ours['how']})"


_ENCODER_TITLE = "MB of dense constant a second (peak memory as a multiple of it), 80 % zeros, one thread."


def _encoder_table(facts: dict[str, Any]) -> tuple[list[str], Rows]:
    rows = facts["encoder"]
    head = ["type", "pattern", *rows[0]["alone"], "whole pass", "considered", "chosen", "of dense"]
    return head, [
        [
            row["type"],
            row["pattern"],
            *(_speed(cost) for cost in (*row["alone"].values(), row["pass"])),
            str(row["considered"]),
            row["encoding"],
            f"{row['bytes_after'] / row['bytes']:.3f}",
        ]
        for row in rows
    ]


def _speed(cost: dict[str, float]) -> str:
    return f"{cost['mb_per_s']:.0f} ({cost['peak']:.2f})"


def _show(title: str, head: Sequence[str], rows: Rows) -> None:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in head:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=max(Console().width, _WIDTH)).print(table)


def _markdown(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
