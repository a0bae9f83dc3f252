"""`tflir-opt`: its command line, its run over the parts of an input, and what it says about passes."""
