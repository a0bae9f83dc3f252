"""StableHLO operations on whole tensors, carried as builtin operators."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, opt_prop_def

from tflir.ir.tfl.base import BOOL, BYTES, DENSE_ARRAY, ENUMS, I32, I64, STRING
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.variadic import SYMBOL, SYMBOLS, VariadicOp


@irdl_op_definition
class StablehloReshapeOp(VariadicOp):
    """The same elements in the result's shape."""

    name = "tfl.stablehlo_reshape"
    INFO: ClassVar = OpInfo("STABLEHLO_RESHAPE", None, (0, 0))


@irdl_op_definition
class StablehloConcatenateOp(VariadicOp):
    """Tensors joined along a dimension."""

    name = "tfl.stablehlo_concatenate"
    INFO: ClassVar = OpInfo("STABLEHLO_CONCATENATE", "StablehloConcatenateOptions", (0, 0))
    dimension = opt_prop_def(I64)


@irdl_op_definition
class StablehloBroadcastInDimOp(VariadicOp):
    """The operand repeated along the dimensions that the others of the result are not mapped from."""

    name = "tfl.stablehlo_broadcast_in_dim"
    INFO: ClassVar = OpInfo("STABLEHLO_BROADCAST_IN_DIM", "StablehloBroadcastInDimOptions", (0, 0))
    broadcast_dimensions = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class StablehloConvolutionOp(VariadicOp):
    """A convolution of any layout."""

    name = "tfl.stablehlo_convolution"
    INFO: ClassVar = OpInfo("STABLEHLO_CONVOLUTION", "StablehloConvolutionOptions", (0, 0))
    window_strides = opt_prop_def(DENSE_ARRAY)
    padding = opt_prop_def(DENSE_ARRAY)
    lhs_dilation = opt_prop_def(DENSE_ARRAY)
    rhs_dilation = opt_prop_def(DENSE_ARRAY)
    window_reversal = opt_prop_def(DENSE_ARRAY)
    input_batch_dimension = opt_prop_def(I64)
    input_feature_dimension = opt_prop_def(I64)
    input_spatial_dimensions = opt_prop_def(DENSE_ARRAY)
    kernel_input_feature_dimension = opt_prop_def(I64)
    kernel_output_feature_dimension = opt_prop_def(I64)
    kernel_spatial_dimensions = opt_prop_def(DENSE_ARRAY)
    output_batch_dimension = opt_prop_def(I64)
    output_feature_dimension = opt_prop_def(I64)
    output_spatial_dimensions = opt_prop_def(DENSE_ARRAY)
    feature_group_count = opt_prop_def(I64)
    batch_group_count = opt_prop_def(I64)
    precision_config = opt_prop_def(ENUMS)


@irdl_op_definition
class StablehloSliceOp(VariadicOp):
    """A block of the operand, with strides."""

    name = "tfl.stablehlo_slice"
    INFO: ClassVar = OpInfo("STABLEHLO_SLICE", "StablehloSliceOptions", (0, 0))
    start_indices = opt_prop_def(DENSE_ARRAY)
    limit_indices = opt_prop_def(DENSE_ARRAY)
    strides = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class StablehloCustomCallOp(VariadicOp):
    """A call of a function that only the target knows."""

    name = "tfl.stablehlo_custom_call"
    INFO: ClassVar = OpInfo("STABLEHLO_CUSTOM_CALL", "StablehloCustomCallOptions", (0, 0))
    call_target_name = opt_prop_def(STRING)
    has_side_effect = opt_prop_def(BOOL)
    backend_config = opt_prop_def(STRING)
    api_version = opt_prop_def(I32)
    called_computations = opt_prop_def(SYMBOLS)
    custom_attributes = opt_prop_def(BYTES)


@irdl_op_definition
class StablehloReduceOp(VariadicOp):
    """A reduction along dimensions by a function."""

    name = "tfl.stablehlo_reduce"
    INFO: ClassVar = OpInfo("STABLEHLO_REDUCE", "StablehloReduceOptions", (0, 0))
    dimensions = opt_prop_def(DENSE_ARRAY)
    body_subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class StablehloScatterOp(VariadicOp):
    """Updates put into the operand at indices, combined by a function."""

    name = "tfl.stablehlo_scatter"
    INFO: ClassVar = OpInfo("STABLEHLO_SCATTER", "StablehloScatterOptions", (1, 1))
    indices_are_sorted = opt_prop_def(BOOL)
    update_window_dims = opt_prop_def(DENSE_ARRAY)
    inserted_window_dims = opt_prop_def(DENSE_ARRAY)
    scatter_dims_to_operand_dims = opt_prop_def(DENSE_ARRAY)
    index_vector_dim = opt_prop_def(I64)
    unique_indices = opt_prop_def(BOOL)
    update_computation_subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class StablehloDynamicSliceOp(VariadicOp):
    """A block of the operand; other operands give its start."""

    name = "tfl.stablehlo_dynamic_slice"
    INFO: ClassVar = OpInfo("STABLEHLO_DYNAMIC_SLICE", "StablehloDynamicSliceOptions", (0, 0))
    slice_sizes = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class StablehloDynamicUpdateSliceOp(VariadicOp):
    """The operand with a block replaced; other operands give its start."""

    name = "tfl.stablehlo_dynamic_update_slice"
    INFO: ClassVar = OpInfo("STABLEHLO_DYNAMIC_UPDATE_SLICE", None, (0, 0))


