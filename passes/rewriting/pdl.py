"""Rules written in PDL, MLIR's dialect of rewrite patterns: they are text and need no Python code.

```mlir
pdl.pattern @neg_of_neg : benefit(1) {
  %type = pdl.type
  %x = pdl.operand : %type
  %inner = pdl.operation "tfl.neg" (%x : !pdl.value) -> (%type : !pdl.type)
  %value = pdl.result 0 of %inner
  %outer = pdl.operation "tfl.neg" (%value : !pdl.value) -> (%type : !pdl.type)
  pdl.rewrite %outer {
    pdl.replace %outer with (%x : !pdl.value)
  }
}
```
A new op needs only the options that differ from the schema's defaults. A pattern may apply the constraints
`has_one_use(value)` and `is_constant(value)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import pdl
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.interpreter import Interpreter, PythonValues, impl, register_impls
from xdsl.interpreters.pdl import PDLMatcher, PDLRewriteFunctions, PDLRewritePattern
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.traits import ConstantLike
from xdsl.utils.exceptions import ParseError, VerifyException

from tflir.ir.constants import normalise
from tflir.ir.context import make_context
from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.ir.tfl.base import TflOp
from tflir.passes.rewriting.rewrite_pass import RewritePass

_KNOWN = (
    pdl.PatternOp,
    pdl.OperandOp,
    pdl.OperationOp,
    pdl.ResultOp,
    pdl.AttributeOp,
    pdl.TypeOp,
    pdl.RewriteOp,
    pdl.ReplaceOp,
    pdl.EraseOp,
    pdl.ApplyNativeConstraintOp,
)


@dataclass(frozen=True)
class ApplyPdlPass(RewritePass):
    """
    Applies the PDL patterns of a file until none of them matches, the patterns with the greatest benefit first.

    ```mlir
    %0 = "tfl.neg"(%x) …
    %1 = "tfl.neg"(%0) …
    ```
    becomes, by a pattern that removes a negation of a negation,
    ```mlir
    %x
    ```
    A new op needs only the options that differ from the schema's defaults, and its type only if that does not follow
    from its operands. Patterns may apply the constraints `has_one_use(value)` and `is_constant(value)`.
    """

    name = "tfl-apply-pdl"
    changes = "lossy"

    file: str
    """The file with the patterns: MLIR text with `pdl.pattern` ops."""

    def rules(self) -> Iterable[RewritePattern]:
        try:
            with open(self.file, encoding="utf-8-sig") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise Error(f"can't be read: {said.lower()}", file=self.file, hint="name a file of PDL text") from None
        return pdl_rules(text, self.file)


def pdl_rules(text: str, name: str = "patterns", context: Context | None = None) -> list[RewritePattern]:
    """The rules of a PDL text; errors refer to it as `name`.

    `context` has the known ops, by default tflir's and xDSL's. Raises `Error` if the text is not valid.
    """
    context = context or make_context()
    try:
        module = Parser(context, text, name).parse_module()
        module.verify()
    except ParseError as error:
        what = error.msg.strip().partition("\n")[0]
        raise Error(what, file=str(error.span.get_location()), hint="write pdl.pattern ops") from None
    except VerifyException as error:
        raise Error(str(error).partition("\n")[0], file=name) from None
    for op in module.walk():
        value: Attribute | None = op.properties.get("value")
        if isinstance(op, pdl.AttributeOp) and isinstance(value, DenseIntOrFPElementsAttr):
            op.value = normalise(cast("DenseIntOrFPElementsAttr[Any]", value))
    patterns = [op for op in module.walk() if isinstance(op, pdl.PatternOp)]
    if not patterns:
        raise Error("holds no pdl.pattern", file=name, hint="see --explain tfl-apply-pdl")
    patterns.sort(key=lambda pattern: -pattern.benefit.value.data)
    rules: list[RewritePattern] = []
    for number, pattern in enumerate(patterns):
        title = pattern.sym_name.data if pattern.sym_name is not None else f"pattern {number + 1}"
        rules.append(_rule(pattern, title, name, context))
    return rules


def _rule(pattern: pdl.PatternOp, title: str, file: str, context: Context) -> PdlRule:
    """The rule of a pattern. Raises `Error` if xDSL's interpreter of PDL can't run it."""
    rewrites = [op for op in pattern.walk() if isinstance(op, pdl.RewriteOp)]
    for op in pattern.walk():
        if not isinstance(op, _KNOWN):
            raise Error(f"pattern {title}: {op.name} is not supported", file=file)
        if isinstance(op, pdl.ApplyNativeConstraintOp) and op.constraint_name.data not in CONSTRAINTS:
            constraint = op.constraint_name.data
            raise Error(
                f"pattern {title}: there is no constraint '{constraint}'{near(constraint, CONSTRAINTS)}", file=file
            )
        if isinstance(op, pdl.OperationOp) and op.opName is not None and not _is_known(context, op.opName.data):
            raise Error(f"pattern {title}: there is no op '{op.opName.data}'", file=file)
    if len(rewrites) != 1 or rewrites[0].root is None or not rewrites[0].body.blocks:
        raise Error(f"pattern {title} has no pdl.rewrite with a root and a body", file=file)
    if any(isinstance(op, pdl.OperationOp) and op.opName is None for op in rewrites[0].walk()):
        raise Error(f"pattern {title} makes an op without a name", file=file)
    return PdlRule(rewrites[0], title, context)


def _is_known(context: Context, name: str) -> bool:
    return context.get_optional_op(name) is not None


def _has_one_use(value: Any) -> bool:
    return isinstance(value, SSAValue) and value.has_one_use()


def _is_constant(value: Any) -> bool:
    return isinstance(value, OpResult) and value.op.has_trait(ConstantLike, value_if_unregistered=False)


CONSTRAINTS: dict[str, Callable[..., bool]] = {"has_one_use": _has_one_use, "is_constant": _is_constant}
"""The constraints that `pdl.apply_native_constraint` may name."""


class PdlRule(PDLRewritePattern):
    """One PDL pattern as a rule, which is tried on ops of the type of its root."""

    def __init__(self, rewrite: pdl.RewriteOp, name: str, context: Context) -> None:
        module = cast(pdl.PatternOp, rewrite.parent_op()).parent_op()
        self.name = name
        self.pdl_rewrite_op = rewrite
        self.native_constraints = CONSTRAINTS
        self.functions = _Functions(context)
        self.interpreter = Interpreter(cast(ModuleOp, module))
        self.interpreter.register_implementations(self.functions)
        self._root = cast(OpResult, rewrite.root)
        self._operation = cast(pdl.OperationOp, self._root.op)
        root = self._operation.opName
        kind = None if root is None else context.get_optional_op(root.data)
        self.kinds: tuple[type[Operation], ...] = (Operation if kind is None else kind,)
        self._constraints = [op for op in _pattern_ops(rewrite) if isinstance(op, pdl.ApplyNativeConstraintOp)]

    def match_and_rewrite(self, xdsl_op: Operation, rewriter: PatternRewriter) -> None:
        matcher = PDLMatcher(native_constraints=self.native_constraints)
        if not matcher.match_operation(self._root, self._operation, xdsl_op):
            return
        for constraint in self._constraints:
            if matcher.check_native_constraints(constraint) == bool(constraint.is_negated.value.data):
                cast(Any, rewriter).decline(f"{constraint.constraint_name.data} does not hold")
                return
        self.functions.rewriter = rewriter
        self.interpreter.push_scope("rewrite")
        try:
            self.interpreter.set_values(matcher.matching_context.items())
            self.interpreter.run_ssacfg_region(self.pdl_rewrite_op.body, ())
        finally:
            self.interpreter.pop_scope()


def _pattern_ops(rewrite: pdl.RewriteOp) -> Iterator[Operation]:
    pattern = rewrite.parent_op()
    return iter(()) if pattern is None else pattern.walk()


@register_impls
class _Functions(PDLRewriteFunctions):
    """Executes the ops in the body of a `pdl.rewrite`; a new `tfl` op gets the defaults of options that are omitted."""

    @impl(pdl.OperationOp)
    def run_operation(self, interpreter: Interpreter, op: pdl.OperationOp, args: PythonValues) -> PythonValues:
        assert op.opName is not None
        kind = self.ctx.get_optional_op(op.opName.data)
        assert kind is not None
        labels = [label.data for label in op.attributeValueNames.data]
        given = dict(zip(labels, interpreter.get_values(op.attribute_values), strict=True))
        operands, types = interpreter.get_values(op.operand_values), interpreter.get_values(op.type_values)
        known = kind.get_irdl_definition().properties if issubclass(kind, IRDLOperation) else {}
        properties = {label: value for label, value in given.items() if label in known}
        attributes = {label: value for label, value in given.items() if label not in known}
        if issubclass(kind, TflOp):
            made = kind(*operands, result_types=types or None, attributes=attributes, **properties)
        else:
            made = kind.create(operands=operands, result_types=types, properties=properties, attributes=attributes)
        self.rewriter.insert(made)
        return (made,)
