"""Ways out: `.tflite` files, MLIR text, and running a model in LiteRT."""
