"""`tflir-opt`: its command line, the run over the parts of an input, and the help about passes."""
