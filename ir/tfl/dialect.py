"""The `tfl` dialect, and where each of its operators is defined.

A class takes about a millisecond to define, so a family is imported only when one of its operators is asked for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

from xdsl.ir import Dialect, Operation
from xdsl.irdl import IRDLOperation

from tflir.ir.tfl.base import TflOp

FAMILIES: dict[str, str] = {
    "activations": """
        relu relu6 relu_n1_to_1 relu_0_to_1 elu logistic tanh leaky_relu prelu gelu hard_swish softmax log_softmax
        l2_normalization local_response_normalization
    """,
    "arithmetic": """
        add sub mul div floor_div floor_mod pow squared_difference bitwise_xor right_shift maximum minimum atan2
        add_n
    """,
    "comparison": """
        equal not_equal less less_equal greater greater_equal logical_and logical_or logical_not select select_v2
    """,
    "constants": """
        pseudo_const pseudo_qconst pseudo_sparse_const pseudo_sparse_qconst external_const no_value custom builtin
        NumericVerify
    """,
    "control_flow": """
        yield if while call_once control_node poly_call
    """,
    "elementwise": """
        abs neg sign square sqrt rsqrt exp log sin cos floor ceil round real imag complex_abs cast bitcast
    """,
    "filling": """
        shape rank fill zeros_like range one_hot matrix_diag matrix_set_diag
    """,
    "indexing": """
        slice strided_slice gather gather_nd scatter_nd dynamic_update_slice embedding_lookup sparse_to_dense
        densify where unique topk_v2 bucketize non_max_suppression_v4 non_max_suppression_v5
    """,
    "legacy": """
        l2_pool_2d rnn bidirectional_sequence_rnn embedding_lookup_sparse concat_embeddings hashtable_lookup
        lsh_projection skip_gram reduce_window call delegate
    """,
    "linear": """
        conv_2d depthwise_conv_2d transpose_conv conv_3d conv_3d_transpose fully_connected batch_matmul rfft2d
    """,
    "quantization": """
        quantize dequantize fake_quant
    """,
    "recurrent": """
        lstm unidirectional_sequence_lstm bidirectional_sequence_lstm basic_lstm unidirectional_sequence_rnn svdf
    """,
    "reduction": """
        sum mean reduce_prod reduce_max reduce_min reduce_any reduce_all arg_max arg_min cumsum segment_sum
        unsorted_segment_sum unsorted_segment_prod unsorted_segment_max unsorted_segment_min
    """,
    "sampling": """
        random_uniform random_standard_normal multinomial
    """,
    "shaping": """
        reshape squeeze expand_dims transpose concatenation pack unpack split split_v pad padv2 mirror_pad tile
        broadcast_to broadcast_args reverse_v2 reverse_sequence dilate
    """,
    "spatial": """
        average_pool_2d max_pool_2d resize_bilinear resize_nearest_neighbor depth_to_space space_to_depth
        batch_to_space_nd space_to_batch_nd
    """,
    "stablehlo": """
        stablehlo_reshape stablehlo_concatenate stablehlo_broadcast_in_dim stablehlo_convolution stablehlo_slice
        stablehlo_custom_call stablehlo_reduce stablehlo_scatter stablehlo_dynamic_slice
        stablehlo_dynamic_update_slice stablehlo_pad stablehlo_iota stablehlo_dot_general stablehlo_reduce_window
        stablehlo_sort stablehlo_while stablehlo_gather stablehlo_transpose stablehlo_rng_bit_generator
        stablehlo_composite stablehlo_case
    """,
    "stablehlo_elementwise": """
        stablehlo_logistic stablehlo_add stablehlo_divide stablehlo_multiply stablehlo_maximum stablehlo_clamp
        stablehlo_abs stablehlo_and stablehlo_cosine stablehlo_exponential stablehlo_floor stablehlo_log
        stablehlo_minimum stablehlo_negate stablehlo_or stablehlo_power stablehlo_remainder stablehlo_rsqrt
        stablehlo_select stablehlo_subtract stablehlo_tanh stablehlo_compare stablehlo_convert stablehlo_shift_left
        stablehlo_cbrt
    """,
    "variables": """
        var_handle read_variable assign_variable hashtable hashtable_find hashtable_import hashtable_size
    """,
}
"""By module in this package: the ops that it defines, without `tfl.`."""

_FAMILY_OF = {f"tfl.{op}": family for family, ops in FAMILIES.items() for op in ops.split()}


def family_ops(module: ModuleType) -> dict[str, type[IRDLOperation]]:
    """The ops that a module defines, by name."""
    defined = (item for item in vars(module).values() if isinstance(item, type) and issubclass(item, IRDLOperation))
    return {op.name: op for op in defined if op.__module__ == module.__name__ and "name" in vars(op)}


@cache
def _family(name: str) -> dict[str, type[IRDLOperation]]:
    return family_ops(import_module(f"tflir.ir.tfl.{name}"))


def op_class_by_name(name: str) -> type[IRDLOperation] | None:
    """The class of `tfl.conv_2d` and the like; None where the dialect has no such op."""
    family = _FAMILY_OF.get(name)
    return None if family is None else _family(family)[name]


@cache
def op_class(builtin: str) -> type[TflOp] | None:
    """The class of a builtin operator (`CONV_2D`); None where there is none, as for CUSTOM.

    LSTM gives `tfl.lstm`; its other kernel is `tfl.basic_lstm`.
    """
    op = op_class_by_name(f"tfl.{builtin.lower()}")
    if op is None or not issubclass(op, TflOp) or op.INFO.builtin != builtin:
        return None
    return op


def get_dialect() -> Dialect:
    """All ops and attributes; imports every family."""
    from tflir.ir.tfl.attributes import ATTRIBUTES

    ops = [op for family in FAMILIES for op in _family(family).values()]
    ops: list[type[Operation]] = [op for family in FAMILIES for op in _family(family).values()]
    return Dialect("tfl", ops, list(ATTRIBUTES))