@irdl_op_definition
class StablehloPadOp(VariadicOp):
    """The operand with a padding value around and between its elements."""

    name = "tfl.stablehlo_pad"
    INFO: ClassVar = OpInfo("STABLEHLO_PAD", "StablehloPadOptions", (1, 1))
    edge_padding_low = opt_prop_def(DENSE_ARRAY)
    edge_padding_high = opt_prop_def(DENSE_ARRAY)
    interior_padding = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class StablehloIotaOp(VariadicOp):
    """Numbers that count up along a dimension."""

    name = "tfl.stablehlo_iota"
    INFO: ClassVar = OpInfo("STABLEHLO_IOTA", "StablehloIotaOptions", (0, 0))
    iota_dimension = opt_prop_def(I64)


@irdl_op_definition
class StablehloDotGeneralOp(VariadicOp):
    """A product that contracts any dimensions and batches others."""

    name = "tfl.stablehlo_dot_general"
    INFO: ClassVar = OpInfo("STABLEHLO_DOT_GENERAL", "StablehloDotGeneralOptions", (0, 0))
    lhs_batching_dimensions = opt_prop_def(DENSE_ARRAY)
    rhs_batching_dimensions = opt_prop_def(DENSE_ARRAY)
    lhs_contracting_dimensions = opt_prop_def(DENSE_ARRAY)
    rhs_contracting_dimensions = opt_prop_def(DENSE_ARRAY)
    precision_config = opt_prop_def(ENUMS)


@irdl_op_definition
class StablehloReduceWindowOp(VariadicOp):
    """A reduction over windows by a function."""

    name = "tfl.stablehlo_reduce_window"
    INFO: ClassVar = OpInfo("STABLEHLO_REDUCE_WINDOW", "StablehloReduceWindowOptions", (1, 1))
    window_dimensions = opt_prop_def(DENSE_ARRAY)
    window_strides = opt_prop_def(DENSE_ARRAY)
    base_dilations = opt_prop_def(DENSE_ARRAY)
    window_dilations = opt_prop_def(DENSE_ARRAY)
    padding = opt_prop_def(DENSE_ARRAY)
    body_subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class StablehloSortOp(VariadicOp):
    """Tensors sorted along a dimension by a function."""

    name = "tfl.stablehlo_sort"
    INFO: ClassVar = OpInfo("STABLEHLO_SORT", "StablehloSortOptions", (0, 0))
    dimension = opt_prop_def(I64)
    is_stable = opt_prop_def(BOOL)
    comparator_subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class StablehloWhileOp(VariadicOp):
    """A loop over subgraphs."""

    name = "tfl.stablehlo_while"
    INFO: ClassVar = OpInfo("STABLEHLO_WHILE", "StablehloWhileOptions", (0, 0))
    cond_subgraph = opt_prop_def(SYMBOL)
    body_subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class StablehloGatherOp(VariadicOp):
    """Slices of the operand at indices."""

    name = "tfl.stablehlo_gather"
    INFO: ClassVar = OpInfo("STABLEHLO_GATHER", "StablehloGatherOptions", (1, 1))
    offset_dims = opt_prop_def(DENSE_ARRAY)
    collapsed_slice_dims = opt_prop_def(DENSE_ARRAY)
    start_index_map = opt_prop_def(DENSE_ARRAY)
    index_vector_dim = opt_prop_def(I64)
    slice_sizes = opt_prop_def(DENSE_ARRAY)
    indices_are_sorted = opt_prop_def(BOOL)


@irdl_op_definition
class StablehloTransposeOp(VariadicOp):
    """The dimensions reordered."""

    name = "tfl.stablehlo_transpose"
    INFO: ClassVar = OpInfo("STABLEHLO_TRANSPOSE", "StablehloTransposeOptions", (0, 0))
    permutation = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class StablehloRngBitGeneratorOp(VariadicOp):
    """Random bits and the generator's next state."""

    name = "tfl.stablehlo_rng_bit_generator"
    INFO: ClassVar = OpInfo("STABLEHLO_RNG_BIT_GENERATOR", "StablehloRngBitGeneratorOptions", (1, 1))
    algorithm = opt_prop_def(STRING)


@irdl_op_definition
class StablehloCompositeOp(VariadicOp):
    """A named group of operations with a subgraph that does the same."""

    name = "tfl.stablehlo_composite"
    INFO: ClassVar = OpInfo("STABLEHLO_COMPOSITE", "StableHLOCompositeOptions", (1, 1))
    composite_name = opt_prop_def(STRING, prop_name="name")
    decomposition_subgraph = opt_prop_def(SYMBOL)
    composite_attributes = opt_prop_def(BYTES)
    composite_attributes_format = opt_prop_def(STRING)
    version = opt_prop_def(I32)


@irdl_op_definition
class StablehloCaseOp(VariadicOp):
    """One of several subgraphs, picked by index."""

    name = "tfl.stablehlo_case"
    INFO: ClassVar = OpInfo("STABLEHLO_CASE", "StablehloCaseOptions", (1, 1))
    branch_subgraphs = opt_prop_def(SYMBOLS)
