"""The driver of rules: which are tried on what, in which order, until nothing is left; and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Self

import pytest
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.pattern_rewriter import GreedyRewritePatternApplier
from xdsl.pattern_rewriter import PatternRewriter as XdslRewriter
from xdsl.pattern_rewriter import op_type_rewrite_pattern as xdsl_decorator

from tflir.frontends.mlir import parse_text
from tflir.ir.context import make_context
from tflir.ir.errors import Error
from tflir.ir.tfl.activations import Relu6Op, ReluOp, TanhOp
from tflir.ir.tfl.arithmetic import AddOp, MulOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.tfl.elementwise import AbsOp, NegOp
from tflir.ir.verify import verify_module
from tflir.passes.base import PassReport
from tflir.passes.rewriting import PatternRewriter, RewritePattern, op_type_rewrite_pattern, rewrite

T = "tensor<4xf32>"
FUSED = '<{fused_activation_function = "NONE"}>'


def module(*lines: str) -> ModuleOp:
    """A function of one argument `%x` with these ops, of which the last gives `%y`."""
    body = "\n".join(lines)
    text = f'func.func @main(%x: {T} loc("x")) -> {T} {{\n{body}\nfunc.return %y : {T}\n}}'
    return parse_text(text.encode(), "test.mlir", make_context())


def unary(name: str, made: str, read: str) -> str:
    return f'%{made} = "tfl.{name}"(%{read}) : ({T}) -> {T} loc("{made}")'


def binary(name: str, made: str, one: str, other: str) -> str:
    return f'%{made} = "tfl.{name}"(%{one}, %{other}) {FUSED} : ({T}, {T}) -> {T} loc("{made}")'


def op_names(found: ModuleOp) -> list[str]:
    """The names of the ops of its function, without that of the return."""
    function = next(op for op in found.ops if isinstance(op, FuncOp))
    return [op.name.removeprefix("tfl.") for op in function.body.block.ops][:-1]


class NegOfNeg(RewritePattern):
    does = "double negations"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: NegOp, rewriter: PatternRewriter) -> None:
        inner = op.x.owner
        if not isinstance(inner, NegOp):
            return rewriter.decline("what it reads is not negated")
        if inner.y.has_more_than_one_use():
            return rewriter.decline("the inner negation is read by two ops", inner)
        rewriter.replace(op, inner.x)


def test_rules_run_to_a_fixpoint_and_leave_no_dead_ops() -> None:
    found = module(*(unary("neg", "y" if i == 7 else f"n{i}", f"n{i - 1}" if i else "x") for i in range(8)))
    report = PassReport("test")
    assert rewrite(found, [NegOfNeg()], report) == 4
    assert op_names(found) == []
    assert report.counts == {"double negations": 4}
    assert report.rules["NegOfNeg"].fired == 4
    verify_module(found)


def test_the_first_rule_of_an_op_wins() -> None:
    class ToAbs(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: TanhOp, rewriter: PatternRewriter) -> None:
            rewriter.replace(op, AbsOp(op.operands[0]))

    class ToNeg(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: TanhOp, rewriter: PatternRewriter) -> None:
            rewriter.replace(op, NegOp(op.operands[0]))

    for rules, wanted in (([ToAbs(), ToNeg()], "abs"), ([ToNeg(), ToAbs()], "neg")):
        found = module(unary("tanh", "y", "x"))
        rewrite(found, rules)
        assert op_names(found) == [wanted]


@pytest.mark.parametrize("annotation", ["base", "union", "plain", "xdsl", "applier"])
def test_a_rule_is_tried_on_what_it_is_annotated_with(annotation: str) -> None:
    seen: list[str] = []

    class Base(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: TflOp, rewriter: PatternRewriter) -> None:
            seen.append(op.name)

    class OfUnion(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: ReluOp | Relu6Op, rewriter: PatternRewriter) -> None:
            seen.append(op.name)

    class Plain(RewritePattern):
        def match_and_rewrite(self, op: Operation, rewriter: XdslRewriter) -> None:
            seen.append(op.name)

    class OfXdsl(RewritePattern):
        @xdsl_decorator
        def match_and_rewrite(self, op: ReluOp, rewriter: XdslRewriter) -> None:
            seen.append(op.name)

    found = module(unary("relu", "a", "x"), unary("relu6", "b", "a"), unary("tanh", "y", "b"))
    rules: dict[str, tuple[RewritePattern, list[str]]] = {
        "base": (Base(), ["tfl.relu", "tfl.relu6", "tfl.tanh"]),
        "union": (OfUnion(), ["tfl.relu", "tfl.relu6"]),
        "plain": (Plain(), ["func.func", "tfl.relu", "tfl.relu6", "tfl.tanh", "func.return"]),
        "xdsl": (OfXdsl(), ["tfl.relu"]),
        "applier": (GreedyRewritePatternApplier([OfXdsl(), OfUnion()]), ["tfl.relu", "tfl.relu", "tfl.relu6"]),
    }
    rule, wanted = rules[annotation]
    rewrite(found, [rule])
    assert seen == wanted


def test_rules_of_xdsl_run_as_they_are() -> None:
    class Rename(RewritePattern):
        @xdsl_decorator
        def match_and_rewrite(self, op: SubOp, rewriter: XdslRewriter) -> None:
            made = AddOp.create(operands=op.operands, result_types=[op.results[0].type], properties=op.properties)
            rewriter.insert(made)
            rewriter.replace_all_uses_with(op.results[0], made.results[0])
            rewriter.erase(op)

    class InPlace(RewritePattern):
        def match_and_rewrite(self, op: Operation, rewriter: XdslRewriter) -> None:
            if isinstance(op, AddOp) and op.fused_activation_function != StringAttr("RELU"):
                op.fused_activation_function = StringAttr("RELU")
                rewriter.notify_op_modified(op)

    found = module(binary("sub", "y", "x", "x"))
    assert rewrite(found, [Rename(), InPlace()]) == 2
    assert op_names(found) == ["add"]
    verify_module(found)


def test_a_rule_sees_what_another_made_however_far_away() -> None:
    class TanhOnceAnAbsIsThere(RewritePattern):
        """Looks at the whole function, of which the driver knows nothing."""

        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: TanhOp, rewriter: PatternRewriter) -> None:
            assert op.parent is not None
            if any(isinstance(other, AbsOp) for other in op.parent.ops):
                rewriter.replace(op, NegOp(op.operands[0]))

    class Last(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: ReluOp, rewriter: PatternRewriter) -> None:
            rewriter.replace(op, AbsOp(op.operands[0]))

    found = module(unary("tanh", "a", "x"), unary("sin", "b", "a"), unary("cos", "c", "b"), unary("relu", "y", "c"))
    rewrite(found, [TanhOnceAnAbsIsThere(), Last()])
    assert op_names(found) == ["neg", "sin", "cos", "abs"]


def test_rules_that_never_settle_are_named() -> None:
    class ThereSide(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: AbsOp, rewriter: PatternRewriter) -> None:
            rewriter.replace(op, NegOp(op.operands[0]))

    class AndBack(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: NegOp, rewriter: PatternRewriter) -> None:
            rewriter.replace(op, AbsOp(op.operands[0]))

    with pytest.raises(Error, match=r"rules '(ThereSide|AndBack)' and '(ThereSide|AndBack)' do not settle"):
        rewrite(module(unary("abs", "y", "x")), [ThereSide(), AndBack()])


def test_a_rule_that_fails_is_named_with_its_op() -> None:
    class Bad(RewritePattern):
        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: AbsOp, rewriter: PatternRewriter) -> None:
            raise KeyError("nothing")

    with pytest.raises(Error) as caught:
        rewrite(module(unary("abs", "y", "x")), [Bad()])
    assert str(caught.value).startswith("rule Bad: 'nothing' (tfl.abs 'y'): this KeyError is a bug in the rule")


def test_ops_that_were_dead_before_stay() -> None:
    found = module(unary("abs", "dead", "x"), unary("neg", "a", "x"), unary("neg", "y", "a"))
    rewrite(found, [NegOfNeg()])
    assert op_names(found) == ["abs"]


def test_the_last_answer_of_a_rule_counts_and_the_nearest_miss_is_kept() -> None:
    found = module(
        unary("neg", "a", "x"),
        unary("neg", "b", "a"),
        binary("add", "c", "a", "b"),
        unary("neg", "d", "c"),
        unary("neg", "y", "d"),
    )
    report = PassReport("test")
    rewrite(found, [NegOfNeg()], report)
    told = report.rules["NegOfNeg"]
    assert (told.fired, told.first) == (1, "tfl.neg 'y'")
    assert dict(told.declined) == {"what it reads is not negated": 1, "the inner negation is read by two ops": 1}
    assert told.nearest == "the inner negation is read by two ops"
    assert told.examples[told.nearest] == "tfl.neg 'a'"
    assert report.declined == told.declined


class _Calls:
    """Counts the calls of functions, ours and built-in ones, while it lasts."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, _frame: Any, event: str, _argument: Any) -> None:
        self.count += event in ("call", "c_call")


