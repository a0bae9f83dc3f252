"""An example of a tflir plug-in."""
