"""Custom operators: only those whose kernels a program has registered by name."""

from __future__ import annotations

from collections.abc import Callable

from tflir.backends.interpreter.kernel import Kernel, Operands, Results, kernel, refuse
from tflir.ir.tfl.constants import BuiltinOp, CustomOp

_CUSTOM: dict[str, Kernel] = {}


def custom_kernel(code: str) -> Callable[[Kernel], Kernel]:
    """Registers the kernel of custom operators called `code`; the op's `custom_option` holds their options."""

    def register(function: Kernel) -> Kernel:
        _CUSTOM[code] = function
        return function

    return register


@kernel(CustomOp, exact=False)
def custom(op: CustomOp, operands: Operands) -> Results:
    code = op.custom_code.data
    if code not in _CUSTOM:
        hint = "register one by tflir.backends.interpreter.custom_kernel"
        raise refuse(f"the interpreter has no kernel of the custom op '{code}'", hint)
    return _CUSTOM[code](op, operands)


@kernel(BuiltinOp, exact=False)
def unknown_builtin(op: BuiltinOp, operands: Operands) -> Results:
    raise refuse("an operator of this number, or with these options, can't be run", "run the model in LiteRT")
