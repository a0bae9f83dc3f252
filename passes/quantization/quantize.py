"""`tfl-quantize`: replaces ops between quantize/dequantize pairs by ops on integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.dialects.builtin import Float32Type, ModuleOp
from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.constants import from_blob
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TRUE, TflOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, quantized_element, shape_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT, UNCALIBRATED, VOLATILE, WEIGHT_ONLY, chosen_activations
from tflir.passes.quantization.fold_constants import fold_constant
from tflir.passes.quantization.integer_kernels import why_no_hybrid_kernel
from tflir.passes.quantization.integer_ops import form_integer_ops
from tflir.passes.quantization.pairs import float_constant, quantize_of
from tflir.passes.quantization.stored_weights import stored_of, why_not_stored
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.rewriting.values import producer


@dataclass(frozen=True)
class QuantizePass(TflPass):
    """
    Replaces float ops between quantize/dequantize pairs by integer ops, lets ops whose kernels accept int8 weights with
    float activations read the quantized weights, and folds each quantize of a constant to a `tfl.pseudo_qconst`.

    ```mlir
    %q = "tfl.quantize"(%w) <{qtype = tensor<64x32x!quant.uniform<…>>}> …
    %d = "tfl.dequantize"(%q) …
    %y = "tfl.fully_connected"(%x, %d, %b) …
    ```
    becomes
    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<64x32x!quant.uniform<…>>, value = dense_resource<w> …}> …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    If no kernel accepts the quantized weights, the `tfl.dequantize` is kept (weight-only quantization).
    """

    name = "tfl-quantize"
    changes = "lossy"
    per_function = True

    integer: bool = True
    """Form integer ops between dequantizes and quantizes."""
    hybrid: bool = True
    """Let ops with float activations read int8 weights where they have a kernel for it (dynamic range); if false, only
    in functions without recorded ranges, and of ops that a recipe computes in float."""
    legacy_float_scale: bool = False
    """Quantize constants in the single-precision arithmetic of post-training quantization, not in double precision."""
    tf_compat: bool = False
    """Form the hybrid ops that TensorFlow forms, even if the runtime computes them wrongly or not at all."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        widened: dict[Operation, ConstOp] = {}
        for function in functions(module):
            if self.integer:
                form_integer_ops(function, report, tf_compat=self.tf_compat)
            everywhere = self.hybrid or UNCALIBRATED in function.attributes
            for op in function.walk():
                if not isinstance(op, TflOp) or not op.INFO.hybrid or LEFT_OUT in op.attributes:
                    continue
                if everywhere or chosen_activations(op) == "float":
                    self._form_hybrid(op, widened, report, among_integers=not everywhere)
        for quantize in [op for op in module.walk() if isinstance(op, QuantizeOp)]:
            fold_constant(quantize, report, legacy_float_scale=self.legacy_float_scale, tf_compat=self.tf_compat)

    def _form_hybrid(
        self, op: TflOp, widened: dict[Operation, ConstOp], report: PassReport, *, among_integers: bool
    ) -> None:
        """Lets the op read quantized weights.

        A pair that was inserted on a constant of a float op `among_integers` is not for its kernel.
        """
        quantized = False
        for index in op.INFO.dynamic_range:
            if index >= len(op.operands):
                continue
            quantize = quantize_of(op.operands[index])
            if quantize is None or (among_integers and VOLATILE in quantize.attributes):
                quantized |= self._read_stored(op, index, report)
                continue
            quantized = True
            if not self.tf_compat and (why := _unread(op, quantize) or _unsound(op)) is not None:
                report.decline(why, op)
                continue
            op.operands[index] = quantize.results[0]
            op.attributes.pop(names.VERSION, None)
            report.count("operands of hybrid ops")
        if quantized:
            _widen_other_operands(op, widened, report)

    def _read_stored(self, op: TflOp, index: int, report: PassReport) -> bool:
        """Lets the op read the integers that `tfl-quantize-weights` chose for an operand; whether it reads them now."""
        dequantize = stored_of(op.operands[index])
        if self.tf_compat or dequantize is None or WEIGHT_ONLY in dequantize.attributes:
            return False
        source = dequantize.operands[0]
        element = quantized_element(source)
        assert element is not None
        if (why := _unsound(op) or why_not_stored(op, index, element, "float")) is not None:
            report.decline(why, op)
            return False
        op.operands[index] = source
        op.attributes.pop(names.VERSION, None)
        if op.INFO.asymmetric_inputs:
            op.properties["asymmetric_quantize_inputs"] = TRUE
        report.count("operands of hybrid ops")
        return True


def _widen_other_operands(op: TflOp, widened: dict[Operation, ConstOp], report: PassReport) -> None:
    """Makes float16 biases beside int8 weights float32 constants: the default delegate refuses the two together."""
    for index, value in enumerate(op.operands):
        source = producer(value)
        constant = float_constant(source) if isinstance(source, DequantizeOp) else None
        if constant is None or source is None or index in op.INFO.dynamic_range:
            continue
        wide = widened.get(source)
        if wide is None:
            wide = widened[source] = ConstOp.create(
                result_types=[value.type],
                properties={"value": from_blob(constant.blob, constant.shape, Float32Type())},
            )
            wide.location = source.location
            insert_after(source, wide)
            report.count("float16 operands widened")
        op.operands[index] = wide.results[0]


def _unread(op: TflOp, quantize: QuantizeOp) -> str | None:
    """Why the op's hybrid kernel can't read the quantized weight; None if it can."""
    element = quantized_element(quantize.results[0])
    return None if element is None else why_no_hybrid_kernel(op, element)


def _depthwise(op: TflOp) -> str | None:
    """The default delegate has no hybrid depthwise convolution, and the built-in one is slower than the float kernel.

    With int8 weights behind a `tfl.dequantize`, which is computed once, the delegate runs the float one, whose
    activations are not rounded either. The built-in kernel refuses one scale for all channels.
    """
    if op.INFO.builtin == "DEPTHWISE_CONV_2D":
        return "the hybrid depthwise kernel is slower than the float one: weight-only instead"
    return None


def _per_tensor_groups(op: TflOp) -> str | None:
    """The hybrid convolution with one scale computes grouped filters wrongly."""
    if op.INFO.builtin != "CONV_2D" or _per_channel(op):
        return None
    filter_shape, input_shape = shape_of(op.operands[1].type), shape_of(op.operands[0].type)
    if not filter_shape or not input_shape or filter_shape[-1] == input_shape[-1]:
        return None
    return "hybrid grouped convolution wants scales per channel: weight-only instead"


def _per_channel(op: TflOp) -> bool:
    """Whether the op's filter, or the quantize of its pair, has one scale for each channel."""
    value = op.operands[1]
    quantize = quantize_of(value)
    stored = stored_of(value)
    held = quantize.results[0] if quantize is not None else stored.operands[0] if stored is not None else value
    element = element_of(held.type)
    return isinstance(element, UniformQuantizedType) and element.is_per_axis


_UNSOUND: tuple[Callable[[TflOp], str | None], ...] = (_depthwise, _per_tensor_groups)
"""Hybrid forms that TensorFlow writes and that the runtime computes wrongly or slowly; each says why, or None."""


def _unsound(op: TflOp) -> str | None:
    return next((why for rule in _UNSOUND if (why := rule(op)) is not None), None)
