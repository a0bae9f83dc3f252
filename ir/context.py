"""The dialects that a module of tflir is made of, for the parser."""

from __future__ import annotations

from xdsl.context import Context
from xdsl.dialects import get_all_dialects


def make_context(*, allow_unregistered: bool = False) -> Context:
    """A context that knows `tfl`, `quant`, `tf_type` and, loaded when they occur, xDSL's own dialects."""
    from tflir.ir.quant import QUANT
    from tflir.ir.tfl.dialect import get_dialect
    from tflir.ir.types import TF_TYPE

    context = Context(allow_unregistered=allow_unregistered)
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    context.register_dialect("tfl", get_dialect)
    context.register_dialect("quant", lambda: QUANT)
    context.register_dialect("tf_type", lambda: TF_TYPE)
    return context
