"""The definition of a kernel, and the tables of kernels by the class of their op.

A kernel computes the results of one op from the values of its operands:

```python
@float_kernel(AddOp, exact=True)
def add(op: AddOp, operands: Operands) -> Results:
    return [activate(operands[0] + operands[1], op.fused_activation_function.data)]
```

- An operand is a numpy array in the tensor's storage type (float32, int8, bool, …; int4 as int8), or None if it is
  the result of a `tfl.no_value`. A string tensor is an array of objects, each of type bytes.
- Results have the storage types of the result types, and shapes computed from the operands: types may be dynamic.
- A kernel does not write to its operands, except to those that `OpInfo.stateful` lists: these hold the state of the op
  from run to run, and the kernel updates them in place.
- If a kernel can't compute the results, it raises the error that `refuse` returns.

`float_kernel` is for ops whose tensors are not quantized (floats, plain integers, booleans), `quantized_kernel` for ops
with an operand or a result of a `!quant` element type, `hybrid_kernel` for layers whose weights alone are quantized. An
op that only moves elements has one `kernel` for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
from xdsl.ir import Attribute, Operation

from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import PACKED_BITS, element_of, numpy_dtype, schema_name

Array = npt.NDArray[Any]
Operands = Sequence[Any]
"""Arrays; None for an optional operand that is absent."""
Results = Sequence[Array]
Kernel = Callable[[Any, Operands], Results]
Rounding = Literal["reference", "xnnpack"]
"""How integer kernels requantize: as LiteRT's reference kernels, or as XNNPACK, which computes in float32."""
OpT = TypeVar("OpT", bound=Operation)
Registered = TypeVar("Registered", bound=Kernel)

_FLOAT: dict[type[Operation], Kernel] = {}
_QUANTIZED: dict[type[Operation], Kernel] = {}
_HYBRID: dict[type[Operation], Kernel] = {}
_XNNPACK: dict[type[Operation], Kernel] = {}
_EXACT: set[Kernel] = set()


def float_kernel(*ops: type[Operation], exact: bool = False) -> Callable[[Registered], Registered]:
    """Registers the kernel of `ops` for use if no operand or result is quantized.

    `exact`: float results equal those of every LiteRT kernel to the bit, since each is correctly rounded or copied.
    Results of integers and booleans are always exact.
    """
    return _registers((_FLOAT,), ops, exact)


def quantized_kernel(
    *ops: type[Operation], rounding: Rounding | None = None, exact: bool = False
) -> Callable[[Registered], Registered]:
    """Registers the kernel of `ops` for use if an operand or a result is quantized.

    With `rounding="xnnpack"` it is used in that mode only; without, in both modes, unless another kernel is registered
    for XNNPACK. `exact`: its results equal LiteRT's to the bit, with XNNPACK and without.
    """
    return _registers((_XNNPACK if rounding == "xnnpack" else _QUANTIZED,), ops, exact)


def hybrid_kernel(*ops: type[Operation]) -> Callable[[Registered], Registered]:
    """Registers the kernel of `ops` for use if the weights are quantized and the results are floats."""
    return _registers((_HYBRID,), ops, False)


def kernel(*ops: type[Operation], exact: bool = True) -> Callable[[Registered], Registered]:
    """Registers the kernel of `ops` for all element types: for ops that only move elements."""
    return _registers((_FLOAT, _QUANTIZED), ops, exact)


def _registers(
    tables: Sequence[dict[type[Operation], Kernel]], ops: Sequence[type[Operation]], exact: bool
) -> Callable[[Registered], Registered]:
    def register(function: Registered) -> Registered:
        for table in tables:
            for op in ops:
                assert op not in table, f"{op.name} has two kernels"
                table[op] = function
        if exact:
            _EXACT.add(function)
        return function

    return register


def registered(op: Operation, rounding: Rounding = "reference") -> Kernel | None:
    """The kernel of `op` by its class and element types, from the modules that are imported; None if there is none."""
    if not is_quantized(op):
        return _FLOAT.get(type(op))
    found = _XNNPACK.get(type(op)) if rounding == "xnnpack" else None
    if found is None and type(op) in _HYBRID and not any(has_quant(value.type) for value in op.results):
        found = _HYBRID[type(op)]
    return found or _QUANTIZED.get(type(op))


def registered_for_floats(op: Operation) -> Kernel | None:
    """The kernel that the op would have if none of its tensors were quantized."""
    return _FLOAT.get(type(op))


def ops_with_kernels() -> set[type[Operation]]:
    """The ops that have a kernel for some element types, from the modules that are imported."""
    return {*_FLOAT, *_QUANTIZED, *_HYBRID, *_XNNPACK}


def is_exact(op: Operation, function: Kernel) -> bool:
    """Whether the results of `function`, a kernel of `op`, equal LiteRT's to the bit, with XNNPACK and without."""
    if function in _EXACT:
        return True
    return not is_quantized(op) and all(
        dtype_of(value.type).kind in "biu" for value in (*op.operands, *op.results) if element_of(value.type)
    )


def is_quantized(op: Operation) -> bool:
    """Whether an operand or a result of `op` has a `!quant` element type."""
    return any(has_quant(value.type) for value in (*op.operands, *op.results))


def has_quant(value_type: Attribute) -> bool:
    """Whether a tensor type has a `!quant` element type."""
    return isinstance(element_of(value_type), UniformQuantizedType)


def quant_of(value_type: Attribute) -> UniformQuantizedType:
    """The quantized element type of a tensor type. Raises `Error` if it has none."""
    element = element_of(value_type)
    if not isinstance(element, UniformQuantizedType):
        raise refuse(f"a tensor of {element} stands where a quantized one is needed", "give it a !quant.uniform type")
    return element


def dtype_of(value_type: Attribute) -> np.dtype[Any]:
    """The numpy dtype of arrays of this tensor type: that of its storage type; object (of bytes) for strings."""
    element = element_of(value_type)
    name = schema_name(element) if element is not None else None
    if name in PACKED_BITS:
        return np.dtype(np.uint8 if name.startswith("U") else np.int8)
    dtype = numpy_dtype(name) if name else None
    return np.dtype(object) if dtype is None else dtype


def result_dtype(op: Operation, number: int = 0) -> np.dtype[Any]:
    """The numpy type of result `number` of `op`."""
    return dtype_of(op.results[number].type)


def refuse(what: str, hint: str = "") -> Error:
    """The error that a kernel raises if it can't compute its op; the interpreter adds the op's name."""
    return Error(what, hint=hint)


def picked(condition: Any, x: Any, y: Any) -> Array:
    """Elements of `x` where the condition holds, and of `y` elsewhere."""
    return cast(Array, np.where(condition, x, y))


def places(count: int) -> npt.NDArray[np.int64]:
    """0, 1, … count - 1."""
    return np.arange(count, dtype=np.int64)


def integers(operand: Any) -> list[int]:
    """The elements of an operand that holds a shape, axes or the like, as Python integers."""
    return cast("list[int]", np.asarray(operand).reshape(-1).tolist())
