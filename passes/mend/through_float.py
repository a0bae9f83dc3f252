"""8-bit ops that the delegate takes as float alone, between a DEQUANTIZE and a QUANTIZE.

Of an op of one tensor the delegate makes one look-up of 256 entries, so that the float numbers are never made. The
result is that of the float function, rounded once: at most a step from what the built-in integer kernel gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import Float32Type, UnitAttr
from xdsl.ir import Attribute, OpResult, SSAValue

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.targets.xnnpack_needs import PRODUCT_SCALE, SUM_SCALES
from tflir.ir.tfl.activations import (
    GeluOp,
    HardSwishOp,
    PReluOp,
    Relu6Op,
    ReluN1To1Op,
    ReluOp,
    SoftmaxOp,
)
from tflir.ir.tfl.arithmetic import (
    AddOp,
    DivOp,
    MaximumOp,
    MinimumOp,
    MulOp,
    SquaredDifferenceOp,
    SubOp,
)
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.elementwise import (
    AbsOp,
    ExpOp,
    RsqrtOp,
    SqrtOp,
)
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.tfl.spatial import AveragePool2DOp
from tflir.ir.types import tensor_type
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import MendRule, computed, quantized, site_of
from tflir.passes.quantization.dequantized import dequantized_blob
from tflir.passes.quantization.facts import VOLATILE
from tflir.passes.requantize.constants import float_const
from tflir.passes.requantize.scales import scales_of_type
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import producer

_F32 = Float32Type()


@dataclass(frozen=True)
class FunctionOfOne(MendRule):
    """`hard_swish(x)` of 8-bit integers is `quantize(hard_swish(dequantize(x)))`, one look-up for the delegate."""

    does = "8-bit functions made look-ups"

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self,
        op: AbsOp | ExpOp | GeluOp | HardSwishOp | ReluOp | Relu6Op | ReluN1To1Op | RsqrtOp | SqrtOp,
        rewriter: PatternRewriter,
    ) -> None:
        if quantized(op.operands[0]) is not None:
            _put_float(self, rewriter, op)


@dataclass(frozen=True)
class FunctionOfMany(MendRule):
    """What reads two tensors, or more than one element of one, in float between DEQUANTIZE and QUANTIZE."""

    does = "8-bit ops made float ones between conversions"

    @op_type_rewrite_pattern
    def match_and_rewrite(
        self,
        op: MaximumOp | MinimumOp | SquaredDifferenceOp | DivOp | PReluOp | SoftmaxOp | AveragePool2DOp,
        rewriter: PatternRewriter,
    ) -> None:
        if quantized(op.operands[0]) is None:
            return None
        _put_float(self, rewriter, op)


@dataclass(frozen=True)
class SumOfFarScales(MendRule):
    """Sums and products of scales too far apart for the delegate's integers, in float between conversions."""

    does = "sums and products of far scales made float ones"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp | SubOp | MulOp, rewriter: PatternRewriter) -> None:
        if far_scales(op):
            _put_float(self, rewriter, op)


def far_scales(op: AddOp | SubOp | MulOp) -> bool:
    """Whether the delegate refuses an 8-bit sum or product because its scales are too far apart."""
    if any(quantized(value) is None for value in (op.lhs, op.rhs, op.output)):
        return False
    near = PRODUCT_SCALE if isinstance(op, MulOp) else SUM_SCALES
    return not near.met(site_of(op))


def _put_float(rule: MendRule, rewriter: PatternRewriter, op: TflOp) -> None:
    """Lets an op compute in float, between conversions."""
    if (why := computed(*op.operands, *op.results)) is not None:
        return rewriter.decline(why)
    if any(quantized(value) is None for value in (*op.operands, *op.results)):
        return rewriter.decline("it reads or makes float beside integers")
    draft, result = Draft(op), op.results[0]
    operands = [as_float(draft, value) for value in op.operands]
    kind = tensor_type(known_shape(result), _F32)
    value = draft.add(type(op).create(operands=operands, result_types=[kind], properties=op.properties))
    rule.put(rewriter, draft, as_quantized(draft, value, result.type))


def as_float(draft: Draft, value: SSAValue) -> SSAValue:
    """The float numbers of a quantized value: a constant of a constant, else a DEQUANTIZE."""
    element, source = quantized(value), producer(value)
    if isinstance(source, QConstOp) and element is not None and isinstance(source.value, ArrayElementsAttr):
        scales = scales_of_type(element, len(known_shape(value)))
        return float_const(value, dequantized_blob(source.value, scales)).output
    made = DequantizeOp(value, result_type=tensor_type(known_shape(value), _F32))
    made.attributes[VOLATILE] = UnitAttr()
    return draft.add(made)


def as_quantized(draft: Draft, value: SSAValue, kind: Attribute) -> OpResult:
    """`value` quantized to the type `kind` of a tensor."""
    made = QuantizeOp.create(operands=[value], result_types=[kind], properties={"qtype": kind})
    made.attributes[VOLATILE] = UnitAttr()
    return draft.add(made)
