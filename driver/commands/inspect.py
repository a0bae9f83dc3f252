"""`tflir inspect`: shows the contents of a model as tables, with `--json` for programs, or with `--html` as a page."""

from __future__ import annotations

import argparse
import json
import math
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tflir.commands.inputs import Input, given
from tflir.commands.outputs import PAGES, check_outputs
from tflir.commands.terminal import Row, human_size, output_console, percent, plain_table, progress
from tflir.ir.errors import USAGE, Error, printable

if TYPE_CHECKING:
    from rich.console import Console

    from tflir.inspection import Inspection, Port

JSON_VERSION = 1
"""Increased when a key of the JSON document is removed or changes its meaning."""
_MOST_PORTS, _MOST_ROWS, _MOST_CONSTANTS = 12, 24, 10
_BAR = 10


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from tflir.inspection import inspect_module
    from tflir.report.facts import plain

    source = given(arguments.model)
    if arguments.html:
        return _write_page(source, arguments.html, force=arguments.force)
    with progress("reading"):
        inspection = inspect_module(source.load(), source.name, source.size)
    if arguments.json:
        print(json.dumps(plain({"version": JSON_VERSION, **asdict(inspection)}), indent=1, allow_nan=False))
        return 0
    _Page(inspection, output_console(), everything=bool(arguments.verbose)).print()
    return 0


def _write_page(source: Input, path: str, *, force: bool) -> int:
    """Writes the graph of a model as a page."""
    from tflir.report.graph.page import write_graph_page

    if pathlib.Path(path).suffix.lower() not in PAGES:
        raise Error("a page is .html", file=path, hint="give it this ending", status=USAGE)
    check_outputs([path], [source.name], force=force)
    with progress("drawing"):
        write_graph_page(path, source.load(), pathlib.Path(source.name).name)
    print(f"wrote {printable(path)}: open it in a browser")
    return 0


class _Page:
    """The facts as tables."""

    def __init__(self, found: Inspection, console: Console, *, everything: bool) -> None:
        self.found = found
        self.console = console
        self.everything = everything

    def print(self) -> None:
        self._summary()
        self._subgraphs()
        self._signatures()
        self._operators()
        self._types()
        self._constants()
        self._metadata()

    def _most(self, usual: int) -> int | None:
        return None if self.everything else usual

    def _table(
        self, title: str, headers: Sequence[str], rows: Sequence[Row], flexible: int, numbers: Sequence[int] = ()
    ) -> None:
        self.console.print()
        flexible = min(flexible, len(headers) - 1)  # without inputs and outputs, the columns of their tensors are gone
        table = plain_table(self.console, title, headers, rows, flexible=flexible, numbers=numbers)
        self.console.print(table, crop=False)

    def _summary(self) -> None:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in _summary(self.found):
            grid.add_row(name, Text(printable(text)))
        self.console.print(grid)

    def _subgraphs(self) -> None:
        subgraphs = self.found.subgraphs
        shown = subgraphs[: self._most(_MOST_ROWS)]
        rows: list[Row] = []
        for subgraph in shown:
            title = (subgraph.name, str(subgraph.operators))
            rows += _port_rows(title, subgraph.inputs, subgraph.outputs, self._most(_MOST_PORTS))
        rows += _more(len(subgraphs) - len(shown), 7)
        headers = ("subgraph", "ops", "", "tensor", "type", "shape", "scale:zero")
        headers, rows = _without_empty(headers, rows, kept=2)
        title = "Subgraphs" if len(subgraphs) > 1 else "Subgraph"
        self._table(title, headers, rows, flexible=3, numbers=(1,))

    def _signatures(self) -> None:
        signatures = self.found.signatures
        if not signatures:
            return
        shown = signatures[: self._most(_MOST_ROWS)]
        rows: list[Row] = []
        for signature in shown:
            title = (signature.key or "(no key)", signature.subgraph)
            rows += _port_rows(title, signature.inputs, signature.outputs, self._most(_MOST_PORTS))
        rows += _more(len(signatures) - len(shown), 7)
        headers = ("signature", "subgraph", "", "name", "type", "shape", "scale:zero")
        headers, rows = _without_empty(headers, rows, kept=2)
        self._table("Signatures" if len(signatures) > 1 else "Signature", headers, rows, flexible=3)

    def _operators(self) -> None:
        whole = self.found.constant_bytes
        rows: list[Row] = []
        for kind in self.found.operators:
            note = "needs Flex" if kind.flex else "custom" if kind.custom else ""
            versions = ", ".join(map(str, kind.versions))
            size = human_size(kind.constant_bytes) if kind.constant_bytes else ""
            share = _share(kind.constant_bytes, whole)
            rows.append([kind.name, str(kind.count), versions, size, *share, note])
        headers = ("operator", "count", "version", "constants", "share", "", "")
        headers, rows = _without_empty(headers, rows)
        self._table(f"Operators: {self.found.operator_count}", headers, rows, flexible=0, numbers=(1, 2, 3, 4))

    def _types(self) -> None:
        rows: list[Row] = []
        for group in self.found.types:
            counts = [str(count) if count else "" for count in (group.activations, group.constants)]
            size = human_size(group.bytes) if group.bytes else ""
            rows.append([group.type, *counts, size, *_share(group.bytes, self.found.constant_bytes)])
        headers = ("type", "activations", "constants", "bytes", "share", "")
        self._table("Tensors", headers, rows, flexible=0, numbers=(1, 2, 3, 4))

    def _constants(self) -> None:
        constants = self.found.constants
        if not constants:
            return
        shown = constants[: self._most(_MOST_CONSTANTS)]
        rows: list[Row] = []
        for constant in shown:
            zeros = "" if constant.zeros is None else percent(constant.zeros, math.prod(constant.shape))
            note = "sparse" if constant.sparse else ""
            size = human_size(constant.bytes)
            rows.append([constant.name, constant.type, shape_text(constant.shape), size, zeros, note])
        headers, rows = _without_empty(("constant", "type", "shape", "bytes", "zeros", ""), rows)
        cut = len(shown) < len(constants)
        title = f"Largest of {len(constants)} constants above 1 kB" if cut else "Large constants"
        self._table(title, headers, rows, flexible=0, numbers=(3, 4))

    def _metadata(self) -> None:
        if not self.found.metadata:
            return
        sizes = ["" if entry.bytes is None else human_size(entry.bytes) for entry in self.found.metadata]
        rows: list[Row] = [
            [entry.name or "(no name)", size] for entry, size in zip(self.found.metadata, sizes, strict=True)
        ]
        self._table("Metadata", ("name", "bytes"), rows, flexible=0, numbers=(1,))


