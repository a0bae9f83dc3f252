"""From a module of the `tfl` dialect to a `.tflite` file."""
