"""Parameters that constants get from their own elements, and biases from what they are added to.

See docs/semantics.md, Constants, and docs/semantics.md, Biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from xdsl.ir import Operation, SSAValue

from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import bias_of, is_same_scale, uses_in_order, weight_axis
from tflir.passes.quantization.integers import extremes
from tflir.passes.quantization.numerics import Float64, Rows
from tflir.passes.quantization.pairs import FloatConstant
from tflir.passes.quantization.parameters import (
    bias_scales,
    bias_type,
    constant_type,
    fit_bias,
    weight_scales,
    weight_type,
)
from tflir.passes.quantization.propagation import Propagation
from tflir.passes.rewriting.values import producer

_PER_TENSOR = -1


class Contents:
    """What the elements of a function's constants say about their parameters; each constant is read once.

    `merge_zeros` gives weights that are zero throughout one scale, not one for each channel.
    `clamped` are ranges of constants that are to be rounded to those.
    """

    def __init__(
        self,
        constants: Mapping[SSAValue, FloatConstant],
        order: dict[Operation, int],
        report: PassReport,
        *,
        per_channel: bool,
        merge_zeros: bool = False,
        clamped: Mapping[SSAValue, Range],
    ) -> None:
        self._constants = constants
        self._order = order
        self._report = report
        self._per_channel = per_channel
        self._merge_zeros = merge_zeros
        self._clamped = clamped

    def of_constant(self, value: SSAValue) -> UniformQuantizedType | None:
        """Parameters of a constant that decides for itself; None for one that a bias or same-scale op decides."""
        axes: list[int | None] = []
        for use in uses_in_order(value, self._order):
            bias = bias_of(use.operation)
            if not is_same_scale(use.operation) and (bias is None or bias[0] != use.index):
                axes.append(weight_axis(use.operation, use.index))
        if not axes:
            return None
        constant = self._constants[value]
        weights = [axis for axis in axes if axis is not None]
        return self._weight(constant, weights[0]) if weights else self._operand(constant)

    def _weight(self, constant: FloatConstant, axis: int) -> UniformQuantizedType | None:
        along = None if axis == _PER_TENSOR or not self._per_channel or axis >= len(constant.shape) else axis
        rows = Rows.of(constant.blob, constant.shape, along)
        if rows is None or not constant.elements:
            return None
        magnitudes = rows.magnitudes()
        if not np.isfinite(magnitudes).all():
            self._report.decline("the constant holds NaN or infinity", producer(constant.value))
            return None
        scales = weight_scales(magnitudes)
        if self._merge_zeros and not magnitudes.any():
            return weight_type(scales[:1], None)
        return weight_type(scales, along)

    def _operand(self, constant: FloatConstant) -> UniformQuantizedType | None:
        if (clamped := self._clamped.get(constant.value)) is not None:
            return constant_type(clamped.low, clamped.high)
        rows = Rows.of(constant.blob, constant.shape, None)
        if rows is None or not constant.elements:
            return None
        low, high = extremes(rows)
        if not np.isfinite([low, high]).all():
            self._report.decline("the constant holds NaN or infinity", producer(constant.value))
            return None
        return constant_type(low, high)

    def of_bias(self, propagation: Propagation, op: Operation) -> UniformQuantizedType | None:
        """Parameters of the bias of `op`; None while those of its input or weight are not known.

        A bias too large for them makes the weight's scales coarser.
        """
        bias = bias_of(op)
        assert bias is not None
        order = sorted(bias[1], key=lambda index: weight_axis(op, index) is not None)
        sources = [op.operands[index] for index in order]
        params = [propagation.params(source) for source in sources]
        if any(one is None for one in params):
            return None
        known = cast("list[UniformQuantizedType]", params)
        scales = bias_scales(tuple(_scales(one) for one in known))
        constant, weight = self._constants.get(op.operands[bias[0]]), sources[1]
        if constant is None or weight not in self._constants:
            return bias_type(scales)
        most = self._magnitudes(constant, scales)
        if most is None:
            return None
        fit = fit_bias(most, float(known[0].layout.scales), _scales(known[1]), scales)
        if fit.changed:
            self._coarsen(propagation, weight, known[1], fit.weight)
            self._report.decline("weight scales made coarser: the bias would not fit int32", op)
        return bias_type(fit.bias)

    def _magnitudes(self, bias: FloatConstant, scales: Float64) -> Float64 | None:
        """|b| for each scale of the bias; None where it is not finite."""
        rows = Rows.of(bias.blob, bias.shape, 0 if scales.ndim and bias.shape else None)
        if rows is None:
            return None
        most = rows.magnitudes()
        if not np.isfinite(most).all():
            self._report.decline("the bias holds NaN or infinity", producer(bias.value))
            return None
        return most if scales.ndim else np.asarray(np.max(most, initial=0))

    def _coarsen(
        self, propagation: Propagation, weight: SSAValue, params: UniformQuantizedType, scales: Float64
    ) -> None:
        layout = params.layout
        made = UniformQuantizedType.get(
            params.storage, cast(Any, params.expressed), Layout(scales, layout.zero_points, layout.axes), narrow=True
        )
        propagation.states[weight].params = made


def _scales(params: UniformQuantizedType) -> Float64:
    return params.layout.scales
