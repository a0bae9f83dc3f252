"""Surprising choices of TensorFlow's converter: tables by topic, which `docs/quirks.md` prints."""
