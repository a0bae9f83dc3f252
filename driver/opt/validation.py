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
from tflir.opt.outputs_check import Inputs, Outputs, moved, outputs_of, random_inputs, recorded_inputs

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

    def __init__(self, data: str | None = None) -> None:
        """Programs run on the first sample of the `.npz` archive `data`, or on random inputs."""
        self._data = data
        self._inputs: Inputs | None = None
        self._wanted: Outputs | None = None
        """What the program gave when it last could be run; each program is run once."""
        self._tolerance: float | None = None
        self._declared = ""
        self._said = False
        self.checked = 0
        """Comparisons that were made."""

    def before(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs the program as it is before the pass, where the one after the last pass did not run."""
        self._tolerance, self._declared = _tolerance(each, module), _declared(each)
        if self._inputs is None:
            self._inputs = self._inputs_of(module)
        if self._wanted is None:
            self._wanted = self._outputs(module, f"before {each.name}")

    def after(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs it after the pass. Raises `Error` where an output has moved further than the pass declares."""
        found = self._outputs(module, f"after {each.name}")
        self._compare(found, each.name)
        self._wanted = found

    def after_rewrite(self, event: Event, module: ModuleOp) -> None:
        """The same after one rewrite of the pass."""
        what = f"{event.pass_name}: rewrite {event.number} ({event.rule} at {event.root.text()})"
        self._compare(self._outputs(module, f"after {what}"), what)

    def _inputs_of(self, module: ModuleOp) -> Inputs | None:
        if self._data is not None:
            return recorded_inputs(module, self._data)
        try:
            return random_inputs(module)
        except Error as error:
            self._skip(str(error))
            return None

    def _outputs(self, module: ModuleOp, when: str) -> Outputs | None:
        if self._inputs is None:
            return None
        try:
            return outputs_of(module, self._inputs)
        except Error as error:
            self._skip(f"{when}: {error}")
            return None

    def _compare(self, found: Outputs | None, what: str) -> None:
        if self._wanted is None or found is None:
            return
        self.checked += 1
        if how := moved(self._wanted, found, self._tolerance):
            hint = f"mend the rule, or declare the pass otherwise (changes = …, now '{self._declared}')"
            raise Error(f"{what} {how}, and the pass declares '{self._declared}'", hint=hint)

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