def _summary(inspection: Inspection) -> Iterator[tuple[str, str]]:
    yield "file", inspection.file
    parts = [f"{human_size(inspection.constant_bytes)} constants"]
    if inspection.metadata_bytes:
        parts.append(f"{human_size(inspection.metadata_bytes)} metadata")
    if inspection.placed_bytes:
        parts.append(f"{human_size(inspection.placed_bytes)} compiled code")
    named = inspection.constant_bytes + inspection.metadata_bytes + inspection.placed_bytes
    if (rest := inspection.bytes - named) > 0:
        parts.append(f"{human_size(rest)} graph")
    yield "size", f"{human_size(inspection.bytes)}: {', '.join(parts)}"
    if inspection.description:
        yield "description", inspection.description
    needs = f", needs runtime {inspection.min_runtime_version}" if inspection.min_runtime_version else ""
    yield "schema", f"version {inspection.schema_version}{needs}"
    yield "quantization", _quantization_text(inspection)
    if zeros := _overall_zeros(inspection):
        yield "zeros", zeros
    if inspection.variables:
        yield "variables", str(inspection.variables)
    outside = [f"{kind.name} x{kind.count}" for kind in inspection.operators if kind.custom]
    if inspection.associated_files:
        shown = inspection.associated_files[:_MOST_PORTS]
        yield (
            "files",
            ", ".join(shown) + (f" and {more} more" if (more := len(inspection.associated_files) - len(shown)) else ""),
        )
    if outside:
        yield "custom ops", ", ".join(outside)


def _quantization_text(inspection: Inspection) -> str:
    facts = inspection.quantization
    counts = (
        (facts.hybrid_operators, "hybrid operator"),
        (facts.quantized_activations, "quantized activation"),
        (facts.per_axis, "per-channel constant"),
        (facts.per_tensor, "per-tensor constant"),
        (facts.blockwise, "blockwise constant"),
        (facts.float16_constants, "float16 constant"),
        (facts.weight_only, "weight-only constant"),
    )
    said = ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts if count)
    return f"{facts.scheme} ({said})" if said else facts.scheme


def _overall_zeros(inspection: Inspection) -> str:
    """The share of zeros over all large constants."""
    counted = [constant for constant in inspection.constants if constant.zeros is not None]
    elements = sum(math.prod(constant.shape) for constant in counted)
    if not elements:
        return ""
    zeros = sum(constant.zeros or 0 for constant in counted)
    return f"{percent(zeros, elements)} of the elements of constants above 1 kB" if zeros else ""


def shape_text(shape: Sequence[int] | None) -> str:
    """`1x28x28x1`, with ? for a dynamic dimension; `scalar`; or * if even the rank is unknown."""
    if shape is None:
        return "*"
    return "x".join("?" if size < 0 else str(size) for size in shape) or "scalar"


def _port_rows(title: tuple[str, str], inputs: list[Port], outputs: list[Port], most: int | None) -> list[Row]:
    """A row for each input and output; the first row has the title."""
    rows: list[Row] = []
    for side, ports in (("in", inputs), ("out", outputs)):
        for at, port in enumerate(ports[:most]):
            scale = "" if port.scale is None else f"{port.scale:.6g}:{port.zero_point}"
            kind = port.type.removesuffix(" per-tensor")
            rows.append(["", "", "" if at else side, port.name, kind, shape_text(port.shape), scale])
        if most is not None and len(ports) > most:
            rows.append(["", "", "", f"… {len(ports) - most} more (-v shows them)", "", "", ""])
    if not rows:
        rows.append([""] * 7)
    rows[0][:2] = title
    return rows


def _more(count: int, columns: int) -> list[Row]:
    return [[f"… {count} more", *[""] * (columns - 1)]] if count > 0 else []


def _without_empty(headers: Sequence[str], rows: list[Row], kept: int = 1) -> tuple[list[str], list[Row]]:
    """The table without its last columns if they are empty; the first `kept` stay."""
    last = len(headers)
    while last > kept and not any(row[last - 1] for row in rows):
        last -= 1
    return list(headers[:last]), [row[:last] for row in rows]


def _share(part: int, whole: int) -> tuple[Any, Any]:
    """A share as a number and as a bar."""
    from rich.text import Text

    if not part:
        return "", ""
    eighths = round(8 * _BAR * part / whole) if whole else 0
    full, rest = divmod(eighths, 8)
    return percent(part, whole), Text("█" * full + ("" if not rest else " ▏▎▍▌▋▊▉"[rest]), style="cyan")
