"""Layers that multiply by weights: convolutions and matrix products."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def, var_result_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, BYTES, I32, STRING, TflOp
from tflir.ir.tfl.constraints import BIAS_OR_NONE, COMPLEX, FLOAT, FLOAT_OR_QUANTIZED, INT32, NUMBER, WEIGHTS
from tflir.ir.tfl.element_rules import layer_elements
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.layer_rules import (
    batch_matmul,
    conv_2d,
    conv_3d,
    conv_3d_transpose,
    depthwise_conv_2d,
    fully_connected,
    transpose_conv,
)
from tflir.ir.tfl.products import Patches, Product, Rows


class _Conv3D(TflOp, ABC):
    padding = prop_def(STRING)
    stride_d = prop_def(I32)
    stride_h = prop_def(I32)
    stride_w = prop_def(I32)
    dilation_d_factor = prop_def(I32)
    dilation_h_factor = prop_def(I32)
    dilation_w_factor = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class Conv2DOp(TflOp):
    """2-D convolution of an NHWC input with an OHWI filter."""

    name = "tfl.conv_2d"
    RULES: ClassVar = (conv_2d, layer_elements(0, 1, 2))
    INFO: ClassVar = OpInfo(
        "CONV_2D",
        "Conv2DOptions",
        (1, 8),
        pure=True,
        quantizable=True,
        weight=(1, 0),
        bias=(2, (0, 1)),
        products=(Product((1,), Patches(), biases=(2,)),),
        dynamic_range=(1,),
        hybrid=True,
        hybrid_bits=(8, 4),
        sparse=(1,),
        densify=("float", "int8", "int16"),
        int16=True,
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    filter = operand_def(WEIGHTS)
    bias = operand_def(BIAS_OR_NONE)
    output = result_def(FLOAT_OR_QUANTIZED)
    dilation_h_factor = prop_def(I32)
    dilation_w_factor = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    padding = prop_def(STRING)
    stride_h = prop_def(I32)
    stride_w = prop_def(I32)
    quantized_bias_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class DepthwiseConv2DOp(TflOp):
    """2-D convolution of each channel on its own, with a 1HWO filter."""

    name = "tfl.depthwise_conv_2d"
    RULES: ClassVar = (depthwise_conv_2d, layer_elements(0, 1, 2))
    INFO: ClassVar = OpInfo(
        "DEPTHWISE_CONV_2D",
        "DepthwiseConv2DOptions",
        (1, 7),
        pure=True,
        quantizable=True,
        weight=(1, 3),
        bias=(2, (0, 1)),
        absent_bias_unlisted=True,
        products=(Product((1,), Patches(depthwise=True), biases=(2,), channels=3),),
        dynamic_range=(1,),
        hybrid=True,
        sparse=(1,),
        densify=("float", "hybrid", "int8", "int16"),
        int16=True,
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    filter = operand_def(WEIGHTS)
    bias = operand_def(BIAS_OR_NONE)
    output = result_def(FLOAT_OR_QUANTIZED)
    dilation_h_factor = prop_def(I32)
    dilation_w_factor = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    padding = prop_def(STRING)
    stride_h = prop_def(I32)
    stride_w = prop_def(I32)
    depth_multiplier = prop_def(I32)
    traits = traits_def(Pure())


@irdl_op_definition
class TransposeConvOp(TflOp):
    """2-D convolution run backwards, to `output_shape`, with an OHWI filter."""

    name = "tfl.transpose_conv"
    RULES: ClassVar = (transpose_conv, layer_elements(2, 1, 3))
    INFO: ClassVar = OpInfo(
        "TRANSPOSE_CONV",
        "TransposeConvOptions",
        (1, 5),
        pure=True,
        quantizable=True,
        weight=(1, 0),
        bias=(3, (1, 2)),
        dynamic_range=(1,),
        hybrid=True,
        sparse=(1,),
        densify=("float", "int8", "int16"),
        int16=True,
    )
    output_shape = operand_def(INT32)
    weights = operand_def(WEIGHTS)
    input = operand_def(FLOAT_OR_QUANTIZED)
    bias = operand_def(BIAS_OR_NONE)
    output = result_def(FLOAT_OR_QUANTIZED)
    padding = prop_def(STRING)
    stride_h = prop_def(I32)
    stride_w = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    quantized_bias_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class Conv3DOp(_Conv3D):
    """3-D convolution of an NDHWC input with a DHWIO filter."""

    name = "tfl.conv_3d"
    RULES: ClassVar = (conv_3d, layer_elements(0, 1, 2))
    INFO: ClassVar = OpInfo(
        "CONV_3D", "Conv3DOptions", (1, 1), pure=True, bias=(2, (0, 1)), sparse=(1,), densify=("float",)
    )
    input = operand_def(FLOAT)
    filter = operand_def(FLOAT)
    bias = operand_def(BIAS_OR_NONE)
    output = result_def(FLOAT)


@irdl_op_definition
class Conv3DTransposeOp(_Conv3D):
    """3-D convolution run backwards, to `output_shape`, with a DHWOI filter."""

    name = "tfl.conv_3d_transpose"
    RULES: ClassVar = (conv_3d_transpose, layer_elements(2, 1, 3))
    INFO: ClassVar = OpInfo("CONV_3D_TRANSPOSE", "Conv3DOptions", (1, 1), pure=True, bias=(3, (1, 2)))
    output_shape = operand_def(INT32)
    filter = operand_def(FLOAT)
    input = operand_def(FLOAT)
    bias = operand_def(BIAS_OR_NONE)
    output = result_def(FLOAT)


@irdl_op_definition
class FullyConnectedOp(TflOp):
    """Input times the transpose of an [out, in] filter, plus bias; shuffled weights give a second result."""

    name = "tfl.fully_connected"
    RULES: ClassVar = (fully_connected, layer_elements(0, 1, 2))
    INFO: ClassVar = OpInfo(
        "FULLY_CONNECTED",
        "FullyConnectedOptions",
        (1, 14),
        pure=True,
        quantizable=True,
        weight=(1, 0),
        bias=(2, (0, 1)),
        products=(Product((1,), Rows(), biases=(2,)),),
        dynamic_range=(1,),
        hybrid=True,
        hybrid_bits=(8, 4),
        asymmetric_inputs=True,
        sparse=(1,),
        densify=("float", "int16"),
        densify_alone=("hybrid", "int8"),
        float_blocks=((1, 1), (1, 4)),
        quantized_blocks=((1, 16),),
        int16=True,
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    filter = operand_def(WEIGHTS)
    bias = operand_def(BIAS_OR_NONE)
    output = var_result_def(FLOAT_OR_QUANTIZED)
    fused_activation_function = prop_def(STRING)
    weights_format = prop_def(STRING)
    keep_num_dims = prop_def(BOOL)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)
    quantized_bias_type = opt_prop_def(STRING)
    quant_spec = opt_prop_def(BYTES)
    traits = traits_def(Pure())


@irdl_op_definition
class BatchMatMulOp(TflOp):
    """Matrix product over the last two dimensions, either side transposed if asked."""

    name = "tfl.batch_matmul"
    RULES: ClassVar = (batch_matmul, layer_elements(0, 1))
    INFO: ClassVar = OpInfo(
        "BATCH_MATMUL",
        "BatchMatMulOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        symmetric=(1,),
        products=(Product((1,), Rows(transposed="adj_x"), channels=-1, transposed="adj_y"),),
        dynamic_range=(1,),
        hybrid=True,
        asymmetric_inputs=True,
        sparse=(0, 1),
        densify=("float", "int8"),
        int16=True,
    )
    x = operand_def(NUMBER)
    y = operand_def(NUMBER)
    output = result_def(NUMBER)
    adj_x = opt_prop_def(BOOL)
    adj_y = opt_prop_def(BOOL)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class RFFT2DOp(TflOp):
    """2-D Fourier transform of real input over the last two dimensions."""

    name = "tfl.rfft2d"
    INFO: ClassVar = OpInfo("RFFT2D", "Rfft2dOptions", (1, 1), pure=True)
    input = operand_def(FLOAT)
    fft_length = operand_def(INT32)
    output = result_def(COMPLEX)
    traits = traits_def(Pure())
