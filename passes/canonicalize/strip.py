"""`tfl-strip`: removes the names and metadata of a model that are only for people and tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.passes.base import PassReport, TflPass
from tflir.passes.rewriting.values import is_returned

_KINDS = ("names", "metadata")
_METADATA = (names.METADATA, names.METADATA_BUFFERS, names.DESCRIPTION, names.ASSOCIATED_FILES)


@dataclass(frozen=True)
class StripPass(TflPass):
    """
    Removes the names of tensors inside a model, and its metadata. The names of inputs, outputs and signatures are kept.

    ```mlir
    %c = "tfl.conv_2d"(%x, %w, %b) … loc("model/block_1/conv/BiasAdd")
    %y = "tfl.softmax"(%c) … loc("probabilities")
    func.return %y
    ```
    becomes
    ```mlir
    %c = "tfl.conv_2d"(%x, %w, %b) …
    %y = "tfl.softmax"(%c) … loc("probabilities")
    func.return %y
    ```
    """

    name = "tfl-strip"
    changes = "exact"

    kinds: tuple[str, ...] = _KINDS
    """What to remove: names (of tensors), metadata (the description, metadata entries, files in a zip at the end)."""

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in _KINDS]
        if unknown:
            raise Error(f"'{unknown[0]}' can't be removed", hint=f"name {' or '.join(_KINDS)}", status=USAGE)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        if "names" in self.kinds:
            for function in functions(module):
                for op in _inside(function):
                    if op.location != names.UNNAMED:
                        op.location = names.UNNAMED
                        report.count("names")
        if "metadata" in self.kinds:
            for key in _METADATA:
                if module.attributes.pop(key, None) is not None:
                    report.count("entries of metadata")


def _inside(function: FuncOp) -> Iterator[Operation]:
    """The ops whose results the function does not return."""
    for op in function.walk():
        if op is not function and not any(map(is_returned, op.results)):
            yield op
