"""Custom operators: those whose kernels a program or a plug-in has registered by name."""

from __future__ import annotations

from collections.abc import Callable

from tflir.backends.interpreter.kernel import Kernel, Operands, Results, kernel, refuse
from tflir.ir.extensions import CUSTOM_KERNELS
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.ir.tfl.custom import TypedCustomOp

_CUSTOM: dict[str, Kernel] = {}


def custom_kernel(code: str) -> Callable[[Kernel], Kernel]:
    """Registers the kernel of custom operators called `code`; the op's `custom_option` holds their options."""

    def register(function: Kernel) -> Kernel:
        _CUSTOM[code] = function
        return function

    return register


@kernel(CustomOp, exact=False)
def custom(op: CustomOp, operands: Operands) -> Results:
    return _kernel_of_code(op.custom_code.data)(op, operands)


def typed_custom(op: TypedCustomOp, operands: Operands) -> Results:
    """A custom operator with a typed op from a plug-in, float or quantized."""
    return _kernel_of_code(op.INFO.custom_code)(op, operands)


def _kernel_of_code(code: str) -> Kernel:
    found = _CUSTOM.get(code) or CUSTOM_KERNELS.find(code)
    if found is None:
        hint = "register one by tflir.backends.interpreter.custom_kernel, or bring one in a plug-in"
        raise refuse(f"the interpreter has no kernel of the custom op '{code}'", hint)
    return found


@kernel(BuiltinOp, exact=False)
def unknown_builtin(op: BuiltinOp, operands: Operands) -> Results:
    raise refuse("an operator of this number, or with these options, can't be run", "run the model in LiteRT")
