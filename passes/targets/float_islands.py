"""`tfl-float-islands`: integer ops between conversions compute in float where a target's float kernel takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import Float32Type
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.targets import TARGETS
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element, shape_of, tensor_type
from tflir.passes.quantization.facts import VOLATILE
from tflir.passes.quantization.post_quantize import RemovePair
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern
from tflir.passes.rewriting.values import is_float, producer
from tflir.passes.targets.weight_forms import as_float32, stored_integers

_SMALL = 256
"""Elements of a constant that may become float32: it then takes at most 768 bytes more."""
_FLOAT32 = Float32Type()


@dataclass(frozen=True)
class FloatIslandsPass(RewritePass):
    """
    Removes conversions between float ops that quantization put there, and makes an integer op float whose operands
    are all quantized for it alone and whose results are all dequantized.

    ```mlir
    %p = "tfl.quantize"(%a) {volatile} : (tensor<8xf32>) -> tensor<8x!quant.uniform<…>>
    %m = "tfl.mul"(%p, %p) …
    %b = "tfl.dequantize"(%m) …
    %y = "tfl.rsqrt"(%b) …
    ```
    becomes, where %a is the result of another float op,
    ```mlir
    %m = "tfl.mul"(%a, %a) …
    %y = "tfl.rsqrt"(%m) …
    ```
    Less is rounded so, and the conversions cost no time any more.
    """

    name = "tfl-float-islands"
    changes = "lossy"
    per_function = True

    target: str = "xnnpack"
    """The target whose float kernels decide."""

    def rules(self) -> Iterator[RewritePattern]:
        yield RemovePair(interface=False)
        yield ComputeInFloat(self.target)


@dataclass(frozen=True)
class ComputeInFloat(RewritePattern):
    """`dequantize(op(quantize(x)))` is op(x), where the target runs that."""

    target: str
    does = "integer ops made float"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TflOp, rewriter: PatternRewriter) -> None:
        if (
            isinstance(op, QuantizeOp | DequantizeOp)
            or len(op.results) != 1
            or quantized_element(op.results[0]) is None
        ):
            return None
        if op.INFO.weight is not None or op.INFO.stateful or op.regions:
            return rewriter.decline("it has weights, a state or a body")
        uses = list(op.results[0].uses)
        if not uses or not all(isinstance(use.operation, DequantizeOp) for use in uses):
            return rewriter.decline("its result is read as integers")
        conversions = [producer(value) for value in op.operands if _is_computed(value)]
        if not conversions or not all(map(_is_ours, conversions)):
            return rewriter.decline("an operand of it is made as integers")
        constants: list[Operation] = []
        sources = [_float_source(value, constants) for value in op.operands]
        made = None if any(value is None for value in sources) else _as_float(op, sources)
        if made is None or not TARGETS.get(self.target).verdict(made).taken:
            for unused in (*([] if made is None else [made]), *constants):
                unused.erase()
            why = "a constant operand of it is large" if made is None else "the target has no float kernel of it"
            return rewriter.decline(why)
        rewriter.insert([*constants, made])
        made.location = op.location
        for dequantize in {use.operation for use in uses}:
            rewriter.replace(dequantize, made.results[0])
        return None


def _is_computed(value: SSAValue) -> bool:
    return quantized_element(value) is not None and stored_integers(value) is None


def _is_ours(op: Operation | None) -> bool:
    """Whether an op is a conversion from float that quantization added, and that the model did not have."""
    return isinstance(op, QuantizeOp) and VOLATILE in op.attributes and is_float(op.operands[0])


def _as_float(op: TflOp, sources: Sequence[SSAValue | None]) -> TflOp:
    """The op on float operands, in no block yet."""
    return type(op).create(
        operands=[value for value in sources if value is not None],
        result_types=[tensor_type(shape_of(op.results[0].type) or (), _FLOAT32)],
        properties=dict(op.properties),
        attributes={name: value for name, value in op.attributes.items() if name != names.VERSION},
    )


def _float_source(value: SSAValue, made: list[Operation]) -> SSAValue | None:
    """The float32 values that an operand stands for; None for a large constant. Appends new constants to `made`."""
    constant = stored_integers(value)
    if constant is None:
        source = producer(value)
        return source.operands[0] if isinstance(source, QuantizeOp) else value
    if prod(shape_of(value.type) or ()) > _SMALL:
        return None
    function = constant.parent_op()
    wide = as_float32(constant, function) if isinstance(function, FuncOp) else None
    if wide is None:
        return None
    made.append(wide)
    return wide.results[0]
