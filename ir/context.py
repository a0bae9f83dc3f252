"""The parser's context: the dialects that a module may use."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.ir import Attribute, Operation, TypeAttribute

from tflir.ir.extensions import DIALECTS


def make_context(*, allow_unregistered: bool = False) -> Context:
    """A context of `tfl`, `quant`, `tf_type`, xDSL's own dialects and those of plug-ins; each is loaded at its first
    use.
    """
    from tflir.ir.quant import QUANT
    from tflir.ir.tfl.dialect import get_dialect
    from tflir.ir.types import TF_TYPE

    context = _ExtensibleContext(allow_unregistered=allow_unregistered)
    for name, factory in get_all_dialects().items():
        context.register_dialect(name, factory)
    context.register_dialect("tfl", get_dialect)
    context.register_dialect("quant", lambda: QUANT)
    context.register_dialect("tf_type", lambda: TF_TYPE)
    return context


class _ExtensibleContext(Context):
    """A context that searches the plug-ins for a dialect that it does not know."""

    def _look_for_dialect_of(self, name: str) -> None:
        dialect, point, _ = name.partition(".")
        if point and dialect not in self._registered_dialects and (found := DIALECTS.find(dialect)) is not None:
            self.register_dialect(dialect, lambda: found)

    def get_optional_op(self, name: str, *, dialect_stack: Sequence[str] = ()) -> type[Operation] | None:
        self._look_for_dialect_of(name)
        return super().get_optional_op(name, dialect_stack=dialect_stack)

    def get_optional_type(self, name: str) -> type[TypeAttribute] | None:
        self._look_for_dialect_of(name)
        return super().get_optional_type(name)

    def get_optional_attr(self, name: str) -> type[Attribute] | None:
        self._look_for_dialect_of(name)
        return super().get_optional_attr(name)
