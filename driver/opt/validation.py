"""`--validate-each` and `--validate-rewrites`: a program is run before and after, in the reference interpreter.

Each pass declares how far it may move outputs (`TflPass.changes`): `exact` not at all, `rounding` by the roundings of
another order of the same sums, `lossy` by what it gives up on purpose, where outputs must still have their shapes and
be finite where they were. The first pass, or rewrite, that moves an output further is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tflir.backends.interpreter.kernel import is_quantized
from tflir.commands.terminal import say
from tflir.ir.errors import Error
from tflir.opt.outputs_check import OutputsCheck
from tflir.opt.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.passes.rewriting.events import Event

TOLERANCE: dict[str, float | None] = {"exact": 0.0, "rounding": 1e-4, "lossy": None}
"""How far an output may move, beside its largest element; None: as far as it likes."""
STEPS = 0.05
"""The same for `rounding` where tensors are quantized: an integer that is rounded otherwise moves by a whole step."""


class Validation:
    """What the outputs of a program are before each pass, and whether they stay so."""

    def __init__(self, inputs: str | None = None) -> None:
        self._inputs = inputs
        self._check: OutputsCheck | None = None
        self._pass: ModulePass | None = None
        self._said = False
        self.checked = 0
        """Comparisons that were made."""

    def before(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs the program as it is before the pass."""
        self._pass = each
        try:
            self._check = OutputsCheck(snapshot(module), _tolerance(each, module), self._inputs)
        except Error as error:
            if error.status == 2:
                raise
            self._check = None
            self._skip(f"before {each.name}: {error.what}")

    def after(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs it after the pass. Raises `Error` where an output has moved further than the pass declares."""
        self._compare(module, each.name)

    def after_rewrite(self, event: Event, module: ModuleOp) -> None:
        """The same after one rewrite."""
        self._compare(module, f"{event.pass_name}: rewrite {event.number} ({event.rule} at {event.root.text()})")

    def _compare(self, module: ModuleOp, what: str) -> None:
        if self._check is None or self._pass is None:
            return
        moved = self._check.moved(module)
        if moved is None:
            self._skip(f"after {what}: {self._check.reason}")
            return
        self.checked += 1
        if moved:
            declared = _declared(self._pass)
            hint = f"mend the rule, or declare the pass otherwise (changes = …, now '{declared}')"
            raise Error(f"{what} {moved}, and the pass declares '{declared}'", hint=hint)

    def _skip(self, why: str) -> None:
        """Says once that a program could not be run: an op without a kernel, inputs that can't be made up."""
        if not self._said:
            self._said = True
            say(f"note: not validated {why}")


def _tolerance(each: ModulePass, module: ModuleOp) -> float | None:
    declared = _declared(each)
    quantized = any(is_quantized(op) for op in module.walk())
    return STEPS if declared == "rounding" and quantized else TOLERANCE[declared]


def _declared(each: ModulePass) -> str:
    """What a pass declares; passes of others, which declare nothing, may be lossy."""
    return getattr(each, "changes", "lossy")
