"""The commands of `tflir`, one in each file, and their common parts: arguments, inputs, outputs and the terminal."""
