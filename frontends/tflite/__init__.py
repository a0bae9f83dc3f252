"""From a `.tflite` file to a module of the `tfl` dialect."""
