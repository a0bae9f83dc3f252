"""`tflir compare`: what differs between two models, for a person or (`--json`) for machines."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import PAGES, check_outputs
from tflir.commands.terminal import Row, human_size, output_console, plain_table, progress, say
from tflir.commands.workers import team_of
from tflir.content import STDIN
from tflir.ir.errors import USAGE, Error, printable
from tflir.options import Options, options_from

if TYPE_CHECKING:
    from rich.console import Console
    from xdsl.dialects.builtin import ModuleOp

    from tflir.report.verify import Verification
    from tflir.structure import Change, Structure

JSON_VERSION = 1
"""Increased when a key of the JSON document is removed or changes its meaning."""
_MOST_CHANGES = 12
"""So many changes of each kind are shown, all with -v."""
_LONGEST_FACTS = 44


def run(arguments: argparse.Namespace) -> int:
    """Compares as the arguments say; returns the exit status, 1 where a limit is not met."""
    from tflir.quality.limits import Limits
    from tflir.report.side_by_side import Request, samples_for, side_by_side
    from tflir.structure import compare_structure

    request = Request(
        replace(_options(arguments), representative_dataset=arguments.inputs),
        Limits(arguments.min_snr, arguments.max_accuracy_drop),
        arguments.labels,
    )
    sources = _sources(arguments)
    _check_outputs(arguments, sources)
    with progress("reading"):
        modules = [source.load() for source in sources]
        first, second = (_runnable(source, module) for source, module in zip(sources, modules, strict=True))
        samples = samples_for(first, lambda: modules[0], request)
        structure = compare_structure(modules[0], modules[1], (sources[0].size, sources[1].size))
    try:
        with team_of(arguments) as team:
            verification = side_by_side(first, second, samples, request, float_layers=True, team=team)
    except Error as error:
        error.file = error.file or sources[1].name
        _show(arguments, sources, structure, None, error.what)
        _write(arguments, sources, modules, structure, None, error.what)
        raise
    _show(arguments, sources, structure, verification)
    _write(arguments, sources, modules, structure, verification)
    for line in verification.unmet:
        say(f"error: {sources[1].name}: {line}")
    return int(bool(verification.unmet))


def _options(arguments: argparse.Namespace) -> Options:
    """How values of the data are scaled. Raises `Error` (status 2) if there is no data."""
    options = options_from(vars(arguments))
    if options.scaling is not None and arguments.inputs is None:
        raise Error("options that scale data do nothing without --inputs", hint="add it", status=USAGE)
    return options


def _sources(arguments: argparse.Namespace) -> list[Input]:
    paths = [arguments.model, arguments.other]
    if paths == [STDIN, STDIN]:
        raise Error("both models are standard input", hint="name a file for one", status=USAGE)
    for path in paths:
        check_there(path)
    return [given(path) for path in paths]


def _check_outputs(arguments: argparse.Namespace, sources: Sequence[Input]) -> None:
    """Raises `Error` (status 2) if a file that is to be written has a wrong ending, exists or can't be written."""
    for path, endings in ((arguments.html, PAGES), (arguments.node_data, (".json",))):
        if path is not None and pathlib.Path(path).suffix.lower() not in endings:
            raise Error(f"does not end with {endings[0]}", file=path, hint="give it this ending", status=USAGE)
    outputs = [path for path in (arguments.html, arguments.node_data) if path is not None]
    check_outputs(outputs, [*(source.name for source in sources), arguments.inputs], force=arguments.force)


def _write(
    arguments: argparse.Namespace,
    sources: Sequence[Input],
    modules: Sequence[ModuleOp],
    structure: Structure,
    verification: Verification | None,
    error: str = "",
) -> None:
    """Writes the page and the data of nodes that are asked for."""
    if arguments.html is not None:
        from tflir.report.compare_page import Compared, write_compare_page

        names, both = (sources[0].name, sources[1].name), (modules[0], modules[1])
        compared = Compared(names, both, structure, verification, error, tuple(arguments.words))
        write_compare_page(arguments.html, compared)
        say(f"wrote {printable(arguments.html)}: open it in a browser")
    if arguments.node_data is not None and verification is not None:
        from tflir.model_explorer.node_data import write_node_data

        write_node_data(arguments.node_data, modules[1], verification.layers)
        say(f"wrote {printable(arguments.node_data)}: load it as node data in Model Explorer")


