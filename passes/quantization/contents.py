"""Quantization parameters of constants, from their elements, and of biases, from the scales of input and weight.

See docs/semantics.md, Constants, and docs/semantics.md, Biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from xdsl.ir import Operation, SSAValue, Use

from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import PER_TENSOR, bias_of, is_same_scale, is_symmetric, uses_in_order, weight_axis
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
from tflir.passes.quantization.stored_weights import round_stored, stored_of
from tflir.passes.rewriting.values import producer


class Contents:
    """Derives the parameters of a function's constants from their elements; each constant is read only once.

    A weight whose elements are all zero has one scale instead of one for each channel, and what the default delegate
    reads without a zero point has none; with `tf_compat` neither holds.
    `clamped` has the ranges to which the elements of some constants will be clamped.
    """

    def __init__(
        self,
        constants: Mapping[SSAValue, FloatConstant],
        order: dict[Operation, int],
        report: PassReport,
        *,
        per_channel: bool,
        tf_compat: bool = False,
        clamped: Mapping[SSAValue, Range],
    ) -> None:
        self._constants = constants
        self._order = order
        self._report = report
        self._per_channel = per_channel
        self._tf_compat = tf_compat
        self._clamped = clamped

    def of_constant(self, value: SSAValue) -> UniformQuantizedType | None:
        """Parameters of a constant that follow from its elements alone.

        None for a bias, whose scale follows from the op's input and weight, and for a constant that only same-scale
        ops read, which takes their parameters.
        """
        axes: list[int | None] = []
        for use in uses_in_order(value, self._order):
            bias = bias_of(use.operation)
            if not is_same_scale(use.operation) and (bias is None or bias[0] != use.index):
                axes.append(self._axis(use))
        if not axes:
            return None
        constant = self._constants[value]
        weights = [axis for axis in axes if axis is not None]
        return self._weight(constant, weights[0]) if weights else self._operand(constant)

    def _axis(self, use: Use) -> int | None:
        """The channel axis of a weight; -1 if it has one scale, and a zero point of 0; None for another operand."""
        axis = weight_axis(use.operation, use.index)
        return PER_TENSOR if axis is None and not self._tf_compat and is_symmetric(use) else axis

    def _weight(self, constant: FloatConstant, axis: int) -> UniformQuantizedType | None:
        channel_axis = None if axis == PER_TENSOR or not self._per_channel or axis >= len(constant.shape) else axis
        rows = Rows.of(constant.blob, constant.shape, channel_axis)
        if rows is None or not constant.elements:
            return None
        magnitudes = rows.magnitudes()
        if not np.isfinite(magnitudes).all():
            self._report.decline("the constant holds NaN or infinity", producer(constant.value))
            return None
        scales = weight_scales(magnitudes, tf_compat=self._tf_compat)
        if not self._tf_compat and not magnitudes.any():
            return weight_type(scales[:1], None)
        return weight_type(scales, channel_axis)

    def _operand(self, constant: FloatConstant) -> UniformQuantizedType | None:
        if (clamped := self._clamped.get(constant.value)) is not None:
            return constant_type(clamped.low, clamped.high, tf_compat=self._tf_compat)
        rows = Rows.of(constant.blob, constant.shape, None)
        if rows is None or not constant.elements:
            return None
        low, high = extremes(rows)
        if not np.isfinite([low, high]).all():
            self._report.decline("the constant holds NaN or infinity", producer(constant.value))
            return None
        return constant_type(low, high, tf_compat=self._tf_compat)

    def of_bias(self, propagation: Propagation, op: Operation) -> UniformQuantizedType | None:
        """Parameters of the bias of `op`; None while those of its input or weight are not known.

        If the bias would not fit int32 with the scale that follows, the weight gets coarser scales.
        """
        bias = bias_of(op)
        assert bias is not None
        order = sorted(bias[1], key=lambda index: weight_axis(op, index) is not None)
        sources = [op.operands[index] for index in order]
        params = [propagation.params(source) for source in sources]
        if None in params:
            return None
        known = cast("list[UniformQuantizedType]", params)
        scales = bias_scales(tuple(source_params.layout.scales for source_params in known))
        constant, weight = self._constants.get(op.operands[bias[0]]), sources[1]
        stored = None if weight in self._constants else stored_of(weight)
        if constant is None or (weight not in self._constants and stored is None):
            return bias_type(scales)
        most = self._magnitudes(constant, scales)
        if most is None:
            return None
        fit = fit_bias(most, float(known[0].layout.scales), known[1].layout.scales, scales)
        if fit.changed:
            made = self._coarsen(propagation, weight, known[1], fit.weight)
            if stored is not None:
                round_stored(stored, made)
            self._report.decline("weight scales made coarser: the bias would not fit int32", op)
        return bias_type(fit.bias)

    def _magnitudes(self, bias: FloatConstant, scales: Float64) -> Float64 | None:
        """The largest |b| that each scale of the bias must represent; None if an element is not finite."""
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
    ) -> UniformQuantizedType:
        """Replaces the scales of a weight, and returns its new type."""
        layout = params.layout
        made = UniformQuantizedType.get(
            params.storage, cast(Any, params.expressed), Layout(scales, layout.zero_points, layout.axes), narrow=True
        )
        propagation.states[weight].params = made
        return made
