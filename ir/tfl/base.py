"""The base of every typed operator, and the property constraints that operators share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, BoolAttr, DenseArrayBase, FloatAttr, IntegerAttr, StringAttr, i1, i32, i64
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation

from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.kernel_elements import check_elements
from tflir.ir.tfl.shapes import Rule, require
from tflir.ir.tfl.words import check_words

# How a property is spelled in the IR, for each kind of option field.
I32 = IntegerAttr.constr(i32)
I64 = IntegerAttr.constr(i64)
BOOL = IntegerAttr.constr(i1)
F32 = FloatAttr.constr(f32_type)
STRING = StringAttr
I64_ARRAY = ArrayAttr[IntegerAttr]
F32_ARRAY = ArrayAttr[FloatAttr]
DENSE_ARRAY = DenseArrayBase
"""`array<i32: …>`, for integer vectors that MLIR's dialect does not model."""
BYTES = ConstBytesAttr
ENUMS = ArrayAttr[StringAttr]
TRUE, FALSE = BoolAttr.from_bool(True), BoolAttr.from_bool(False)


class TflOp(IRDLOperation, ABC):
    """An operator of the `tfl` dialect that a builtin operator of the schema stands for.

    An operand that is left out is a `tfl.no_value`. `INFO` says what is true of the operator;
    properties are the option fields under their own names.
    """

    INFO: ClassVar[OpInfo]
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What the runtime needs of shapes and element types together; a family's stand in its base class."""

    def verify_(self) -> None:
        self.check_rules()

    def check_rules(self) -> None:
        """Raises `Unfit` where no kernel of the runtime takes the op, well formed though it is."""
        require(bool(self.results) or not self.get_irdl_definition().results, "it has no result")
        check_words(self, self.INFO.options)
        check_elements(self, self.INFO.builtin)
        for rule in self.RULES:
            rule(self)

    @classmethod
    def build_from(
        cls,
        operands: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        properties: Mapping[str, Attribute],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> TflOp:
        """The op over flat operands and results, without IRDL's sorting into groups (half the time)."""
        return cls.create(
            operands=operands, result_types=result_types, properties=properties, attributes=attributes or {}
        )
