"""`tflir.interpret`: runs a module in the reference interpreter, without a runtime and without a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    import numpy.typing as npt
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.interpreter import Interpreter


def interpret(
    module: ModuleOp,
    inputs: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike],
    function: str | None = None,
    *,
    rounding: Literal["reference", "xnnpack"] = "reference",
    listeners: Sequence[Interpreter.Listener] = (),
) -> dict[str, npt.NDArray[Any]]:
    """Runs `module` on numpy and returns its outputs by name, in order, as they are stored (int8 where quantized).

    `inputs` are arrays by name, a signature's or a tensor's, or in order. `function` is the key of a signature or the
    name of a function (default: the first signature; without signatures the first function). Integer kernels round as
    LiteRT's reference kernels do, or as XNNPACK's with `rounding="xnnpack"`. `listeners` are xDSL's: `did_interpret_op`
    sees each op with its results. Variables are reset before the run. Raises `Error` if an op has no kernel, or if an
    input has another name, shape or type than the function's.
    """
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.interpreter.session import Session
    from tflir.ir.limits import within_limits

    if not isinstance(cast(Any, module), ModuleOp):
        kind = type(module).__name__
        raise Error(f"interpret takes a module, not {kind}", hint="make one by tflir.load or tflir.loads", status=USAGE)
    if rounding not in ("reference", "xnnpack"):
        what = f"there is no rounding '{rounding}'"
        raise Error(what, hint="give 'reference' or 'xnnpack'", status=USAGE)
    with within_limits("interpret"):
        return Session(module, rounding=rounding, listeners=tuple(listeners)).run(inputs, function)
