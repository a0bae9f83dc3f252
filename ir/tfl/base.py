"""The base of every typed operator, and the property constraints that operators share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    LocationAttr,
    StringAttr,
    i1,
    i32,
    i64,
)
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue, SSAValues
from xdsl.irdl import IRDLOperation, OptionalDef

from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.kernel_elements import check_elements
from tflir.ir.tfl.shapes import Rule, require
from tflir.ir.tfl.words import check_words

# The constraint of a property, for each kind of option field.
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

_NOTHING: Mapping[str, Attribute] = {}
_GENERIC = frozenset(("operands", "properties", "regions", "successors"))
"""Keywords of xDSL's own constructor."""


@cache
def _has_defaults(op: type[IRDLOperation]) -> bool:
    """Whether the definition of an op has default properties or attributes, which xDSL searches for each time."""
    definition = op.get_irdl_definition()
    every = (*definition.properties.values(), *definition.attributes.values())
    return any(not isinstance(each, OptionalDef) and each.default_value is not None for each in every)


@cache
def _filler() -> Callable[..., None]:
    """The function that fills in a new op; imported late, since it imports ops, which import this module."""
    from tflir.ir.tfl.builders import fill_in

    return fill_in


class TflOp(IRDLOperation, ABC):
    """An operator of the `tfl` dialect that a builtin operator of the schema stands for.

    An operand that is left out is a `tfl.no_value`. `INFO` holds facts about the operator;
    properties are the option fields of the schema under their own names.
    """

    INFO: ClassVar[OpInfo]
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What the runtime requires of shapes and element types together; a base class holds the rules of a family of
    ops."""

    def __init__(
        self,
        *operands: SSAValue | Operation | Sequence[SSAValue | Operation] | None,
        result_type: Attribute | None = None,
        result_types: Sequence[Any] | None = None,
        attributes: Mapping[str, Attribute | None] | None = None,
        location: LocationAttr | None = None,
        **options: Any,
    ) -> None:
        """Builds an op from operands, in order or by name, and options by name: `AddOp(x, y, activation="RELU")`.

        An operand may be given as the op that produces it, and as None (or not at all) if it is left out. Options are
        plain Python values, and the schema's defaults where they are not given. The types of the results follow from
        operands and options where the op's rules say them; else give `result_type` or `result_types`.
        Raises `Error` that says what is missing or wrong. The keywords of xDSL's own constructor (`operands=[…]`,
        `properties={…}`, `regions=[…]`) work as there.
        """
        if not operands and not _GENERIC.isdisjoint(options):
            super().__init__(result_types=result_types, attributes=attributes, **options)
            if location is not None:
                self.location = location
            return
        _filler()(self, operands, options, (result_type,) if result_type is not None else result_types)
        if attributes:
            self.attributes.update({name: held for name, held in attributes.items() if held is not None})
        if location is not None:
            self.location = location

    @classmethod
    def create(
        cls,
        *,
        operands: Sequence[SSAValue] = (),
        result_types: Sequence[Attribute] = (),
        properties: Mapping[str, Attribute] = _NOTHING,
        attributes: Mapping[str, Attribute] = _NOTHING,
        location: LocationAttr | None = None,
        successors: Sequence[Block] = (),
        regions: Sequence[Region] = (),
    ) -> Self:
        """The op with flat operands and results, as xDSL's `create` builds it, in half of the time."""
        if successors or regions or _has_defaults(cls):
            return super().create(
                operands=operands,
                result_types=result_types,
                properties=properties,
                attributes=attributes,
                location=location,
                successors=successors,
                regions=regions,
            )
        op = cls.__new__(cls)
        op.set_up(operands, result_types, dict(properties))
        op.attributes = dict(attributes)
        if location is not None:
            op.location = location
        return op

    def set_up(
        self, operands: Sequence[SSAValue], result_types: Sequence[Attribute], properties: dict[str, Attribute]
    ) -> None:
        """Gives a new op its operands, results and properties."""
        self.operands = operands
        self.results = SSAValues([OpResult(kind, self, index) for index, kind in enumerate(result_types)])
        self.properties = properties
        self.attributes = {}
        self.location = UNKNOWN_LOC
        self.regions = ()

    def __post_init__(self) -> None:
        if not _has_defaults(type(self)):
            return
        super().__post_init__()

    def option(self, name: str) -> Any:
        """The value of an option in plain Python; the schema's default if the op does not have the property.

        `op.option("stride_h")` is 2, `op.option("activation")` is "RELU". Raises `Error` for an unknown name.
        """
        from tflir.ir.tfl.building import option_value

        return option_value(self, name)

    def set_option(self, name: str, value: Any) -> None:
        """Sets an option from a plain Python value. In a rule use `rewriter.modify`, which tells the driver."""
        from tflir.ir.tfl.building import SHORT, properties_from

        properties = properties_from(type(self), {name: value}, len(self.operands))
        self.properties[SHORT.get(name, name)] = properties[SHORT.get(name, name)]

    def verify_(self) -> None:
        self.check_rules()

    def check_rules(self) -> None:
        """Raises `Unfit` if no kernel of the runtime accepts the op, although it is well formed."""
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
        """The op with flat operands and results, without IRDL's grouping of operands (which takes as long as the
        rest).
        """
        return cls.create(
            operands=operands, result_types=result_types, properties=properties, attributes=attributes or {}
        )
