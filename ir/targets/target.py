"""A target: the table of what a runtime's kernels take, and of what they get wrong.

```python
takes("ADD SUB", ("f32 f32 -> f32", "qi8 qi8 -> qi8"), SCALES_ARE_NEAR, otherwise="float or int8 only")
fails("crashes", "DEQUANTIZE", "qbi8", reason="int8 in blocks")
```
An op is looked up by its operator. Where a `Defect` describes it, that is the verdict. Else it is taken where one of
the rows has a pattern of its kinds and every need of that row is met; the reason for a refusal is the first need that
is not met, or that no row has its kinds. An operator without rows is taken where `others` says so. A
`tfl.builtin` of an operator with rows is one that its typed op does not hold, and is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Generic, TypeVar

from xdsl.ir import Operation

from tflir.ir.targets.kinds import Pattern, kind_in_words, kinds_in_words, pattern
from tflir.ir.targets.site import Site
from tflir.ir.targets.verdict import Status, Verdict
from tflir.ir.tfl.constants import BuiltinOp

ANY = "*"
"""In place of operators: a defect that any op may have."""


@dataclass(frozen=True)
class Need:
    """A named condition that kernels have beside the kinds of their operands."""

    reason: str
    """What is said of an op that does not meet it: `more than 5 operands`."""
    met: Callable[[Site], bool]
    mend: str = ""
    """The pass that makes ops meet it; empty: that of the row."""


@dataclass(frozen=True)
class Row:
    """Operators that a target takes, with which kinds of operands and under which conditions."""

    operators: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    """Empty: any kinds."""
    needs: tuple[Need, ...] = ()
    never: bool = False
    """Whether no op meets the needs: the row is there for its reason and its mend."""
    otherwise: str = ""
    """The reason where no pattern matches, `float only`; empty: the kinds that it takes and those that it got."""
    mend: str = ""
    known: str = ""
    """Empty: as the target's other rows are known."""

    def matches(self, site: Site) -> bool:
        """Whether operands and results are of kinds that the row is about."""
        return _any_matches(self.patterns, site)


@dataclass(frozen=True)
class Defect:
    """Operators that a target runs and gets wrong, or that keep a model from loading, or end the process."""

    operators: tuple[str, ...]
    patterns: tuple[Pattern, ...]
    status: Status
    reason: str
    where: tuple[Callable[[Site], bool], ...] = ()
    """All of these hold of an op that the defect is about."""
    mend: str = ""
    known: str = ""

    def describes(self, site: Site) -> bool:
        """Whether the op has the defect."""
        return _any_matches(self.patterns, site) and all(holds(site) for holds in self.where)


def takes(
    operators: str,
    kinds: str | tuple[str, ...] = (),
    *needs: Need,
    otherwise: str = "",
    mend: str = "",
    known: str = "",
) -> Row:
    """A row; operators stand in one string, with spaces between them, and `kinds` are patterns."""
    return Row(tuple(operators.split()), _patterns(kinds), needs, False, otherwise, mend, known)


def refuses(operators: str, kinds: str | tuple[str, ...] = (), *, reason: str, mend: str = "", known: str = "") -> Row:
    """A row that no op meets: operators, of these kinds, that are refused with a reason and a mend of their own."""
    needs = (Need(reason, lambda site: False),)
    return Row(tuple(operators.split()), _patterns(kinds), needs, never=True, mend=mend, known=known)


def fails(
    status: Status,
    operators: str,
    kinds: str | tuple[str, ...] = (),
    *where: Callable[[Site], bool],
    reason: str,
    mend: str = "",
    known: str = "",
) -> Defect:
    """A defect; operators stand in one string, with spaces between them, and `kinds` are patterns."""
    return Defect(tuple(operators.split()), _patterns(kinds), status, reason, where, mend, known)


def _patterns(kinds: str | tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(pattern(text) for text in ((kinds,) if isinstance(kinds, str) else kinds))


def _any_matches(patterns: tuple[Pattern, ...], site: Site) -> bool:
    return not patterns or any(each.matches(site.kinds, site.result_kinds) for each in patterns)


_UNFIT = "operands or options that no kernel takes"
_Entry = TypeVar("_Entry", Row, Defect)


class _ByOperator(Generic[_Entry]):
    """Entries of a table by the operator that they are about."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._found: dict[str, list[_Entry]] = defaultdict(list)
        for entry in entries:
            for operator in entry.operators:
                self._found[operator].append(entry)

    def of(self, operator: str) -> list[_Entry]:
        return self._found.get(operator, [])


@dataclass(frozen=True)
class Target:
    """What one runtime takes."""

    name: str
    about: str
    """One sentence for a person."""
    rows: tuple[Row, ...]
    defects: tuple[Defect, ...] = ()
    known: str = ""
    """How the rows are known that do not say it themselves."""
    others: bool = False
    """Whether operators without a row are taken."""
    no_row: str = "it has no kernel"
    """What is said of operators without a row where they are refused."""
    runs_in: str = ""
    """The target that runs the ops that this one refuses; empty: nothing does."""
    mended_by: tuple[str, ...] = ()
    """The passes that rewrite what it refuses into forms that it takes, in their order."""

    def verdict(self, op: Operation) -> Verdict:
        """Whether the target takes an op of a module, and why not."""
        site = Site(op, self)
        for defect in (*self._defects.of(site.operator), *self._defects.of(ANY)):
            if defect.describes(site):
                return Verdict(defect.status, defect.reason, defect.mend, defect.known or self.known)
        rows = self._rows.of(site.operator)
        if rows and isinstance(op, BuiltinOp):  # rows look at options that a typed op alone holds
            return self._refused(_UNFIT)
        if not rows:
            return Verdict("taken", known=self.known) if self.others else self._refused(self.no_row)
        fitting = [row for row in rows if row.matches(site)]
        unmet = [(row, _first_unmet(row, site)) for row in fitting]
        for row, need in unmet:
            if need is None:
                return Verdict("taken", known=row.known or self.known)
        for row, need in unmet:
            assert need is not None
            return self._refused(need.reason, need.mend or row.mend, row.known)
        taking = [row for row in rows if not row.never]
        if not taking:
            return self._refused(self.no_row)
        return self._refused(taking[0].otherwise or _kinds_in_words(site, taking), known=taking[0].known)

    def _refused(self, reason: str, mend: str = "", known: str = "") -> Verdict:
        return Verdict("refused", reason, mend, known or self.known)

    def operators(self) -> list[str]:
        """The operators that the table names, in its order."""
        return list(dict.fromkeys(chain.from_iterable(row.operators for row in self.rows)))

    @cached_property
    def _rows(self) -> _ByOperator[Row]:
        return _ByOperator(self.rows)

    @cached_property
    def _defects(self) -> _ByOperator[Defect]:
        return _ByOperator(self.defects)


def _first_unmet(row: Row, site: Site) -> Need | None:
    return next((need for need in row.needs if not need.met(site)), None)


def _kinds_in_words(site: Site, rows: list[Row]) -> str:
    """`takes float or int8, not int16`: the operand that differs from what the rows take."""
    for index, kind in enumerate(site.kinds):
        ports = [each.operands[index] for row in rows for each in row.patterns if index < len(each.operands)]
        if not ports or any(port.takes(kind) for port in ports):
            continue
        taken = kinds_in_words(chain.from_iterable(sorted(port.kinds) for port in ports))
        place = "" if index == 0 else f" as operand {index}"
        return f"takes {taken}{place}, not {kind_in_words(kind)}"
    return f"no kernel for {' beside '.join(map(kind_in_words, site.kinds))} to {kinds_in_words(site.result_kinds)}"
