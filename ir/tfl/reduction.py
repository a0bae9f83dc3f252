"""Reductions along axes, over segments and running."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, STRING, TflOp
from tflir.ir.tfl.constraints import BOOLEAN, INT32, INT32_OR_64, NUMBER, VALUE
from tflir.ir.tfl.element_rules import arg_reduction, cumsum, elements_alike, reduction, segments
from tflir.ir.tfl.info import OpInfo


class _Reduction(TflOp, ABC):
    RULES: ClassVar = (reduction, elements_alike(0))
    input = operand_def(NUMBER)
    axes = operand_def(INT32)
    output = result_def(NUMBER)
    keep_dims = prop_def(BOOL)
    traits = traits_def(Pure())


class _BooleanReduction(TflOp, ABC):
    RULES: ClassVar = (reduction,)
    input = operand_def(BOOLEAN)
    reduction_indices = operand_def(INT32)
    output = result_def(BOOLEAN)
    keep_dims = opt_prop_def(BOOL)
    traits = traits_def(Pure())


class _ArgReduction(TflOp, ABC):
    RULES: ClassVar = (arg_reduction,)
    input = operand_def(VALUE)
    dim = operand_def(INT32_OR_64)
    output = result_def(INT32_OR_64)
    output_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


class _UnsortedSegment(TflOp, ABC):
    RULES: ClassVar = (elements_alike(0),)
    input = operand_def(NUMBER)
    segment_ids = operand_def(INT32)
    num_segments = operand_def(INT32)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class SumOp(_Reduction):
    """Sum along the axes."""

    name = "tfl.sum"
    INFO: ClassVar = OpInfo("SUM", "ReducerOptions", (1, 2), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class MeanOp(TflOp):
    """Mean along the axes."""

    name = "tfl.mean"
    RULES: ClassVar = (reduction, elements_alike(0))
    INFO: ClassVar = OpInfo("MEAN", "ReducerOptions", (1, 3), pure=True, quantizable=True, int16=True)
    input = operand_def(NUMBER)
    axis = operand_def(INT32)
    output = result_def(NUMBER)
    keep_dims = prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class ReduceProdOp(_Reduction):
    """Product along the axes."""

    name = "tfl.reduce_prod"
    INFO: ClassVar = OpInfo("REDUCE_PROD", "ReducerOptions", (1, 2), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class ReduceMaxOp(_Reduction):
    """Maximum along the axes."""

    name = "tfl.reduce_max"
    INFO: ClassVar = OpInfo(
        "REDUCE_MAX", "ReducerOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )


@irdl_op_definition
class ReduceMinOp(_Reduction):
    """Minimum along the axes."""

    name = "tfl.reduce_min"
    INFO: ClassVar = OpInfo(
        "REDUCE_MIN", "ReducerOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )


@irdl_op_definition
class ReduceAnyOp(_BooleanReduction):
    """Whether any element along the axes is true."""

    name = "tfl.reduce_any"
    INFO: ClassVar = OpInfo("REDUCE_ANY", "ReducerOptions", (1, 1), pure=True)


@irdl_op_definition
class ReduceAllOp(_BooleanReduction):
    """Whether every element along the axes is true."""

    name = "tfl.reduce_all"
    INFO: ClassVar = OpInfo("REDUCE_ALL", "ReducerOptions", (1, 1), pure=True)


@irdl_op_definition
class ArgMaxOp(_ArgReduction):
    """Index of the largest element along an axis."""

    name = "tfl.arg_max"
    INFO: ClassVar = OpInfo("ARG_MAX", "ArgMaxOptions", (1, 3), pure=True, quantizable=True)


@irdl_op_definition
class ArgMinOp(_ArgReduction):
    """Index of the smallest element along an axis."""

    name = "tfl.arg_min"
    INFO: ClassVar = OpInfo("ARG_MIN", "ArgMinOptions", (1, 3), pure=True, quantizable=True)


@irdl_op_definition
class CumsumOp(TflOp):
    """Running sum along an axis."""

    name = "tfl.cumsum"
    RULES: ClassVar = (cumsum, elements_alike(0))
    INFO: ClassVar = OpInfo("CUMSUM", "CumsumOptions", (1, 1), pure=True)
    input = operand_def(NUMBER)
    axis = operand_def(INT32)
    output = result_def(NUMBER)
    exclusive = opt_prop_def(BOOL)
    reverse = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class SegmentSumOp(TflOp):
    """Sum of the rows of each segment; segment numbers ascend."""

    name = "tfl.segment_sum"
    RULES: ClassVar = (segments, elements_alike(0))
    INFO: ClassVar = OpInfo("SEGMENT_SUM", "SegmentSumOptions", (1, 1), pure=True)
    input = operand_def(NUMBER)
    segment_ids = operand_def(INT32)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class UnsortedSegmentSumOp(_UnsortedSegment):
    """Sum of the rows of each segment."""

    name = "tfl.unsorted_segment_sum"
    INFO: ClassVar = OpInfo("UNSORTED_SEGMENT_SUM", "UnsortedSegmentSumOptions", (1, 1), pure=True)


@irdl_op_definition
class UnsortedSegmentProdOp(_UnsortedSegment):
    """Product of the rows of each segment."""

    name = "tfl.unsorted_segment_prod"
    INFO: ClassVar = OpInfo("UNSORTED_SEGMENT_PROD", "UnsortedSegmentProdOptions", (1, 1), pure=True)


@irdl_op_definition
class UnsortedSegmentMaxOp(_UnsortedSegment):
    """Maximum of the rows of each segment."""

    name = "tfl.unsorted_segment_max"
    INFO: ClassVar = OpInfo("UNSORTED_SEGMENT_MAX", "UnsortedSegmentMaxOptions", (1, 1), pure=True)


@irdl_op_definition
class UnsortedSegmentMinOp(_UnsortedSegment):
    """Minimum of the rows of each segment."""

    name = "tfl.unsorted_segment_min"
    INFO: ClassVar = OpInfo("UNSORTED_SEGMENT_MIN", "UnsortedSegmentMinOptions", (1, 1), pure=True)
