"""`tfl-select-ops`: marks ops that quantization must keep float, and ops that share a scale though MLIR has no such
trait for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.near import near
from tflir.ir.tfl.activations import are_fused, fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.name_filter import expression
from tflir.passes.quantization.facts import KEEP_FLOAT, LEFT_OUT, SHARES_SCALE, bias_of
from tflir.passes.reasons import NOT_AMONG_THOSE_TO_QUANTIZE, SKIPPED, part_of_others
from tflir.passes.rewriting.carrying import all_names
from tflir.passes.rewriting.values import is_float


@dataclass(frozen=True)
class SelectOpsPass(TflPass):
    """
    Marks ops that stay float with `tfl.keep_float` and the reason.

    ```mlir
    %y = "tfl.scatter_nd"(%i, %x, %s) …
    ```
    becomes
    ```mlir
    %y = "tfl.scatter_nd"(%i, %x, %s) {tfl.keep_float = "its kernel fills with integer 0, …"} …
    ```
    `quantize-only` and `skip` name ops by kind (`CONV_2D`, `tfl.conv_2d`), by the name of one of their result tensors,
    or by a regular expression that matches such a name; the name of an op that was fused into another stands for that
    one. If no op has such a result, they name the ops that read a constant of this name. Ops that these options exclude
    are marked with `tfl.left_out` too, and no pass changes their weights. A pattern that matches nothing is an error,
    but for the kind of an activation that is part of the ops before it: it selects nothing, and a remark says so.
    """

    name = "tfl-select-ops"
    changes = "exact"

    quantize_only: tuple[str, ...] = ()
    """Kinds of op, names of tensors, or regular expressions for such names; everything else stays float."""
    skip: tuple[str, ...] = ()
    """Kinds of op, names of tensors, or regular expressions for such names: these stay float."""
    sound: bool = True
    """Keep ops float whose integer form would be wrong or could not run, though TensorFlow makes them integer."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        ops = [op for function in functions(module) for op in function.body.block.ops if isinstance(op, TflOp)]
        constants = [
            op for function in functions(module) for op in function.body.block.ops if _only_makes_constants(op)
        ]
        only = _matching(ops, constants, "quantize-only", self.quantize_only, report)
        skipped = _matching(ops, constants, "skip", self.skip, report)
        others = NOT_AMONG_THOSE_TO_QUANTIZE if self.quantize_only else None
        for op in ops:
            if self.sound and op.INFO.moves_elements:
                op.attributes[SHARES_SCALE] = UnitAttr()
            why = SKIPPED if op in skipped else others if op not in only else None
            if why is not None and not _only_makes_constants(op):
                op.attributes[LEFT_OUT] = UnitAttr()
            elif why is None and LEFT_OUT in op.attributes and KEEP_FLOAT not in op.attributes:
                why = f"{SKIPPED}, or {NOT_AMONG_THOSE_TO_QUANTIZE}"
            if why is None and KEEP_FLOAT not in op.attributes:
                why = _computed_bias(op) or _without_rules(op) or (unsound_int8(op) if self.sound else None)
            if why is not None and not _only_makes_constants(op):
                op.attributes[KEEP_FLOAT] = StringAttr(why)
                report.count("ops kept float")
                report.decline(why, op)


def _matching(
    ops: list[TflOp], constants: list[Operation], option: str, patterns: tuple[str, ...], report: PassReport
) -> set[Operation]:
    """The ops that any of the patterns of an option names, directly or by a constant that they read."""
    selected: set[Operation] = set()
    for pattern in patterns:
        matches: set[Operation] = {op for op in ops if not _only_makes_constants(op) and _matches(op, pattern)}
        matches = matches or _readers(op for op in constants if _makes(op, pattern))
        if not matches and are_fused(ops, pattern):
            report.remarks.append(part_of_others(f"--{option} {pattern}", pattern))
        elif not matches:
            known = {op.INFO.kind for op in ops} | {name for op in ops for name in all_names(op)}
            raise Error(
                f"'{pattern}' names no op of the model{near(pattern, known)}",
                hint="give an op kind such as CONV_2D, a tensor's name, or a regular expression for such names",
                status=USAGE,
            )
        selected |= matches
    return selected


def _only_makes_constants(op: Operation) -> bool:
    """Whether all results of the op are constants, such as a dequantized weight: only its users can be selected."""
    return bool(op.results) and all(map(is_constant, op.results))


def _readers(constants: Iterable[Operation]) -> set[Operation]:
    """The ops that read any of the constants, directly or through a `tfl.dequantize`."""
    readers: set[Operation] = set()
    for constant in constants:
        for user in (use.operation for result in constant.results for use in result.uses):
            if isinstance(user, DequantizeOp):
                readers |= {use.operation for use in user.output.uses}
            readers.add(user)
    return readers


def _matches(op: TflOp, pattern: str) -> bool:
    return pattern.upper() == op.INFO.kind.upper() or pattern == op.name or _makes(op, pattern)


def _makes(op: Operation, pattern: str) -> bool:
    """Whether the pattern is a name of the op or of one that became part of it, or an expression that matches one."""
    result_names = all_names(op)
    return pattern in result_names or any(map(expression(pattern), result_names))


def unsound_int8(op: TflOp) -> str | None:
    """Why the op's int8 form would be wrong or could not run; None if it is correct."""
    if op.INFO.no_int8:
        return op.INFO.no_int8
    if op.INFO.int8_activation and (fused := fused_activation(op)) != op.INFO.int8_activation:
        return f"its integer kernel computes {op.INFO.int8_activation}, not {fused}"
    weight = op.INFO.weight
    if weight is not None and weight[1] >= 0 and _is_computed(op.operands[weight[0]]):
        return "its weights are no constant: the integer kernel wants them symmetric"
    return None


def _computed_bias(op: TflOp) -> str | None:
    """Why an op whose bias is computed stays float: integer kernels need an int32 bias, which no op can compute."""
    bias = bias_of(op)
    if bias is None or not _is_computed(op.operands[bias[0]]):
        return None
    return "its bias is no constant: the integer kernel wants it as int32"


def _without_rules(op: TflOp) -> str | None:
    """Why a recurrent layer without int8 kernel stays float: general rules give its biases int8, which it can't have.

    TensorFlow's converter applies them, and stops with an error.
    """
    return op.INFO.no_int8 if op.INFO.no_int8 and op.INFO.stateful else None


def _is_computed(value: SSAValue) -> bool:
    """Whether a float value is not a constant in any form that the model may store."""
    return is_float(value) and not is_constant(value)
