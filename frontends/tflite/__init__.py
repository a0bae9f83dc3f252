"""Reads a `.tflite` file as a module of the `tfl` dialect."""
