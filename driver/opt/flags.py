"""The options of `tflir-opt`, each declared once: its names, its values, its help, and the options that it needs.

The parser of the command line, the warnings and the documentation's page are made from this table. This module needs
only the standard library. The names of the same options in `mlir-opt` are accepted too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

REPRODUCER = "tflir-reproducer.mlir"
MARKER = "// -----"
"""The default marker between the parts of an input."""
PASSES, TEXT = "-p", "--emit mlir"
"""Values of `Flag.without`: a pipeline, output as text."""


def not_empty(value: str) -> str:
    """Accepts a text with more than blanks."""
    if not value.strip():
        raise ValueError("is empty")
    return value


def count(value: str) -> int:
    """Accepts an integer >= 0."""
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise ValueError(f"'{value}' is no whole number from 0 on")
    return int(value)


def names(value: str) -> list[str]:
    """Accepts names separated by commas."""
    return [name for each in value.split(",") if (name := each.strip())]


@dataclass(frozen=True)
class Flag:
    """One option."""

    name: str
    help: str
    also: tuple[str, ...] = ()
    """Its other names: short ones, and those of `mlir-opt`."""
    metavar: str = ""
    """The name of its value in the help; empty for a switch."""
    take: Callable[[str], Any] = not_empty
    """Converts a text to the value, or raises `ValueError`."""
    default: Any = None
    many: bool = False
    """It may be given several times; `take` returns a list."""
    alone: str | None = None
    """The value that is used if the flag is given without one; such a flag accepts a value only after `=`."""
    choices: tuple[str, ...] = ()
    negative: bool = False
    """Whether it is a switch that is on by default, with `--no-…` to switch it off."""
    off: tuple[str, ...] = ()
    """Names of `mlir-opt` that switch it off."""
    without: str = ""
    """What it has no effect without, which a warning says: `PASSES` or `TEXT`."""
    same: bool = False
    """Whether it is accepted only because `mlir-opt` has it: it requests what tflir always does."""
    excludes: tuple[str, ...] = field(default=())
    """Flags that it can't be combined with."""

    @property
    def attribute(self) -> str:
        """Its name in the parsed arguments."""
        return self.name.lstrip("-").replace("-", "_")

    @property
    def is_switch(self) -> bool:
        return not self.metavar

    def is_given(self, value: Any) -> bool:
        """Whether a value differs from the default."""
        return value not in (self.default, False, None) and value != []

    def check(self, value: str) -> Any:
        """The value for a text; the error about a wrong one lists the choices."""
        if self.choices and value not in self.choices:
            raise ValueError(f"'{value}' is none of {', '.join(self.choices)}")
        return self.take(value)


