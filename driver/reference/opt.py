"""The documentation's page of the options of `tflir-opt`, made from their table: `python -m tflir.reference.opt`."""

from __future__ import annotations

from collections.abc import Iterator

from tflir.opt.flags import GROUPS, Flag

_HEAD = """# Options of `tflir-opt`

Made from the table in `driver/opt/flags.py`. Names that begin with `--mlir-` are those of `mlir-opt`; every switch
takes `=true` and `=false`, and a long name may have one dash. `--PASS` and `--PASS='x=1 y=2'` run passes in the order
given.
"""


def page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for group in GROUPS:
        lines += [
            f"## {(group.title or 'input and output').capitalize()}",
            "",
            "| option | what it does | |",
            "|---|---|---|",
        ]
        lines += [
            f"| {_names(flag)} | {flag.help.replace('|', chr(92) + '|')} | {_notes(flag)} |" for flag in group.flags
        ]
        lines.append("")
    return "\n".join(lines)


def _names(flag: Flag) -> str:
    value = f"=[{flag.metavar}]" if flag.alone else f" {flag.metavar}" if flag.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in sorted((flag.name, *flag.also), key=len))


def _notes(flag: Flag) -> str:
    return "; ".join(_each_note(flag))


def _each_note(flag: Flag) -> Iterator[str]:
    if flag.same:
        yield "accepted: it is always so"
    if flag.off:
        yield f"switched off by {', '.join(f'`{name}`' for name in flag.off)} too"
    if flag.without:
        yield f"warned of without `{flag.without}`"
    if flag.excludes:
        yield f"refused beside {', '.join(f'`{name}`' for name in flag.excludes)}"


if __name__ == "__main__":
    print(page(), end="")
