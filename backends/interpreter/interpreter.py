"""Runs modules on xDSL's interpreter, which is extended to free each value after its last use.

```python
interpreter = TflInterpreter(module)
outputs = interpreter.call_op("main", (array,))
```

`tfl` ops are run by the kernels of this package; ops of other dialects (`arith`, `tensor`, …) are those whose
`InterpreterFunctions` are registered with `register_implementations`. Listeners are xDSL's: `did_interpret_op` sees
each op with its results.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Block, Operation, Region
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import InterpretationError

from tflir.backends.interpreter.control import controls
from tflir.backends.interpreter.evaluation import no_kernel, run_op
from tflir.backends.interpreter.kernel import Rounding
from tflir.backends.interpreter.state import State
from tflir.backends.interpreter.values import LastReads, Scopes, last_reads
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.tfl.custom import TypedCustomOp

_DEEPEST = 64
"""Nested blocks and calls; a deeper nesting is taken for an infinite recursion."""


class TflInterpreter(Interpreter):
    """xDSL's interpreter, in which a value is freed when the last op that reads it has run.

    One object is one session: variables keep their values from call to call.
    """

    def __init__(
        self,
        module: ModuleOp,
        *,
        rounding: Rounding = "reference",
        listeners: tuple[Interpreter.Listener, ...] = (),
    ) -> None:
        super().__init__(module, listeners=listeners)
        State.of(self).rounding = rounding
        self._scopes = Scopes()
        self._reads: dict[Block, LastReads] = {}
        self._functions = {function.sym_name.data: function for function in functions(module)}

    def call_op(self, op: Operation | str | SymbolRefAttr, inputs: PythonValues = ()) -> PythonValues:
        """The results of a function of the module, given as its op or its name."""
        name = op.root_reference.data if isinstance(op, SymbolRefAttr) else op
        function = name if isinstance(name, Operation) else self._functions.get(name)
        if not isinstance(function, FuncOp):
            raise Error(f"there is no function @{op if isinstance(op, str) else op.name}", hint="define it")
        if not function.body.blocks:
            raise Error("has no body", op="func.func", location=function.sym_name.data, hint="define it in the module")
        return self.run_ssacfg_region(function.body, inputs, function.sym_name.data)

    def run_ssacfg_region(self, region: Region, args: PythonValues, name: str = "unknown") -> PythonValues:
        """Runs the region's block; returns the values that its terminator yields."""
        block = region.block
        reads = self._last_reads(block)
        if self._scopes.depth >= _DEEPEST:
            raise Error(f"calls are nested more than {_DEEPEST} deep", location=name, hint="break the recursion")
        scope = self._scopes.push()
        try:
            scope.update(zip(block.args, args, strict=True))
            for op in block.ops:
                inputs = tuple([self._scopes.value(value) for value in op.operands])
                if op.has_trait(IsTerminator):
                    return inputs
                scope.update(zip(op.results, self._observed(op, inputs), strict=True))
                for value in reads.get(op, ()):
                    del scope[value]
        finally:
            self._scopes.pop()
        raise Error("has no terminator", location=name, hint="end the block in func.return or tfl.yield")

    def run_op(self, op: Operation | str | SymbolRefAttr, inputs: PythonValues = ()) -> PythonValues:
        """The results of one op. Raises `Error` if it has no kernel, or if the kernel can't compute it."""
        if not isinstance(op, Operation):
            return self.call_op(op, inputs)
        if op.name in controls() or op.name.startswith("tfl.") or isinstance(op, TypedCustomOp):
            return run_op(self, op, inputs)
        try:
            return super().run_op(op, inputs)
        except InterpretationError as error:
            if "Could not find interpretation function" in str(error):
                raise no_kernel(op) from None
            raise

    def _observed(self, op: Operation, inputs: PythonValues) -> PythonValues:
        for listener in self.listeners:
            listener.will_interpret_op(op, inputs)
        results = self.run_op(op, inputs)
        for listener in self.listeners:
            listener.did_interpret_op(op, results)
        return results

    def _last_reads(self, block: Block) -> LastReads:
        if block not in self._reads:
            self._reads[block] = last_reads(block)
        return self._reads[block]
