"""Builtin operators that TensorFlow's dialect leaves out: old layers, look-ups and calls."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, opt_prop_def

from tflir.ir.tfl.base import BOOL, DENSE_ARRAY, I32, STRING
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.variadic import SYMBOL, VariadicOp


@irdl_op_definition
class L2Pool2DOp(VariadicOp):
    """Root mean square over windows of an NHWC input."""

    name = "tfl.l2_pool_2d"
    INFO: ClassVar = OpInfo("L2_POOL_2D", "Pool2DOptions", (1, 1))
    padding = opt_prop_def(STRING)
    stride_w = opt_prop_def(I32)
    stride_h = opt_prop_def(I32)
    filter_width = opt_prop_def(I32)
    filter_height = opt_prop_def(I32)
    fused_activation_function = opt_prop_def(STRING)


@irdl_op_definition
class RNNOp(VariadicOp):
    """One step of a plain recurrent layer."""

    name = "tfl.rnn"
    INFO: ClassVar = OpInfo("RNN", "RNNOptions", (1, 3))
    fused_activation_function = opt_prop_def(STRING)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)


@irdl_op_definition
class BidirectionalSequenceRNNOp(VariadicOp):
    """Two plain recurrent layers over a sequence, forward and backward."""

    name = "tfl.bidirectional_sequence_rnn"
    INFO: ClassVar = OpInfo("BIDIRECTIONAL_SEQUENCE_RNN", "BidirectionalSequenceRNNOptions", (1, 3))
    time_major = opt_prop_def(BOOL)
    fused_activation_function = opt_prop_def(STRING)
    merge_outputs = opt_prop_def(BOOL)
    asymmetric_quantize_inputs = opt_prop_def(BOOL)


@irdl_op_definition
class EmbeddingLookupSparseOp(VariadicOp):
    """Rows of an embedding combined by sparse indices and weights."""

    name = "tfl.embedding_lookup_sparse"
    INFO: ClassVar = OpInfo("EMBEDDING_LOOKUP_SPARSE", "EmbeddingLookupSparseOptions", (1, 1))
    combiner = opt_prop_def(STRING)


@irdl_op_definition
class ConcatEmbeddingsOp(VariadicOp):
    """Several embeddings looked up and joined."""

    name = "tfl.concat_embeddings"
    INFO: ClassVar = OpInfo("CONCAT_EMBEDDINGS", "ConcatEmbeddingsOptions", (0, 0))
    num_channels = opt_prop_def(I32)
    num_columns_per_channel = opt_prop_def(DENSE_ARRAY)
    embedding_dim_per_channel = opt_prop_def(DENSE_ARRAY)


@irdl_op_definition
class HashtableLookupOp(VariadicOp):
    """Rows of a constant table by key, and whether the table has each key."""

    name = "tfl.hashtable_lookup"
    INFO: ClassVar = OpInfo("HASHTABLE_LOOKUP", None, (1, 1))


@irdl_op_definition
class LSHProjectionOp(VariadicOp):
    """Bits of a locality-sensitive hash of the input."""

    name = "tfl.lsh_projection"
    INFO: ClassVar = OpInfo("LSH_PROJECTION", "LSHProjectionOptions", (1, 1))
    type = opt_prop_def(STRING)


@irdl_op_definition
class SkipGramOp(VariadicOp):
    """Word groups of a sentence, with gaps."""

    name = "tfl.skip_gram"
    INFO: ClassVar = OpInfo("SKIP_GRAM", "SkipGramOptions", (1, 1))
    ngram_size = opt_prop_def(I32)
    max_skip_size = opt_prop_def(I32)
    include_all_ngrams = opt_prop_def(BOOL)


@irdl_op_definition
class ReduceWindowOp(VariadicOp):
    """A reduction over windows, with dilation."""

    name = "tfl.reduce_window"
    INFO: ClassVar = OpInfo("REDUCE_WINDOW", "ReduceWindowOptions", (1, 1))
    reduce_function = opt_prop_def(STRING)


@irdl_op_definition
class CallOp(VariadicOp):
    """Runs a subgraph."""

    name = "tfl.call"
    INFO: ClassVar = OpInfo("CALL", "CallOptions", (0, 0))
    subgraph = opt_prop_def(SYMBOL)


@irdl_op_definition
class DelegateOp(VariadicOp):
    """Operators that a delegate runs; the runtime creates it, and no file contains it."""

    name = "tfl.delegate"
    INFO: ClassVar = OpInfo("DELEGATE", None, (0, 0))
