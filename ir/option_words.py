"""What options may say, for the command line and the passes. It imports nothing: the parser starts without numpy."""

from __future__ import annotations

IO_TYPES = ("float32", "int8", "uint8", "int16")
"""The types of a quantized model's inputs and outputs."""
SPARSITY_TARGETS = ("balanced", "size", "latency")
"""What the encoding of a sparse weight is chosen by; the first by default."""
WEIGHT_ALGORITHMS = ("minmax", "mse", "octav", "recover", "gptq")
"""How weights are rounded."""
WITHOUT_HISTOGRAMS = ("minmax", "margin")
"""The `RANGE_METHODS` that need only the smallest and the largest element."""
RANGE_METHODS = (*WITHOUT_HISTOGRAMS, "percentile", "mse", "entropy")
"""How ranges of activations are chosen."""
LEAST_WEIGHT = 1024
"""Weights of fewer elements stay float in dynamic range, as in TensorFlow: their int8 form saves little and costs the
accuracy of first layers and depthwise convolutions.
"""