@dataclass(frozen=True)
class Group:
    """Options under one heading of the help."""

    title: str
    flags: tuple[Flag, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "",
        (
            Flag("--pass-pipeline", "passes: 'a,b{x=1 y=2}' or 'builtin.module(a,func.func(b))'", ("-p", "--passes"),
                 "PIPELINE", take=str, default=""),
            Flag("--pdl", "after those passes, apply the PDL patterns of FILE, as tfl-apply-pdl does", (), "FILE",
                 lambda path: [not_empty(path)], default=(), many=True),
            Flag("--output", "where the result goes (default: stdout)", ("-o",), "OUT", default="-"),
            Flag("--emit", "mlir or tflite: what to write (default: by OUT's ending, else mlir)", (), "FORMAT",
                 choices=("mlir", "tflite")),
            Flag("--split-input-file", "the parts between lines that begin with MARKER apart (default: // -----)", (),
                 "MARKER", alone=MARKER),
            Flag("--output-split-marker", "what stands between the parts in the output (default: // -----)", (),
                 "MARKER", take=str, default=MARKER),
            Flag("--verify-diagnostics", "check errors against expected-error comments; only-expected: take no notice "
                 "of others", (), "WHICH", alone="all", choices=("all", "only-expected")),
            Flag("--verify-each", "verify after each pass", default=True, negative=True),
            Flag("--validate-each", "run the program before and after each pass, and end at the first that moves an "
                 "output further than it declares (exact, rounding or lossy)", without=PASSES),
            Flag("--validate-rewrites", "the same after every rewrite", without=PASSES),
            Flag("--validate-inputs", "with --validate-each: an .npz archive whose first sample is run (default: "
                 "random inputs)", (), "DATA.npz", without=PASSES),
            Flag("--verify-input", "verify what was read", default=True, negative=True,
                 off=("--mlir-very-unsafe-disable-verifier-on-parsing",)),
            Flag("--verify-roundtrip", "check that what is printed of the input reads back as the same program"),
            Flag("--allow-unregistered-dialect", "take ops, types and attributes of dialects that are not known"),
            Flag("--plugin", "use what plug-in NAME changes of built-in ops too", ("--load-pass-plugin",
                 "--load-dialect-plugin"), "NAME[,NAME…]", take=names, default=(), many=True),
            Flag("--show-source", "below an error show its source line, a caret and notes: auto (where stderr is a "
                 "terminal, else errors are one line), always or never", (), "WHEN", default="auto", alone="always",
                 choices=("auto", "always", "never")),
            Flag("--debug", "show tracebacks", ("--mlir-print-stacktrace-on-diagnostic",)),
        ),
    ),
    Group(
        "printing",
        (
            Flag("--print-resources", "print the bytes of large constants", without=TEXT),
            Flag("--elide-elements-if-larger", "leave out constants of more than N elements, and print all others",
                 ("--mlir-elide-elementsattrs-if-larger", "--mlir-elide-resource-strings-if-larger"), "N", count,
                 without=TEXT, excludes=("--print-resources",)),
            Flag("--print-debuginfo", "print locations: the names of tensors", ("--mlir-print-debuginfo",),
                 without=TEXT),
            Flag("--print-generic", "print every op in MLIR's generic form", ("--mlir-print-op-generic",),
                 without=TEXT),
        ),
    ),
    Group(
        "watching passes (on stderr)",
        (
            Flag("--print-ir-before", "print the program before PASS", ("--mlir-print-ir-before",), "PASS[,PASS…]",
                 names, default=(), many=True),
            Flag("--print-ir-after", "print the program after PASS", ("--mlir-print-ir-after",), "PASS[,PASS…]", names,
                 default=(), many=True),
            Flag("--print-ir-before-all", "print the program before each pass", ("--mlir-print-ir-before-all",),
                 without=PASSES),
            Flag("--print-ir-after-all", "print the program after each pass", ("--mlir-print-ir-after-all",),
                 without=PASSES),
            Flag("--print-ir-before-change", "print it before a pass that changes it",
                 ("--mlir-print-ir-before-change",), without=PASSES),
            Flag("--print-ir-after-change", "print it after a pass that changed it", ("--mlir-print-ir-after-change",),
                 without=PASSES),
            Flag("--print-ir-after-failure", "print it after a pass that failed", ("--mlir-print-ir-after-failure",),
                 without=PASSES),
            Flag("--print-ir-tree-dir", "print into files of this folder, one a pass (alone: after each pass)",
                 ("--mlir-print-ir-tree-dir",), "DIR", without=PASSES),
            Flag("--timing", "print the time that each pass took, and each of its rules", ("--mlir-timing",)),
            Flag("--stop-after-rewrite", "end the pipeline after N rewrites, and print the program as it is then; a "
                 "pass without rules counts as one", (), "N", count, without=PASSES),
            Flag("--trace", "write every rewrite as a step of an HTML page: arrow keys go through them", (), "FILE",
                 without=PASSES),
            Flag("--bisect", "print the first rewrite after which CHECK fails: 'outputs' or 'outputs=1e-3' (relative "
                 "to the largest, default 1e-5; on random inputs), or a command CMD FILE that ends with another status "
                 "than for INPUT", (), "CHECK", without=PASSES, excludes=("--stop-after-rewrite", "--trace",
                 "--split-input-file", "--verify-diagnostics", "--reduce", "--reduce-test")),
            Flag("--pass-statistics", "print what each pass did, and declined and why", ("--mlir-pass-statistics",),
                 without=PASSES),
            Flag("--dump-pass-pipeline", "print the pipeline with all options of its passes", without=PASSES),
            Flag("--mlir-disable-threading", "there is one thread", same=True),
            Flag("--mlir-print-ir-module-scope", "the whole module is printed", same=True),
            Flag("--mlir-print-assume-verified", "what is printed was verified", same=True),
            Flag("--mlir-use-nameloc-as-prefix", "values are called after tensors", same=True),
        ),
    ),
    Group(
        "failures",
        (
            Flag("--reproducer", f"where the program before a failed pass is left (default: {REPRODUCER})",
                 ("--mlir-pass-pipeline-crash-reproducer",), "FILE", default=REPRODUCER, without=PASSES),
            Flag("--run-reproducer", "run the pipeline that INPUT, a reproducer, names", excludes=("--pass-pipeline",)),
            Flag("--reduce", "print the smallest module in which the pipeline fails as it does in INPUT",
                 excludes=("--reduce-test", "--split-input-file", "--verify-diagnostics")),
            Flag("--reduce-test", "print the smallest module for which the command CMD FILE ends with the status that "
                 "it has for INPUT", (), "CMD",
                 excludes=("--pass-pipeline", "--split-input-file", "--verify-diagnostics")),
        ),
    ),
    Group(
        "questions",
        (
            Flag("--list-passes", "list the passes with their options",
                 excludes=("--show-dialects", "--list-plugins", "--explain")),
            Flag("--show-dialects", "list the dialects that are known", excludes=("--list-plugins", "--explain")),
            Flag("--list-plugins", "list what other packages bring", excludes=("--explain",)),
            Flag("--explain", "what a pass does, in full; with an INPUT, what its rules did there and why they did not "
                 "apply elsewhere", (), "PASS[=RULE]"),
        ),
    ),
)  # fmt: skip


def all_flags() -> Sequence[Flag]:
    """Every option, in the order of the help."""
    return [flag for group in GROUPS for flag in group.flags]


def by_name() -> dict[str, Flag]:
    """All options, by each of their names."""
    return {name: flag for flag in all_flags() for name in (flag.name, *flag.also)}
