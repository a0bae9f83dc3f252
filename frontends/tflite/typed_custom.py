"""Converts a custom operator to the typed op that a plug-in defines for its code."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException

from tflir.ir.errors import Error
from tflir.ir.tfl.custom import TypedCustomOp


def typed_custom_op(
    kind: type[TypedCustomOp],
    data: bytes | None,
    operands: Sequence[SSAValue],
    result_types: Sequence[Attribute],
    attributes: Mapping[str, Attribute],
) -> TypedCustomOp | None:
    """The typed op; None, with a warning, if its definition can't represent this operator, which then is a
    `tfl.custom`.
    """
    typed: TypedCustomOp | None = None
    try:
        properties = kind.read_options(data) if data is not None else {}
        typed = kind.create(
            operands=operands, result_types=result_types, properties=properties, attributes=dict(attributes)
        )
        typed.verify_()
        if data is not None:
            typed.keep_options(data)
    except (ArithmeticError, AttributeError, Error, LookupError, TypeError, ValueError, VerifyException) as error:
        if typed is not None:
            typed.erase(drop_references=True)
        why = str(error).strip().partition("\n")[0]
        code = kind.INFO.custom_code
        warnings.warn(f"{kind.name} can't hold an operator {code}: {why}: it stays tfl.custom", RuntimeWarning, 2)
        return None
    return typed
