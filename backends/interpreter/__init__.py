"""A reference interpreter of the `tfl` dialect in numpy."""

from __future__ import annotations

from tflir.backends.interpreter.custom import custom_kernel
from tflir.backends.interpreter.evaluation import evaluate
from tflir.backends.interpreter.interpreter import TflInterpreter
from tflir.backends.interpreter.session import Session

__all__ = ["Session", "TflInterpreter", "custom_kernel", "evaluate"]
