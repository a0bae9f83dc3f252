"""Frontends: read `.tflite` files and MLIR text."""
