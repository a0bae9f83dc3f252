"""The base class of passes that consist of rules."""

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
    """A pass that applies rules until none of them matches. Subclasses set `name` and implement `rules`.

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
    `--explain PASS=RULE` finds a rule by its `name`, which defaults to the name of its class, and the report counts its
    rewrites under `does`.
    """

    only_rules: ClassVar[bool] = True
    """Whether only rules change the module, so that observers see all changes as rewrites of rules."""

    @abstractmethod
    def rules(self) -> Iterable[RewritePattern]:
        """The rules, in the order in which they are tried on an op."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        rewrite(module, self.rules(), report)
