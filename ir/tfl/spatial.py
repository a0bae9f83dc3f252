"""Pooling, resizing, and moves between the spatial dimensions and depth or batch."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, I32, STRING, TflOp
from tflir.ir.tfl.constraints import INT32, NUMBER
from tflir.ir.tfl.element_rules import elements_alike
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.layer_rules import channels_last, one_kind_of_corners, pool, resize
from tflir.ir.tfl.moving_rules import batch_to_space


class _Pool(TflOp, ABC):
    RULES: ClassVar = (pool, elements_alike())
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    padding = prop_def(STRING)
    stride_h = prop_def(I32)
    stride_w = prop_def(I32)
    filter_height = prop_def(I32)
    filter_width = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    traits = traits_def(Pure())


class _Resize(TflOp, ABC):
    RULES: ClassVar = (resize, elements_alike(0))
    input = operand_def(NUMBER)
    size = operand_def(INT32)
    output = result_def(NUMBER)
    align_corners = prop_def(BOOL)
    half_pixel_centers = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class AveragePool2DOp(_Pool):
    """Mean over windows of an NHWC input."""

    name = "tfl.average_pool_2d"
    INFO: ClassVar = OpInfo(
        "AVERAGE_POOL_2D", "Pool2DOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )


@irdl_op_definition
class MaxPool2DOp(_Pool):
    """Maximum over windows of an NHWC input."""

    name = "tfl.max_pool_2d"
    INFO: ClassVar = OpInfo(
        "MAX_POOL_2D", "Pool2DOptions", (1, 3), pure=True, quantizable=True, same_scale=True, int16=True
    )


@irdl_op_definition
class ResizeBilinearOp(_Resize):
    """NHWC input scaled to `size` (height, width), interpolating between neighbours."""

    name = "tfl.resize_bilinear"
    RULES: ClassVar = (resize, one_kind_of_corners, elements_alike(0))
    INFO: ClassVar = OpInfo(
        "RESIZE_BILINEAR",
        "ResizeBilinearOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    new_height = opt_prop_def(I32)
    new_width = opt_prop_def(I32)


@irdl_op_definition
class ResizeNearestNeighborOp(_Resize):
    """NHWC input scaled to `size` (height, width), taking the nearest element."""

    name = "tfl.resize_nearest_neighbor"
    INFO: ClassVar = OpInfo(
        "RESIZE_NEAREST_NEIGHBOR",
        "ResizeNearestNeighborOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )


@irdl_op_definition
class DepthToSpaceOp(TflOp):
    """Depth spread over block_size x block_size pixels."""

    name = "tfl.depth_to_space"
    RULES: ClassVar = (channels_last(-1), elements_alike())
    INFO: ClassVar = OpInfo(
        "DEPTH_TO_SPACE", "DepthToSpaceOptions", (1, 2), pure=True, quantizable=True, same_scale=True
    )
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    block_size = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class SpaceToDepthOp(TflOp):
    """Each block_size x block_size block of pixels gathered into depth."""

    name = "tfl.space_to_depth"
    RULES: ClassVar = (channels_last(1), elements_alike())
    INFO: ClassVar = OpInfo(
        "SPACE_TO_DEPTH", "SpaceToDepthOptions", (1, 2), pure=True, quantizable=True, same_scale=True
    )
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    block_size = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class BatchToSpaceNdOp(TflOp):
    """Batches interleaved into blocks of the spatial dimensions, then cropped."""

    name = "tfl.batch_to_space_nd"
    RULES: ClassVar = (batch_to_space(1), elements_alike(0))
    INFO: ClassVar = OpInfo(
        "BATCH_TO_SPACE_ND",
        "BatchToSpaceNDOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    input = operand_def(NUMBER)
    block_shape = operand_def(INT32)
    indices = operand_def(INT32)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


@irdl_op_definition
class SpaceToBatchNdOp(TflOp):
    """Spatial dimensions padded, then cut into blocks that become batches."""

    name = "tfl.space_to_batch_nd"
    RULES: ClassVar = (batch_to_space(-1), elements_alike(0))
    INFO: ClassVar = OpInfo(
        "SPACE_TO_BATCH_ND",
        "SpaceToBatchNDOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    input = operand_def(NUMBER)
    block_shape = operand_def(INT32)
    paddings = operand_def(INT32)
    output = result_def(NUMBER)
    traits = traits_def(Pure())
