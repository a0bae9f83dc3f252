"""`tfl-prepare-quantize-dynamic-range`: decides which weights become int8, and with which scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import Float32Type, IntegerType, ModuleOp
from xdsl.ir import Operation, Use

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.functions import functions
from tflir.ir.option_words import LEAST_WEIGHT
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.base import TRUE, TflOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT, UNCALIBRATED
from tflir.passes.quantization.numerics import Rows, symmetric_scales
from tflir.passes.quantization.pairs import (
    FloatConstant,
    computing_uses,
    float_constant,
    insert_pair,
    name_of_twin,
    small_weight,
)
from tflir.passes.quantization.parameters import weight_scales
from tflir.passes.quantization.shared_floats import gains_bytes_alone, shared_floats, stored_blob
from tflir.passes.reasons import SHARED_FLOATS, fewer_elements

_INT8 = IntegerType(8)
_ALL_OR_NOTHING_IN_TENSORFLOW = "UNIDIRECTIONAL_SEQUENCE_LSTM"
"""The one op of those that need all weights as int8 or none for which TensorFlow sees to that."""
_OWN_CONSTANT = "BATCH_MATMUL"
"""This op shares no quantized constant with other ops: the default delegate refuses a constant with one scale that both
a FULLY_CONNECTED and a later BATCH_MATMUL read.
"""
_Kind = tuple[int | None, bool]
"""The axis of the scales, and whether the users are of the kind `_OWN_CONSTANT`."""


@dataclass(frozen=True)
class PrepareQuantizeDynamicRangePass(TflPass):
    """
    Inserts `tfl.quantize`/`tfl.dequantize` pairs on the float32 weights of ops that have dynamic-range kernels:
    symmetric int8 in [-127, 127], per channel if the op's definition has a channel axis.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) …
    ```
    becomes
    ```mlir
    %q = "tfl.quantize"(%w) <{qtype = tensor<64x32x!quant.uniform<i8<-127:127>:f32:0, {…}>>}> …
    %d = "tfl.dequantize"(%q) : (tensor<64x32x!quant.uniform<…>>) -> tensor<64x32xf32>
    %y = "tfl.fully_connected"(%x, %d, %b) <{asymmetric_quantize_inputs = true, …}> …
    ```
    A float16 constant with a `tfl.dequantize` is treated as the float32 constant that it becomes.
    """

    name = "tfl-prepare-quantize-dynamic-range"
    changes = "lossy"
    per_function = True

    per_channel: bool = True
    """Scales per channel where the op has a channel axis; else one scale a tensor."""
    min_elements: int = LEAST_WEIGHT
    """Constants of fewer elements stay as they are, and those without any."""
    uncalibrated: bool = False
    """Only in functions of which no range was recorded, beside others that are calibrated."""
    tf_compat: bool = False
    """Recurrent ops other than `tfl.unidirectional_sequence_lstm` may have some weights int8 and others float, and
    products of matrices share constants with fully connected layers."""
    legacy_float_scale: bool = False
    """Scales in the single-precision arithmetic of calibrated functions, whose weights these then can share."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        chosen = [f for f in functions(module) if not self.uncalibrated or UNCALIBRATED in f.attributes]
        ops = [op for function in chosen for op in function.walk()]
        kept = set[Blob]() if self.tf_compat else shared_floats(ops, self._stays)
        for op in ops:
            constant = float_constant(op)
            if constant is None:
                continue
            if constant.elements < max(self.min_elements, 1):  # one without elements has no scales
                report.decline(fewer_elements(max(self.min_elements, 1)))
                continue
            groups = self._by_axis(constant, report, shared=stored_blob(constant) in kept)
            every = sum(1 for _ in constant.value.uses)
            for (axis, own), uses in groups.items():
                user_kind = "matmul" if own else "tensor" if axis is None else str(axis)
                kind = "int8" if len(groups) == 1 else f"int8_{user_kind}"
                name = name_of_twin(constant, kind, replaces=len(uses) == every)
                self._quantize(constant, op, axis, uses, name, report)

    def _stays(self, use: Use, constant: FloatConstant) -> bool:
        small = constant.elements < max(self.min_elements, 1)
        return small or self._why_not(use) is not None

    def _why_not(self, use: Use) -> str | None:
        """Why a use reads floats as before; None if it can read integers."""
        user = use.operation
        if LEFT_OUT in user.attributes:
            return "its op was left out"
        if not isinstance(user, TflOp) or use.index not in user.INFO.dynamic_range:
            return "no dynamic-range kernel reads this operand"
        if self._all_or_nothing(user) and (small := small_weight(user, self.min_elements)) is not None:
            return f"operand {small} of the op has fewer than {self.min_elements} elements"
        return None

    def _by_axis(self, constant: FloatConstant, report: PassReport, *, shared: bool) -> dict[_Kind, list[Use]]:
        """The quantizable uses of a constant, grouped so that the uses of each group share one quantized constant.

        `shared` says that the constant has to stay as it is, too.
        """
        groups: dict[_Kind, list[Use]] = {}
        for use in computing_uses(constant.value):
            user = use.operation
            if (why := self._why_not(use)) is not None:
                report.decline(why, user)
                continue
            assert isinstance(user, TflOp)
            if shared and gains_bytes_alone(user):
                report.decline(SHARED_FLOATS, user)
            else:
                own = user.INFO.builtin == _OWN_CONSTANT and not self.tf_compat
                groups.setdefault((self._axis(user, use.index, constant.shape), own), []).append(use)
        return groups

    def _all_or_nothing(self, user: TflOp) -> bool:
        return user.INFO.builtin == _ALL_OR_NOTHING_IN_TENSORFLOW if self.tf_compat else user.INFO.all_or_nothing

    def _axis(self, user: TflOp, operand: int, shape: tuple[int, ...]) -> int | None:
        axis = user.INFO.channel_axis(operand)
        if not self.per_channel or axis is None or axis >= len(shape) or shape[axis] == 1:
            return None
        return axis

    def _quantize(
        self,
        constant: FloatConstant,
        op: Operation,
        axis: int | None,
        uses: Iterable[Use],
        name: str | None,
        report: PassReport,
    ) -> None:
        """Inserts a pair on the constant after `op` for the given uses, with scales along `axis` (None: one scale)."""
        rows = Rows.of(constant.blob, constant.shape, axis)
        if rows is None:
            report.decline(f"its channels lie along inner axis {axis}", op)
            return
        magnitudes = rows.magnitudes()
        if not np.isfinite(magnitudes).all():
            report.decline("the constant holds NaN or infinity", op)
            return
        scaled = weight_scales if self.legacy_float_scale else symmetric_scales
        scales = scaled(magnitudes, tf_compat=self.tf_compat)
        layout = Layout(scales[0]) if axis is None else Layout(scales, 0, (axis,))
        element = UniformQuantizedType.get(_INT8, Float32Type(), layout, narrow=True)
        dequantize = insert_pair(constant, element, op, name)
        for use in uses:
            use.operation.operands[use.index] = dequantize.results[0]
            use.operation.attributes.pop(names.VERSION, None)
            if isinstance(use.operation, TflOp) and use.operation.INFO.asymmetric_inputs:
                use.operation.properties["asymmetric_quantize_inputs"] = TRUE
        report.count("weights to quantize")
