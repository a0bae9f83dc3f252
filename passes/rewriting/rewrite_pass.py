"""A pass that is a list of rules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.pattern_rewriter import RewritePattern

from tflir.passes.base import PassReport, TflPass
from tflir.passes.rewriting.driver import rewrite


@dataclass(frozen=True)
class RewritePass(TflPass):
    """A pass that applies rules until none has anything left to do. Subclasses set `name` and write `rules`.

    ```python
    class DoubleIsSum(RewritePattern):
        does = "doublings made sums"

        @op_type_rewrite_pattern
        def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None: ...

    @dataclass(frozen=True)
    class DoubleIsSumPass(RewritePass):
        name = "my-double-is-sum"

        def rules(self) -> list[RewritePattern]:
            return [DoubleIsSum()]
    ```
    A rule's `name` (by default that of its class) is what `--explain PASS=RULE` knows it by, and `does` what the report
    counts.
    """

    only_rules: ClassVar[bool] = True
    """All that it does its rules do, each rewrite of which is told of."""

    @abstractmethod
    def rules(self) -> Iterable[RewritePattern]:
        """The rules, in the order in which they are tried on an op."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        rewrite(module, self.rules(), report)
