"""Recurrent layers. Their state operands are variable tensors that each run updates."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def, var_result_def
from xdsl.traits import Pure

from tflir.ir.tfl.attributes import LSTMKernelTypeAttr
from tflir.ir.tfl.base import BOOL, F32, I32, STRING, TflOp
from tflir.ir.tfl.constraints import (
    ANY,
    BIAS,
    BIAS_OR_NONE,
    FLOAT_OR_QUANTIZED,
    TYPE,
    WEIGHTS,
    WEIGHTS_OR_NONE,
    tensor,
)
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.products import PreviousStep, Product, Rows

INTERMEDIATES = (
    "input_to_input_intermediate",
    "input_to_forget_intermediate",
    "input_to_cell_intermediate",
    "input_to_output_intermediate",
    "effective_hidden_scale_intermediate",
)
"""The intermediate tensors of an LSTM: its gates before they are normalized, and the input of the projection."""
_BIASES, _NORMS = (12, 13, 14, 15), (20, 21, 22, 23)
_LSTM_PRODUCTS = (
    Product((1, 2, 3, 4), Rows(), _BIASES, normalized=_NORMS),
    Product((5, 6, 7, 8), PreviousStep(), _BIASES, normalized=_NORMS),
)
"""The gates, of the input and of the step before. The runtime does not show what the projection reads."""
_FORWARD_BIASES, _BACKWARD_BIASES = (12, 13, 14, 15), (29, 30, 31, 32)
_AUXILIARY = 39
_BIDIRECTIONAL_PRODUCTS = (
    Product((1, 2, 3, 4), Rows(), _FORWARD_BIASES),
    Product((5, 6, 7, 8), PreviousStep(), _FORWARD_BIASES),
    Product((18, 19, 20, 21), Rows(replaced=(_AUXILIARY, 41)), _BACKWARD_BIASES),
    Product((22, 23, 24, 25), PreviousStep(1, backward=True), _BACKWARD_BIASES),
    Product((40, 41, 42, 43), Rows(_AUXILIARY), _FORWARD_BIASES),
    Product((44, 45, 46, 47), Rows(_AUXILIARY), _BACKWARD_BIASES),
)
INPUT_OR_NONE = tensor(*FLOAT_OR_QUANTIZED.kinds, optional=True)


class _LSTM(TflOp, ABC):
    """Inputs and options of the layers with input, forget, cell and output gates."""

    input = operand_def(FLOAT_OR_QUANTIZED)
    input_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    input_to_forget_weights = operand_def(WEIGHTS)
    input_to_cell_weights = operand_def(WEIGHTS)
    input_to_output_weights = operand_def(WEIGHTS)
    recurrent_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    recurrent_to_forget_weights = operand_def(WEIGHTS)
    recurrent_to_cell_weights = operand_def(WEIGHTS)
    recurrent_to_output_weights = operand_def(WEIGHTS)
    cell_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    cell_to_forget_weights = operand_def(WEIGHTS_OR_NONE)
    cell_to_output_weights = operand_def(WEIGHTS_OR_NONE)
    input_gate_bias = operand_def(BIAS_OR_NONE)
    forget_gate_bias = operand_def(BIAS)
    cell_bias = operand_def(BIAS)
    output_gate_bias = operand_def(BIAS)
    projection_weights = operand_def(WEIGHTS_OR_NONE)
    projection_bias = operand_def(BIAS_OR_NONE)
    input_activation_state = operand_def(ANY)
    input_cell_state = operand_def(ANY)
    input_layer_norm_coefficients = operand_def(WEIGHTS_OR_NONE)
    forget_layer_norm_coefficients = operand_def(WEIGHTS_OR_NONE)
    cell_layer_norm_coefficients = operand_def(WEIGHTS_OR_NONE)
    output_layer_norm_coefficients = operand_def(WEIGHTS_OR_NONE)
    output = result_def(ANY)
    fused_activation_function = prop_def(STRING)
    cell_clip = opt_prop_def(F32)
    proj_clip = opt_prop_def(F32)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)
    input_to_input_intermediate = opt_prop_def(TYPE)
    input_to_forget_intermediate = opt_prop_def(TYPE)
    input_to_cell_intermediate = opt_prop_def(TYPE)
    input_to_output_intermediate = opt_prop_def(TYPE)
    effective_hidden_scale_intermediate = opt_prop_def(TYPE)


@irdl_op_definition
class LSTMOp(_LSTM):
    """One step, or a batch of steps, of a long short-term memory cell."""

    name = "tfl.lstm"
    INFO: ClassVar = OpInfo(
        "LSTM",
        "LSTMOptions",
        (1, 4),
        quantizable=True,
        int8_activation="TANH",
        products=_LSTM_PRODUCTS,
        dynamic_range=(*range(1, 12), 16),
        all_or_nothing=True,
        hybrid=True,
        asymmetric_inputs=True,
        stateful=(18, 19),
        result_state=18,
    )
    kernel_type = opt_prop_def(LSTMKernelTypeAttr)


@irdl_op_definition
class UnidirectionalSequenceLSTMOp(_LSTM):
    """A long short-term memory layer over a whole sequence."""

    name = "tfl.unidirectional_sequence_lstm"
    INFO: ClassVar = OpInfo(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UnidirectionalSequenceLSTMOptions",
        (1, 4),
        quantizable=True,
        int8_activation="TANH",
        products=_LSTM_PRODUCTS,
        dynamic_range=(*range(1, 12), 16),
        all_or_nothing=True,
        hybrid=True,
        asymmetric_inputs=True,
        stateful=(18, 19),
        result_state=18,
    )
    time_major = prop_def(BOOL)
    diagonal_recurrent_tensors = opt_prop_def(BOOL)


@irdl_op_definition
class BidirectionalSequenceLSTMOp(TflOp):
    """Two long short-term memory layers over a sequence; one output if `merge_outputs`, else one for each
    direction."""

    name = "tfl.bidirectional_sequence_lstm"
    INFO: ClassVar = OpInfo(
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BidirectionalSequenceLSTMOptions",
        (1, 3),
        quantizable=True,
        no_int8="the runtime has no int8 kernel",
        products=_BIDIRECTIONAL_PRODUCTS,
        dynamic_range=(*range(1, 12), 16, *range(18, 29), 33, *range(40, 48)),
        all_or_nothing=True,
        hybrid=True,
        asymmetric_inputs=True,
        stateful=(35, 36, 37, 38),
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    fw_input_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    fw_input_to_forget_weights = operand_def(WEIGHTS)
    fw_input_to_cell_weights = operand_def(WEIGHTS)
    fw_input_to_output_weights = operand_def(WEIGHTS)
    fw_recurrent_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    fw_recurrent_to_forget_weights = operand_def(WEIGHTS)
    fw_recurrent_to_cell_weights = operand_def(WEIGHTS)
    fw_recurrent_to_output_weights = operand_def(WEIGHTS)
    fw_cell_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    fw_cell_to_forget_weights = operand_def(WEIGHTS_OR_NONE)
    fw_cell_to_output_weights = operand_def(WEIGHTS_OR_NONE)
    fw_input_gate_bias = operand_def(BIAS_OR_NONE)
    fw_forget_gate_bias = operand_def(BIAS)
    fw_cell_bias = operand_def(BIAS)
    fw_output_gate_bias = operand_def(BIAS)
    fw_projection_weights = operand_def(WEIGHTS_OR_NONE)
    fw_projection_bias = operand_def(BIAS_OR_NONE)
    bw_input_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    bw_input_to_forget_weights = operand_def(WEIGHTS)
    bw_input_to_cell_weights = operand_def(WEIGHTS)
    bw_input_to_output_weights = operand_def(WEIGHTS)
    bw_recurrent_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    bw_recurrent_to_forget_weights = operand_def(WEIGHTS)
    bw_recurrent_to_cell_weights = operand_def(WEIGHTS)
    bw_recurrent_to_output_weights = operand_def(WEIGHTS)
    bw_cell_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    bw_cell_to_forget_weights = operand_def(WEIGHTS_OR_NONE)
    bw_cell_to_output_weights = operand_def(WEIGHTS_OR_NONE)
    bw_input_gate_bias = operand_def(BIAS_OR_NONE)
    bw_forget_gate_bias = operand_def(BIAS)
    bw_cell_bias = operand_def(BIAS)
    bw_output_gate_bias = operand_def(BIAS)
    bw_projection_weights = operand_def(WEIGHTS_OR_NONE)
    bw_projection_bias = operand_def(BIAS_OR_NONE)
    fw_input_activation_state = operand_def(ANY)
    fw_input_cell_state = operand_def(ANY)
    bw_input_activation_state = operand_def(ANY)
    bw_input_cell_state = operand_def(ANY)
    aux_input = operand_def(INPUT_OR_NONE)
    fw_aux_input_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    fw_aux_input_to_forget_weights = operand_def(WEIGHTS_OR_NONE)
    fw_aux_input_to_cell_weights = operand_def(WEIGHTS_OR_NONE)
    fw_aux_input_to_output_weights = operand_def(WEIGHTS_OR_NONE)
    bw_aux_input_to_input_weights = operand_def(WEIGHTS_OR_NONE)
    bw_aux_input_to_forget_weights = operand_def(WEIGHTS_OR_NONE)
    bw_aux_input_to_cell_weights = operand_def(WEIGHTS_OR_NONE)
    bw_aux_input_to_output_weights = operand_def(WEIGHTS_OR_NONE)
    fw_output = result_def(ANY)
    bw_output = var_result_def(ANY)
    fused_activation_function = prop_def(STRING)
    cell_clip = opt_prop_def(F32)
    proj_clip = opt_prop_def(F32)
    merge_outputs = prop_def(BOOL)
    time_major = prop_def(BOOL)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)


@irdl_op_definition
class BasicLSTMOp(TflOp):
    """One step of the older LSTM kernel, all gates in one matrix."""

    name = "tfl.basic_lstm"
    INFO: ClassVar = OpInfo("LSTM", "LSTMOptions", (1, 4), pure=True, quantizable=True)
    data_input = operand_def(FLOAT_OR_QUANTIZED)
    prev_activ_input = operand_def(FLOAT_OR_QUANTIZED)
    weights_input = operand_def(WEIGHTS)
    biases_input = operand_def(BIAS)
    prev_state_input = operand_def(FLOAT_OR_QUANTIZED)
    activ_output = result_def(FLOAT_OR_QUANTIZED)
    state_output = result_def(FLOAT_OR_QUANTIZED)
    concat_temp = result_def(FLOAT_OR_QUANTIZED)
    activ_temp = result_def(FLOAT_OR_QUANTIZED)
    fused_activation_function = prop_def(STRING)
    cell_clip = opt_prop_def(F32)
    proj_clip = opt_prop_def(F32)
    kernel_type = opt_prop_def(LSTMKernelTypeAttr)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class UnidirectionalSequenceRNNOp(TflOp):
    """A plain recurrent layer over a whole sequence."""

    name = "tfl.unidirectional_sequence_rnn"
    INFO: ClassVar = OpInfo(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "SequenceRNNOptions",
        (1, 3),
        quantizable=True,
        no_int8="the runtime has no int8 kernel",
        products=(Product((1,), Rows(), (3,)), Product((2,), PreviousStep(), (3,))),
        dynamic_range=(1, 2),
        all_or_nothing=True,
        hybrid=True,
        asymmetric_inputs=True,
        stateful=(4,),
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    input_to_input_weights = operand_def(WEIGHTS)
    recurrent_to_input_weights = operand_def(WEIGHTS)
    input_gate_bias = operand_def(BIAS)
    hidden_state = operand_def(ANY)
    output = result_def(FLOAT_OR_QUANTIZED)
    time_major = prop_def(BOOL)
    fused_activation_function = prop_def(STRING)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)


@irdl_op_definition
class SVDFOp(TflOp):
    """A layer of rank-1 filters over features and time (singular value decomposition filter)."""

    name = "tfl.svdf"
    INFO: ClassVar = OpInfo(
        "SVDF",
        "SVDFOptions",
        (1, 4),
        quantizable=True,
        int8_activation="RELU",
        bias=(3, (2, 4)),
        products=(Product((1,), Rows()),),
        dynamic_range=(1, 2),
        all_or_nothing=True,
        hybrid=True,
        asymmetric_inputs=True,
        stateful=(4,),
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    feature_weights = operand_def(WEIGHTS)
    time_weights = operand_def(WEIGHTS)
    input_gate_bias = operand_def(BIAS_OR_NONE)
    activation_state = operand_def(ANY)
    output = result_def(FLOAT_OR_QUANTIZED)
    rank = prop_def(I32)
    fused_activation_function = prop_def(STRING)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)