def _runnable(source: Input, module: Any) -> str | bytes:
    """The model as LiteRT loads it. Raises `Error` if it is text that can't be made a `.tflite`."""
    from tflir.files import to_bytes

    return to_bytes(module) if source.is_text else source.model


def _show(
    arguments: argparse.Namespace,
    sources: Sequence[Input],
    structure: Structure,
    verification: Verification | None,
    error: str = "",
) -> None:
    if arguments.json:
        print(json.dumps(_document(sources, structure, verification, error), indent=1, allow_nan=False))
        return
    console = output_console()
    _print_structure(sources, structure, console, everything=arguments.verbose)
    if verification is not None:
        from tflir.report.verify import print_falls, print_verification

        console.print()
        print_verification(verification, console)
        print_falls(verification.layers, console, None if arguments.verbose else 10)


def _document(
    sources: Sequence[Input], structure: Structure, verification: Verification | None, error: str
) -> dict[str, Any]:
    from tflir.report.facts import plain, verification_facts

    said: dict[str, Any] = {
        "version": JSON_VERSION,
        "models": [source.name for source in sources],
        "structure": asdict(structure),
        "numbers": None if verification is None else verification_facts(verification),
        "error": error,
    }
    return plain(said)


def _print_structure(sources: Sequence[Input], found: Structure, console: Console, *, everything: bool) -> None:
    from tflir.structure import KINDS, plural

    before, after = (f"{printable(source.name)} ({human_size(source.size)})" for source in sources)
    console.print(f"{before} -> {after}", soft_wrap=True)
    rows: list[Row] = [[plural(what), *_counted(found.counts[what])] for what in KINDS]
    _table(console, "Structure", ["", "same", "changed", "added", "removed"], rows, (1, 2, 3, 4), 0)
    rows = [[kind, str(mine), str(its)] for kind, (mine, its) in found.differing_operators.items()]
    _table(console, "Operators of which the count differs", ["operator", "before", "after"], rows, (1, 2), 0)
    rows = [[one.type, *map(str, one.constants), *map(human_size, one.bytes)] for one in found.differing_types]
    headers = ["type", "constants before", "after", "bytes before", "after"]
    _table(console, "Constants by type, where they differ", headers, rows, (1, 2, 3, 4), 0)
    for what in KINDS:
        changes = found.changes_of(what)
        shown = changes if everything else changes[:_MOST_CHANGES]
        title = f"What differs: {plural(what)}"
        if len(shown) < len(changes):
            title += f", the first {len(shown)} of {len(changes)} (-v: all)"
        _table(console, title, ["name", "", "before", "after"], [_change(change) for change in shown], (), 0)


def _counted(counts: Mapping[str, int]) -> list[str]:
    return [str(count) if count else "" for count in counts.values()]


def _change(change: Change) -> Row:
    return [change.name or "(no name)", change.how, _facts(change.before), _facts(change.after)]


def _facts(facts: Mapping[str, str]) -> str:
    """`int8 per-tensor, 1x4`: those that speak for themselves without their names."""
    plain = ("kind", "type", "shape", "inputs", "outputs", "text")
    text = ", ".join(value if key in plain else f"{key} {value}" for key, value in facts.items() if value)
    return text if len(text) <= _LONGEST_FACTS else f"{text[: _LONGEST_FACTS - 1]}…"


def _table(
    console: Console, title: str, headers: list[str], rows: list[Row], numbers: tuple[int, ...], flexible: int
) -> None:
    """Prints a table if it has rows."""
    if rows:
        console.print()
        console.print(plain_table(console, title, headers, rows, flexible=flexible, numbers=numbers), crop=False)
