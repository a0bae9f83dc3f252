"""Runs models in LiteRT, which is imported only when a model is run."""
