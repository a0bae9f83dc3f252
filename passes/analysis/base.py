"""The base class of analyses: passes that do not change the module and fill the tables of their report."""

from __future__ import annotations

from abc import abstractmethod

from xdsl.dialects.builtin import ModuleOp

from tflir.passes.base import PassReport, TflPass


class AnalysisPass(TflPass):
    """An analysis of a module. `tflir-opt` prints the tables of its report on stdout instead of the program."""

    @abstractmethod
    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        """Fills `report.table(title)` with rows, which are dictionaries from the name of a column to a value."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        report.only_looked = True
        self.analyse(module, report)
