"""The passes of a search before the forms of weights are noted on ops: they compute weights that follow from constants.

Which weights they compute depends on which become integers: those of a layer that stays float are computed by the
model at each run, as before, since they would be stored beside the constants that they follow from.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from xdsl.ir import Operation, SSAValue

from tflir.backends.files import temporary_room
from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.pass_manager import run_pipeline
from tflir.passes.canonicalize.fold_weights import COMPUTED, FoldWeightsPass
from tflir.passes.recipes.resolve import candidates
from tflir.passes.rewriting.values import is_float

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

Computed = Mapping[tuple[str, str], Sequence[int]]
"""By the kind and the name of an op whose weights follow from constants: the numbers of these constants."""


class Head:
    """The first passes, in two parts: the second one starts with the pass that computes weights."""

    def __init__(self, passes: Sequence[ModulePass]) -> None:
        at = next(place for place, one in enumerate(passes) if isinstance(one, FoldWeightsPass))
        self._first, self._rest = passes[:at], passes[at + 1 :]
        self._fold = passes[at]
        self.computes = False
        """Whether weights of the model are computed if all that can be become integers."""

    def run(self, module: ModuleOp) -> Computed:
        """Runs all passes, as for weights that all become integers; returns the ops whose weights have constants in
        common, so that they become integers together or not at all.
        """
        self.start(module)
        found = _computed(module)
        reports = run_pipeline(module, [self._folding("")], verify_each=False)
        self.computes = any(report.counts[COMPUTED] for report in reports)
        run_pipeline(module, self._rest, verify_each=False)
        return found if self.computes else {}

    def start(self, module: ModuleOp) -> None:
        """Runs the first part."""
        run_pipeline(module, self._first, verify_each=False)

    def finish(self, module: ModuleOp, rules: str = "") -> None:
        """Runs the second part, for weights that become integers as rules in TOML say; all, if there are none."""
        with temporary_room(), tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "rules.toml")
            file.write_text(rules, encoding="utf-8")
            run_pipeline(module, [self._folding(str(file) if rules else ""), *self._rest], verify_each=False)

    def _folding(self, recipe: str) -> FoldWeightsPass:
        assert isinstance(self._fold, FoldWeightsPass)
        return replace(self._fold, recipe=recipe)


def _computed(module: ModuleOp) -> Computed:
    """The constants from which the weights of each named op follow."""
    numbers: dict[SSAValue, int] = {}
    found: dict[tuple[str, str], list[int]] = {}
    for op, builtin in candidates(module):
        if not (called := names.first_name(op)):
            continue
        for at in op.INFO.weight_operands:
            if at < len(op.operands):
                sources = [numbers.setdefault(value, len(numbers)) for value in _sources(op.operands[at])]
                found.setdefault((builtin, called), []).extend(sources)
    return found


def _sources(value: SSAValue) -> Iterator[SSAValue]:
    """The float constants that a value follows from; none if it follows from anything else too."""
    found: dict[SSAValue, None] = {}
    seen, open_ = {value}, [value]
    while open_:
        one = open_.pop()
        if is_constant(one):
            found |= {one: None} if is_float(one) else {}
        elif not isinstance(one.owner, Operation) or one.owner.regions or not one.owner.operands:
            return
        else:
            open_ += [operand for operand in one.owner.operands if operand not in seen]
            seen.update(one.owner.operands)
    yield from found
