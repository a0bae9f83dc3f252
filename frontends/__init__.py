"""Ways in: `.tflite` files and MLIR text."""
