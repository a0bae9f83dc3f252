"""The commands of `tflir`, a file each, and what they share: arguments, inputs, outputs and the terminal."""
