"""Where TensorFlow's converter surprises: tables by topic, which `docs/quirks.md` prints."""
