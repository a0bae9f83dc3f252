"""Provides the reference interpreter to passes that compute constants."""

from __future__ import annotations

from typing import cast

from tflir.ir.evaluation import Evaluator, provide


def _reference_interpreter() -> Evaluator:
    from tflir.backends.interpreter.evaluation import evaluate

    return cast(Evaluator, evaluate)


def provide_interpreter() -> None:
    """Makes `tflir.ir.evaluation.evaluate` compute by the reference interpreter."""
    provide(_reference_interpreter)
