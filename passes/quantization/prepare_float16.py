"""`tfl-prepare-quantize-float16`: stores float32 constants as float16."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from tflir.ir.tfl.constants import ConstOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.float16_constants import store_float16, why_not_float16
from tflir.passes.quantization.pairs import FloatConstant, computing_uses, float_constant
from tflir.passes.quantization.stored_weights import reads_stored_weights
from tflir.passes.reasons import fewer_elements


@dataclass(frozen=True)
class PrepareQuantizeFloat16Pass(TflPass):
    """
    Stores each float32 constant that an op reads as float16, with one `tfl.dequantize` for all its users.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
    ```
    becomes
    ```mlir
    %h = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<64x32xf16>}> : () -> tensor<64x32xf16>
    %w = "tfl.dequantize"(%h) : (tensor<64x32xf16>) -> tensor<64x32xf32>
    ```
    Values are rounded to the nearest float16, ties to even; subnormal numbers are kept.
    """

    name = "tfl-prepare-quantize-float16"
    changes = "lossy"
    per_function = True

    min_elements: int = 64
    """Constants of fewer elements stay float32: the `tfl.dequantize` op takes more bytes than float16 saves."""
    clamp: bool = False
    """Clamp values that float16 can't hold to ±65504; else a constant with such values stays float32."""
    variables: bool = False
    """Also convert the initial zeros of variable tensors, as TensorFlow does."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            if not isinstance(op, ConstOp):
                continue
            constant = float_constant(op, variables=self.variables)
            if constant is not None:
                self._narrow(constant, op, report)

    def _narrow(self, constant: FloatConstant, op: ConstOp, report: PassReport) -> None:
        """Inserts the float16 form of a constant and lets ops read it, unless a condition prevents this."""
        all_uses = computing_uses(constant.value)
        uses = [use for use in all_uses if LEFT_OUT not in use.operation.attributes]
        if not uses:
            report.decline("its op was left out" if all_uses else "only returned, not computed with", op)
            return
        hybrid = next((use.operation for use in uses if reads_stored_weights(use.operation)), None)
        if hybrid is not None:
            report.decline("beside quantized weights the default delegate wants float32", hybrid)
            return
        if constant.elements < self.min_elements:
            report.decline(fewer_elements(self.min_elements), op)
            return
        if not self.clamp and (why := why_not_float16(constant.blob)) is not None:
            report.decline(why, op)
            return
        store_float16(constant, uses, report, clamp=self.clamp)
        report.count("constants to float16")
