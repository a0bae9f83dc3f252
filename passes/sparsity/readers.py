"""The ops that read a constant, the kernel that each uses, and how that kernel can read a sparse constant.

| how | in the model |
|---|---|
| directly | the op reads the sparse constant; only `tfl.fully_connected` has kernels for that |
| from a DENSIFY | a `tfl.densify` makes the constant dense once, when the runtime loads the model |
| from a DENSIFY, alone | the same, but the default delegate must not run the op: it would fail to load the model |
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import Float16Type, Float32Type, IntegerType, StringAttr
from xdsl.ir import Operation, SSAValue, Use

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.linear import TransposeConvOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, quantized_element, shape_of
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.integer_kernels import spelled
from tflir.passes.quantization.pairs import FloatConstant, constant_of
from tflir.passes.rewriting.values import producer

WIDENED = "widened"
"""The name for a float kernel that reads the constant through a `tfl.dequantize`."""
_DELEGATED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
_DELEGATED_ACTIVATIONS = frozenset(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))
_MOST_HYBRID_COLUMNS = 4096
"""The hybrid kernel holds the number and indices of a row's blocks in a byte; with more its results are wrong."""
MOST_HYBRID_BLOCKS = 255


@dataclass(frozen=True)
class Reader:
    """One use of a constant as a weight."""

    op: TflOp
    operand: int
    kernel: str
    """`float`, `hybrid`, `int8`, `int16`, or `widened`."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """The lengths of blocks along a row that the kernel reads directly (1: single elements); empty if it can't."""
        info = self.op.INFO
        if self.operand not in info.sparse or self.kernel not in ("float", "hybrid", "int8"):
            return ()
        shape = shape_of(self.op.operands[self.operand].type) or ()
        if len(shape) != 2 or (self.kernel == "hybrid" and shape[1] > _MOST_HYBRID_COLUMNS):
            return ()
        if self.op.properties.get("weights_format", StringAttr("DEFAULT")) != StringAttr("DEFAULT"):
            return ()
        listed = info.float_blocks if self.kernel == "float" else info.quantized_blocks
        return tuple(block[-1] for block in listed)

    @property
    def densifies(self) -> bool:
        """Whether the op can read the weight from a DENSIFY, run by the delegate or by the runtime."""
        return self.kernel == WIDENED or self.kernel in (*self.op.INFO.densify, *self.op.INFO.densify_alone)

    @property
    def alone(self) -> bool:
        """Whether the delegate does not run the op if its weight comes from a DENSIFY."""
        return self.kernel in self.op.INFO.densify_alone

    @property
    def half_bias(self) -> FloatConstant | None:
        """The bias that is a float16 constant, if the op computes in float with integer weights that are widened.

        Where a DENSIFY makes such weights, the delegate of LiteRT 2.3 gives wrong results beside a float16 bias.
        """
        bias = self.op.INFO.bias
        if self.kernel != WIDENED or bias is None or bias[0] >= len(self.op.operands):
            return None
        weight, found = producer(self.op.operands[self.operand]), constant_of(self.op.operands[bias[0]])
        integers = weight is not None and quantized_element(weight.operands[0]) is not None
        return found if integers and found is not None and found.value is not found.source.results[0] else None

    @property
    def rows(self) -> int:
        """The number of vectors that the op multiplies by the weight in a run; a dynamic dimension counts as 1."""
        shape = shape_of(self.op.results[0].type) or ()
        return math.prod(max(size, 1) for size in shape[:-1])

    @property
    def name(self) -> str:
        return self.op.name.removeprefix("tfl.")


def is_weight(constant: ConstOp | QConstOp) -> bool:
    """Whether any op reads a constant as a weight, directly or through a `tfl.dequantize`."""
    for use in constant.output.uses:
        op = use.operation
        uses = op.output.uses if isinstance(op, DequantizeOp) else (use,)
        if any(isinstance(one.operation, TflOp) and one.index in one.operation.INFO.sparse for one in uses):
            return True
    return False


def readers_of(constant: ConstOp | QConstOp) -> list[Reader] | str:
    """The readers of a constant, or why it must stay dense."""
    if names.NO_DATA in constant.attributes or names.IS_VARIABLE in constant.attributes:
        return "a variable"
    element = element_of(constant.output.type)
    if (why := _misfit(element)) is not None:
        return why
    found: list[Reader] = []
    for use in constant.output.uses:
        for one in _readers(use, half=isinstance(element, Float16Type)):
            if isinstance(one, str):
                return one
            found.append(one)
    return found or "nothing reads it"


def _misfit(element: object) -> str | None:
    if isinstance(element, UniformQuantizedType):
        if element.storage != IntegerType(8):
            return f"stored as {spelled(element)}, which DENSIFY does not make"
        return "sub-channel scales" if element.layout.blocks else None
    return None if isinstance(element, Float32Type | Float16Type) else "elements that DENSIFY does not make"


def _readers(use: Use, *, half: bool) -> Iterator[Reader | str]:
    op = use.operation
    if isinstance(op, DequantizeOp):
        for wide in op.output.uses:
            reader = _reader(wide, WIDENED)
            if isinstance(reader, Reader) and not delegated(reader.op):
                reader = f"the delegate leaves {reader.name} to the runtime, which can't read it widened"
            yield reader
    elif half:
        yield f"{op.name.removeprefix('tfl.')} reads float16"
    else:
        yield _reader(use, None)


def _reader(use: Use, kernel: str | None) -> Reader | str:
    op = use.operation
    if not isinstance(op, TflOp):
        return "an output of the function" if op.name == "func.return" else f"{op.name} reads it"
    if LEFT_OUT in op.attributes:
        return f"{op.name.removeprefix('tfl.')} was left out"
    if use.index not in op.INFO.sparse:
        return f"operand {use.index} of {op.name.removeprefix('tfl.')} must be dense"
    return Reader(op, use.index, kernel or _kernel(op.operands[use.index], op.results[0]))


def _kernel(weight: SSAValue, result: SSAValue) -> str:
    """The name of the kernel, which follows from the types of weight and result."""
    element = element_of(weight.type)
    if not isinstance(element, UniformQuantizedType):
        return "float"
    made = quantized_element(result)
    if made is None:
        return "hybrid"
    return "int16" if made.storage == IntegerType(16) else "int8"


def delegated(op: TflOp) -> bool:
    """Whether the default delegate is certain to run a float op, so that it folds the ops that make its weight.

    If the delegate folds a DENSIFY and a DEQUANTIZE but leaves the op that reads them to the runtime, that op finds no
    data.
    """
    if op.INFO.builtin not in _DELEGATED:
        return False
    if isinstance(op, TransposeConvOp) and not _is_constant(op.output_shape):
        return False
    if fused_activation(op) not in _DELEGATED_ACTIVATIONS:
        return False
    bias = op.INFO.bias
    return bias is None or bias[0] >= len(op.operands) or _is_constant(op.operands[bias[0]])


def _is_constant(value: SSAValue) -> bool:
    op: Operation | None = producer(value)
    if isinstance(op, DequantizeOp):
        op = producer(op.input)
    return isinstance(op, ConstOp | QConstOp | NoValueOp)
