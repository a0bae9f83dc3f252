"""`--validate-each` and `--validate-rewrites`: run the program before and after, in the reference interpreter.

Each pass declares how much it may change outputs (`TflPass.changes`): `exact` not at all, `rounding` by rounding errors
of another order of the same sums, `lossy` by a loss of accuracy that is intended, where outputs must have the same
shapes and finite elements must be finite. The first pass, or rewrite, that changes an output more is an error.
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
"""How much an output may change, relative to its largest element; None: by any amount."""
STEPS = 0.05
"""The same for `rounding` if tensors are quantized: an integer that is rounded differently changes by a whole step."""


class Validation:
    """Runs a program before and after each pass and compares its outputs."""

    def __init__(self, data: str | None = None) -> None:
        """Programs run on the first sample of the `.npz` archive `data`, or on random inputs."""
        self._data = data
        self._inputs: Inputs | None = None
        self._wanted: Outputs | None = None
        """The outputs of the last program that could be run; each program is run once."""
        self._tolerance: float | None = None
        self._declared = ""
        self._said = False
        self.checked = 0
        """The number of comparisons so far."""

    def before(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs the program before the pass, unless it ran after the last pass."""
        self._tolerance, self._declared = _tolerance(each, module), _declared(each)
        if self._inputs is None:
            self._inputs = self._inputs_of(module)
        if self._wanted is None:
            self._wanted = self._outputs(module, f"before {each.name}")

    def after(self, each: ModulePass, module: ModuleOp) -> None:
        """Runs it after the pass. Raises `Error` if an output has changed more than the pass declares."""
        outputs = self._outputs(module, f"after {each.name}")
        self._compare(outputs, each.name)
        self._wanted = outputs

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

    def _compare(self, outputs: Outputs | None, what: str) -> None:
        if self._wanted is None or outputs is None:
            return
        self.checked += 1
        if how := moved(self._wanted, outputs, self._tolerance):
            hint = f"fix the rule, or declare the pass otherwise (changes = …, now '{self._declared}')"
            raise Error(f"{what} {how}, and the pass declares '{self._declared}'", hint=hint)

    def _skip(self, why: str) -> None:
        """Warns once that a program could not be run: it has an op without a kernel, or string inputs."""
        if not self._said:
            self._said = True
            say(f"note: not validated {why}")


def _tolerance(each: ModulePass, module: ModuleOp) -> float | None:
    declared = _declared(each)
    quantized = any(is_quantized(op) for op in module.walk())
    return STEPS if declared == "rounding" and quantized else TOLERANCE[declared]


def _declared(each: ModulePass) -> str:
    """How much a pass declares to change outputs; `lossy` for passes of other packages, which declare nothing."""
    return getattr(each, "changes", "lossy")
