"""What the package brings beside its dialects and passes: the entry point of the group `tflir.plugins`."""

from importlib import import_module

from tflir.plugins import Plugin


def _from(module: str, name: str):
    """What makes something of this package when it is asked for; until then nothing of it is imported."""
    return lambda: getattr(import_module(f"counting.{module}"), name)


PLUGIN = Plugin(
    custom_ops={
        "AcmeSoftClip": _from("soft_clip", "SoftClipOp"),
        "AcmePermuteLanes": _from("soft_clip", "PermuteLanesOp"),
        "AcmeDense": _from("soft_clip", "DenseOp"),
    },
    custom_kernels={"AcmeSoftClip": _from("soft_clip", "clip")},
    frontends={".lines": _from("lines", "read")},
    rules={"acme-activations": lambda: _from("rules", "patterns")()()},
    cost_tables={"acme": _from("target", "CHIP")},
    targets={"acme": _from("target", "KERNELS")},
    facts={"tfl.tanh": {"quantizable": False}, "tfl.conv_2d": {"int16": False}},
)
