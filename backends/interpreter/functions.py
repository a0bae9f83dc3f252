"""Implementations of the `tfl` ops for xDSL's own `Interpreter`, which keeps every value until the run ends.

```python
interpreter = Interpreter(module)
interpreter.register_implementations(FuncFunctions())
interpreter.register_implementations(tfl_functions())
outputs = interpreter.call_op("main", (array,))
```
"""

from __future__ import annotations

from functools import cache
from typing import Any

from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir import Operation

from tflir.backends.interpreter.control import controls
from tflir.backends.interpreter.evaluation import run_op
from tflir.backends.interpreter.kernel import ops_with_kernels
from tflir.backends.interpreter.table import import_kernels
from tflir.ir.tfl.control_flow import YieldOp
from tflir.ir.tfl.dialect import FAMILIES, op_class_by_name


def _run(functions: InterpreterFunctions, interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    return run_op(interpreter, op, args)


def _yield(
    functions: InterpreterFunctions, interpreter: Interpreter, op: YieldOp, args: PythonValues
) -> tuple[TerminatorValue, PythonValues]:
    return ReturnedValues(args), ()


@cache
def _made() -> type[InterpreterFunctions]:
    """The class with an implementation for each op that has a kernel or is control flow."""
    for family in FAMILIES:
        import_kernels(family)
    control = (op_class_by_name(name) for name in controls())
    ops = dict.fromkeys([*ops_with_kernels(), *(op for op in control if op is not None)])
    members: dict[str, Any] = {f"run_{op.name.removeprefix('tfl.')}": impl(op)(_run) for op in ops}
    members["run_yield"] = impl_terminator(YieldOp)(_yield)
    return register_impls(type("TflFunctions", (InterpreterFunctions,), members))


def tfl_functions() -> InterpreterFunctions:
    """Implementations of the `tfl` ops, to be registered with an xDSL interpreter."""
    return _made()()
