"""Constraints of operands and results: tensors of given element kinds, spelled as in TensorFlow's op table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import TypeVar
from xdsl.dialects.builtin import NoneType
from xdsl.ir import Attribute, TypeAttribute
from xdsl.irdl import AttrConstraint, base
from xdsl.irdl.constraints import IntConstraint, VerificationContext
from xdsl.utils.exceptions import VerifyException

from tflir.ir.types import element_kind, element_of, type_fault


@dataclass(frozen=True)
class TensorOf(AttrConstraint[TypeAttribute]):
    """A ranked or unranked tensor whose element kind is in `kinds`; if that is empty, any tensor.

    Kinds are the table's: F32, F16, BF16, I1 … I64, UI8 …, QI8, QUI8, QI16 … (quantized storage), TFL_Str,
    RESOURCE, VARIANT, C64 …. `optional` also takes `none`, the type of an operand that is left out.
    """

    kinds: frozenset[str] = frozenset()
    optional: bool = False

    def accepts(self, attr: Attribute) -> bool:
        """Whether a value of type `attr` satisfies the constraint."""
        if isinstance(attr, NoneType):
            return self.optional
        element = element_of(attr)
        return element is not None and (not self.kinds or element_kind(element) in self.kinds)

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        if not self.accepts(attr):
            wanted = ", ".join(sorted(self.kinds)) or "any element type"
            raise VerifyException(f"{attr} is not a tensor of {wanted}{' or none' if self.optional else ''}")
        if (fault := type_fault(attr)) is not None:
            raise VerifyException(fault)

    def mapping_type_vars(self, type_var_mapping: Mapping[TypeVar, AttrConstraint | IntConstraint]) -> TensorOf:
        return self


def tensor(*kinds: str, optional: bool = False) -> TensorOf:
    """`tensor("F32", "QI8")`: a tensor of one of these kinds; `tensor()`: any tensor."""
    return TensorOf(frozenset(kinds), optional)


_FLOATS = ("F32", "F16", "BF16", "F64")
_NARROW = ("F8E4M3FN", "F8E5M2", "I2", "I4", "UI4")
_INTEGERS = ("I8", "I16", "I32", "I64", "UI8", "UI16", "UI32", "UI64")
_COMPLEX = ("C64", "C128")
_QUANTIZED = ("QI2", "QI4", "QUI4", "QI8", "QUI8", "QI16", "QUI16", "QI32", "QUI32", "QI64")

ANY = tensor()
ANY_OR_NONE = tensor(optional=True)
VALUE = tensor(*_FLOATS, *_NARROW, *_INTEGERS, *_COMPLEX, *_QUANTIZED, "I1", "TFL_Str")
"""Any element that is data: neither a handle nor a variant."""
NUMBER = tensor(*_FLOATS, *_NARROW, *_INTEGERS, *_COMPLEX, *_QUANTIZED)
"""Any element that arithmetic applies to, quantized or not."""
INDEX = tensor("I16", "I32", "I64")
INT32_OR_64 = tensor("I32", "I64")
INT32 = tensor("I32")
INT32_OR_NONE = tensor("I32", optional=True)
BOOLEAN = tensor("I1")
FLOAT = tensor(*_FLOATS)
COMPLEX = tensor(*_COMPLEX)
QUANTIZED = tensor(*_QUANTIZED)
KEY_OR_VALUE = tensor("F32", "I32", "I64", "TFL_Str")
"""The keys and values of hash tables."""
RESOURCE = tensor("RESOURCE")
FLOAT_OR_QUANTIZED = tensor(*_FLOATS, "QI8", "QUI8", "QI16", "QUI16")
"""Activations of the layers: float or quantized to 8 or 16 bits."""
WEIGHTS = tensor(*_FLOATS, "QI2", "QI4", "QUI4", "QI8", "QUI8", "QI16", "I2", "I4", "UI4", "I8", "UI8", "I16")
"""Weights. Integers without a quantized type have scales that the type can't express (blockwise ones)."""
BIAS = tensor(*_FLOATS, "I32", "I64", "QI32", "QUI32", "QI64")
BIAS_OR_NONE = tensor(*BIAS.kinds, optional=True)
WEIGHTS_OR_NONE = tensor(*WEIGHTS.kinds, optional=True)

TYPE = base(TypeAttribute)
"""A property whose value is a type, as MLIR's TypeAttr."""
