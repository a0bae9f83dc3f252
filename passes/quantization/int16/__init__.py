"""16x8 quantization: int16 activations around int8 weights, every zero point 0."""
