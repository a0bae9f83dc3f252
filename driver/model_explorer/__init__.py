"""The adapter of Model Explorer: `model-explorer FILE --extensions=tflir.model_explorer`."""
