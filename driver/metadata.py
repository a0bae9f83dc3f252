"""Metadata that a mode of conversion adds to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def add_metadata(module: ModuleOp, entries: tuple[tuple[str, bytes], ...]) -> None:
    """Adds metadata entries whose names the model does not have yet."""
    import numpy as np
    from xdsl.dialects.builtin import ArrayAttr, StringAttr

    from tflir.ir import names
    from tflir.ir.constants import elements

    present = module.attributes.get(names.METADATA)
    held: list[Any] = list(cast("ArrayAttr[Any]", present)) if isinstance(present, ArrayAttr) else []
    known = {pair.data[0].data for pair in held}
    for name, data in entries:
        if name not in known:
            value = elements(np.array(bytearray(data), np.uint8))
            held.append(ArrayAttr([StringAttr(name), value]))
    if held:
        module.attributes[names.METADATA] = ArrayAttr(held)
