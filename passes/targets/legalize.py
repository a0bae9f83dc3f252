"""`tfl-legalize`: no op in a form that a target computes wrongly, does not load, or crashes on."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tflir.ir.errors import UNMET, Error
from tflir.ir.functions import functions
from tflir.ir.names import place
from tflir.ir.targets import TARGETS, Target, Verdict
from tflir.ir.targets.kinds import kind_of
from tflir.ir.targets.site import Site, is_operator
from tflir.ir.targets.xnnpack_weights import half_beside_sparse
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.values import is_float
from tflir.passes.targets.weight_forms import SUFFIXES, WeightForms, stored_integers
from tflir.passes.weights.blocks import ignores_activation, separate_activation
from tflir.passes.weights.reading import floats, replace_constant

_BIAS = 2
"""The position of the bias of convolutions and fully connected layers."""
_SAID = {"wrong": "computes it wrongly", "unloadable": "does not load it", "crashes": "crashes on it"}


@dataclass(frozen=True)
class LegalizePass(TflPass):
    """
    Gives ops that a target runs wrongly, or not at all, weights of another form: wider integers, a dequantize, float32.
    A fused activation that the kernel ignores becomes an op of its own, a float16 bias float32.

    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<8x64x!quant.uniform<i4:f32, 0.1>>, value = dense<-8> …}> …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    becomes, since the built-in kernel reads the int4 number -8 as 8,
    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<8x64x!quant.uniform<i8<-8:7>:f32, 0.1>>, value = dense<-8> …}> …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    An op without such a form is named in a warning; `require` makes it an error (status 3).
    """

    name = "tfl-legalize"
    changes = "lossy"
    per_function = True

    target: str = "litert"
    """The target: litert, xnnpack, or another one of the tables."""
    require: bool = False
    """An op that has no legal form is an error."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        target = TARGETS.get(self.target)
        for function in functions(module):
            self._legalize(function, target, report)

    def _legalize(self, function: FuncOp, target: Target, report: PassReport) -> None:
        forms = WeightForms(function)
        for op in list(function.walk()):
            if op is function or not is_operator(op) or (defect := defect_of(op, target)) is None:
                continue
            if _mend(op, target, forms):
                report.count("ops made legal")
                continue
            what = f"{self.target} {_SAID[defect.status]}: {defect.reason}"
            if self.require:
                error = Error(f"{self.name}: {what}", op=op.name, location=place(op), status=UNMET)
                error.operation = op
                raise error
            report.decline(what, op)
            report.remarks.append(f"{op.name} '{place(op)}': {what}")
        forms.drop_unread()


def defect_of(op: Operation, target: Target) -> Verdict | None:
    """What is wrong with an op on a target or, where it refuses the op, on the target that runs the rest; or None."""
    verdict = target.verdict(op)
    if verdict.status == "refused" and target.runs_in:
        verdict = TARGETS.get(target.runs_in).verdict(op)
    return verdict if verdict.status in _SAID else None


def _mend(op: Operation, target: Target, forms: WeightForms) -> bool:
    """Gives an op the first form that the target runs; False where there is none. The first two change no number."""
    if (_separated(op) or _with_wide_bias(op, target)) and defect_of(op, target) is None:
        return True
    indices = [index for index, value in enumerate(op.operands) if stored_integers(value) is not None]
    return any(forms.set(op, indices, form, lambda: defect_of(op, target) is None) for form in SUFFIXES)


def _separated(op: Operation) -> bool:
    """Makes a fused activation an op of its own, where weights lie in blocks that the kernel reads without it."""
    if not ignores_activation(op) or kind_of(op.operands[1]) != "qbi4" or not is_float(op.operands[0]):
        return False
    assert isinstance(op, TflOp)
    return separate_activation(op)


def _with_wide_bias(op: Operation, target: Target) -> bool:
    """Makes a float16 bias float32, where weights are what a DENSIFY and a DEQUANTIZE make."""
    biased = isinstance(op, TflOp) and op.INFO.bias is not None and len(op.operands) > op.INFO.bias[0] == _BIAS
    if not biased or not half_beside_sparse(Site(op, target)) or (bias := constant_of(op.operands[_BIAS])) is None:
        return False
    replace_constant(bias, floats(bias))
    return True
