"""Slices, gathers, scatters, look-ups and searches."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, F32_ARRAY, I32, STRING, TflOp
from tflir.ir.tfl.constraints import FLOAT, INDEX, INT32, INT32_OR_64, NUMBER, VALUE
from tflir.ir.tfl.element_rules import elements_alike, unchanged
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.picking_rules import (
    dynamic_update_slice,
    embedding_lookup,
    gather,
    gather_nd,
    scatter_nd,
    slice_,
    strided_slice,
    topk,
    where,
)


@irdl_op_definition
class SliceOp(TflOp):
    """The block of `size` that starts at `begin`."""

    name = "tfl.slice"
    RULES: ClassVar = (slice_, elements_alike(0))
    INFO: ClassVar = OpInfo("SLICE", "SliceOptions", (1, 8), pure=True, quantizable=True, same_scale=True, int16=True)
    input = operand_def(VALUE)
    begin = operand_def(INT32_OR_64)
    size = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class StridedSliceOp(TflOp):
    """Every `strides`-th element from `begin` to `end`, with masks as in numpy's slices."""

    name = "tfl.strided_slice"
    RULES: ClassVar = (strided_slice, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "STRIDED_SLICE",
        "StridedSliceOptions",
        (1, 8),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    input = operand_def(VALUE)
    begin = operand_def(INT32_OR_64)
    end = operand_def(INT32_OR_64)
    strides = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    begin_mask = prop_def(I32)
    end_mask = prop_def(I32)
    ellipsis_mask = prop_def(I32)
    new_axis_mask = prop_def(I32)
    shrink_axis_mask = prop_def(I32)
    offset = prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class GatherOp(TflOp):
    """Slices of `params` along an axis, picked by index."""

    name = "tfl.gather"
    RULES: ClassVar = (gather, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "GATHER",
        "GatherOptions",
        (1, 8),
        pure=True,
        quantizable=True,
        same_scale=True,
        dynamic_range=(0,),
        sparse=(0,),
        densify=("float", "int8"),
        int16=True,
    )
    params = operand_def(VALUE)
    indices = operand_def(INDEX)
    output = result_def(VALUE)
    axis = prop_def(I32)
    batch_dims = opt_prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class GatherNdOp(TflOp):
    """Slices of `params` picked by index vectors."""

    name = "tfl.gather_nd"
    RULES: ClassVar = (gather_nd, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "GATHER_ND", "GatherNdOptions", (1, 6), pure=True, quantizable=True, same_scale=True, int16=True
    )
    params = operand_def(VALUE)
    indices = operand_def(INDEX)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class ScatterNdOp(TflOp):
    """`updates` put into zeros of `shape` at index vectors; repeated ones add up."""

    name = "tfl.scatter_nd"
    RULES: ClassVar = (scatter_nd, elements_alike(1))
    INFO: ClassVar = OpInfo(
        "SCATTER_ND", "ScatterNdOptions", (1, 1), pure=True, quantizable=True, fills_zero=True, same_scale=True
    )
    indices = operand_def(INT32)
    updates = operand_def(VALUE)
    shape = operand_def(INT32)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class DynamicUpdateSliceOp(TflOp):
    """The operand with a block replaced at `start_indices`."""

    name = "tfl.dynamic_update_slice"
    RULES: ClassVar = (dynamic_update_slice, elements_alike(0, 1))
    INFO: ClassVar = OpInfo(
        "DYNAMIC_UPDATE_SLICE",
        "DynamicUpdateSliceOptions",
        (1, 6),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    operand = operand_def(VALUE)
    update = operand_def(VALUE)
    start_indices = operand_def(INT32_OR_64)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class EmbeddingLookupOp(TflOp):
    """Rows of `value` picked by index."""

    name = "tfl.embedding_lookup"
    RULES: ClassVar = (embedding_lookup,)
    INFO: ClassVar = OpInfo(
        "EMBEDDING_LOOKUP",
        None,
        (1, 5),
        pure=True,
        quantizable=True,
        moves_elements=True,
        dynamic_range=(1,),
        dynamic_range_axis=0,
        hybrid=True,
        hybrid_bits=(8, 4),
        sparse=(1,),
        densify=("float", "hybrid", "int8"),
    )
    lookup = operand_def(INT32)
    value = operand_def(NUMBER)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class SparseToDenseOp(TflOp):
    """A tensor of `default_value` with `sparse_values` put at their indices."""

    name = "tfl.sparse_to_dense"
    INFO: ClassVar = OpInfo(
        "SPARSE_TO_DENSE", "SparseToDenseOptions", (1, 3), pure=True, quantizable=True, moves_elements=True
    )
    sparse_indices = operand_def(INT32_OR_64)
    output_shape = operand_def(INT32_OR_64)
    sparse_values = operand_def(VALUE)
    default_value = operand_def(VALUE)
    dense = result_def(VALUE)
    validate_indices = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class DensifyOp(TflOp):
    """A sparse constant made dense."""

    name = "tfl.densify"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("DENSIFY", "DensifyOptions", (1, 1), pure=True)
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class WhereOp(TflOp):
    """Index vectors of the elements that are not zero."""

    name = "tfl.where"
    RULES: ClassVar = (where,)
    INFO: ClassVar = OpInfo("WHERE", "WhereOptions", (1, 2), pure=True)
    condition = operand_def(VALUE)
    index = result_def(INT32_OR_64)
    traits = traits_def(Pure())


@irdl_op_definition
class UniqueOp(TflOp):
    """The distinct elements of a vector, and where each element went."""

    name = "tfl.unique"
    INFO: ClassVar = OpInfo("UNIQUE", "UniqueOptions", (1, 1), pure=True, quantizable=True)
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    idx = result_def(INT32_OR_64)
    idx_out_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class TopKV2Op(TflOp):
    """The k largest elements along the last axis and their indices, in descending order."""

    name = "tfl.topk_v2"
    RULES: ClassVar = (topk,)
    INFO: ClassVar = OpInfo(
        "TOPK_V2", "TopKV2Options", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )
    input = operand_def(NUMBER)
    k = operand_def(INDEX)
    values = result_def(NUMBER)
    indices = result_def(INDEX)
    traits = traits_def(Pure())


@irdl_op_definition
class BucketizeOp(TflOp):
    """The number of the bucket that each element falls into."""

    name = "tfl.bucketize"
    INFO: ClassVar = OpInfo("BUCKETIZE", "BucketizeOptions", (1, 1), pure=True)
    input = operand_def(NUMBER)
    output = result_def(INT32)
    boundaries = prop_def(F32_ARRAY)
    traits = traits_def(Pure())


@irdl_op_definition
class NonMaxSuppressionV4Op(TflOp):
    """Indices of the best boxes that don't overlap much."""

    name = "tfl.non_max_suppression_v4"
    INFO: ClassVar = OpInfo("NON_MAX_SUPPRESSION_V4", "NonMaxSuppressionV4Options", (1, 1), pure=True)
    boxes = operand_def(FLOAT)
    scores = operand_def(FLOAT)
    max_output_size = operand_def(INT32)
    iou_threshold = operand_def(FLOAT)
    score_threshold = operand_def(FLOAT)
    selected_indices = result_def(INT32)
    valid_outputs = result_def(INT32)
    traits = traits_def(Pure())


@irdl_op_definition
class NonMaxSuppressionV5Op(TflOp):
    """Indices and scores of the best boxes, scores of overlapping ones lowered."""

    name = "tfl.non_max_suppression_v5"
    INFO: ClassVar = OpInfo("NON_MAX_SUPPRESSION_V5", "NonMaxSuppressionV5Options", (1, 1), pure=True)
    boxes = operand_def(FLOAT)
    scores = operand_def(FLOAT)
    max_output_size = operand_def(INT32)
    iou_threshold = operand_def(FLOAT)
    score_threshold = operand_def(FLOAT)
    soft_nms_sigma = operand_def(FLOAT)
    selected_indices = result_def(INT32)
    selected_scores = result_def(FLOAT)
    valid_outputs = result_def(INT32)
    traits = traits_def(Pure())