def _idle_rules(count: int) -> list[RewritePattern]:
    """Rules about other ops than the chain has."""
    others = [op for op in get_dialect().operations if op not in (AddOp, MulOp, SubOp)]

    def idle(kind: type[Operation]) -> RewritePattern:
        def match_and_rewrite(self: RewritePattern, op: Operation, rewriter: PatternRewriter) -> None:
            raise AssertionError("tried on another op")

        match_and_rewrite.__annotations__["op"] = kind
        body = {"match_and_rewrite": op_type_rewrite_pattern(match_and_rewrite)}
        return type(f"Idle{kind.__name__}", (RewritePattern,), body)()

    return [idle(others[number % len(others)]) for number in range(count)]


class MulToSub(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, SubOp(op.lhs, op.rhs))


def _chain(length: int) -> ModuleOp:
    names = [f"v{i}" for i in range(length - 1)] + ["y"]
    before = ["x", *names]
    return module(
        *(binary("mul" if i % 4 == 0 else "add", name, before[i], "x") for i, name in enumerate(names)),
    )


def _calls(run: Callable[[], object]) -> int:
    with _Calls() as calls:
        run()
    return calls.count


def test_two_hundred_rules_cost_no_more_calls_than_one() -> None:
    one, many = _chain(400), _chain(400)
    few_rules, many_rules = [*_idle_rules(1), MulToSub()], [*_idle_rules(199), MulToSub()]
    rewrite(_chain(4), few_rules)  # what is made once
    rewrite(_chain(4), many_rules)
    few = _calls(lambda: rewrite(one, few_rules))
    assert _calls(lambda: rewrite(many, many_rules)) < few + 200 * 40


def test_calls_are_linear_in_ops_and_few_where_nothing_matches() -> None:
    rules = _idle_rules(200)
    rewrite(_chain(4), rules)
    short, long = _chain(100), _chain(500)
    few, many = (_calls(lambda found=found: rewrite(found, rules)) for found in (short, long))
    assert (many - few) / 400 < 5
    matching = [*rules, MulToSub()]
    rewrite(_chain(4), matching)
    short, long = _chain(100), _chain(500)
    few, many = (_calls(lambda found=found: rewrite(found, matching)) for found in (short, long))
    assert (many - few) / 100 < 250
