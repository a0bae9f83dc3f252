"""Surprising choices of TensorFlow when it stores sparse weights without their zeros."""

from __future__ import annotations

from tflir.passes.quirks.quirk import Quirk

SPARSITY: tuple[Quirk, ...] = (
    Quirk(
        "sparse-grows",
        "Sparse constants",
        "a constant becomes sparse where 30 % of it is 0, though it may then take up to 1.5 times the bytes",
        "bytes are counted, segments, indices and ops too: no file is larger for it",
        "passes.sparsity.choice:choose",
    ),
    Quirk(
        "sparse-one-code",
        "Sparse readers",
        "one sparse fully connected op gives version 8 to all of them, which the default delegate then leaves alone",
        "sparse ops have an operator code of their own",
        "ir.tfl.versions:SPARSE_VERSION",
    ),
    Quirk(
        "sparse-hybrid-version",
        "Sparse readers",
        "hybrid ops with sparse weights get version 9 or 12, which the default delegate takes: it reads them as dense",
        "exactly version 8",
        "ir.tfl.versions:SPARSE_VERSION",
    ),
    Quirk(
        "sparse-hybrid-limits",
        "Sparse readers",
        "rows of over 4096 columns or 255 blocks are stored for a hybrid kernel that counts them in a byte",
        "they are made dense when the model is loaded, or stay dense",
        "passes.sparsity.readers:Reader",
    ),
    Quirk(
        "sparse-densify-fails",
        "Sparse readers",
        "a DENSIFY before a hybrid op or an int8 fully connected one: the default delegate fails to load the model",
        "a convolution, a float convolution behind DEQUANTIZE, or version 8, which keeps the delegate off",
        "passes.sparsity.fully_connected_to_conv:FullyConnectedToConv2DPass",
    ),
    Quirk(
        "sparse-float16-blocks",
        "Sparse readers",
        "float16 weights in blocks are widened without a DENSIFY: NaN or garbage",
        "DENSIFY first, and only for ops that the delegate surely takes",
        "passes.sparsity.readers:delegated",
    ),
    Quirk(
        "sparse-shared-weights",
        "Sparse readers",
        "another op that reads weights in blocks reads the stored elements as if they were dense",
        "it reads a DENSIFY of the same constant, or the constant stays dense",
        "passes.sparsity.storage_options:direct_ways",
    ),
    Quirk(
        "sparse-lost-tail",
        "Sparse encodings",
        "blocks that do not divide a row lose what is left over",
        "other encodings are used; this one is not imitated by tf_compat either",
        "passes.sparsity.candidates:rows_candidate",
    ),
    Quirk(
        "sparse-no-bytes",
        "Sparse encodings",
        "of weights that are all zero nothing is stored, which some kernels take for missing data",
        "one element or block is stored, with tf_compat too",
        "passes.sparsity.encoding:encode",
    ),
)
