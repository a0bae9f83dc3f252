"""What an analysis is: a pass that leaves the module as it is and fills tables of its report."""

from __future__ import annotations

from abc import abstractmethod

from xdsl.dialects.builtin import ModuleOp

from tflir.passes.base import PassReport, TflPass


class AnalysisPass(TflPass):
    """Looks at a module. `tflir-opt` prints the tables of its report on stdout, in place of the program."""

    @abstractmethod
    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        """Fills `report.table(title)` with rows, dictionaries from the name of a column to a value."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        report.only_looked = True
        self.analyse(module, report)
