"""Backends: write `.tflite` files and MLIR text, interpret modules, and run models in LiteRT."""
