"""Quantization as in MLIR: insert quantize/dequantize pairs, rewrite the ops between them, clean up."""
