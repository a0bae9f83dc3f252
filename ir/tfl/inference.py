"""The types of an op's results from its operands and options, where its rules of shapes say them.

The rules that verify an op say which shape its result must have; here the same rules are asked on an op whose results
have no known shape yet, and what they require is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from xdsl.dialects.builtin import UnrankedTensorType
from xdsl.ir import Attribute, OpResult, SSAValue, SSAValues
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.building import build_plan, tensor_constraint
from tflir.ir.tfl.constraints import FLOAT, INDEX
from tflir.ir.tfl.shapes import Required, Shape, required_results
from tflir.ir.types import element_of, element_type, elements_of_kind, tensor_type

_MOST = 4096
_known: dict[tuple[object, ...], tuple[object, list[Attribute]]] = {}
"""Types that were found before for ops of the same class, operand types and options, told apart by identity; what is
so told apart is kept beside them, so that nothing else gets its identity."""


def known_results(
    op: type[TflOp], operands: Sequence[SSAValue], properties: Mapping[str, Attribute]
) -> list[Attribute] | None:
    """The types of the results of such an op, where they were found before."""
    known = _known.get(_key(op, operands, properties))
    return None if known is None else known[1]


def _key(op: type[TflOp], operands: Sequence[SSAValue], properties: Mapping[str, Attribute]) -> tuple[object, ...]:
    return (op, *[id(value.type) for value in operands], *properties, *[id(held) for held in properties.values()])


def infer_results(op: TflOp, count: int) -> list[Attribute]:
    """The types of `op`'s `count` results. Raises `Error` where they don't follow, or the op can't be."""
    definitions = op.get_irdl_definition().results
    elements = [_element(op, index if index < len(definitions) else -1) for index in range(count)]
    set_results(op, [UnrankedTensorType(element) for element in elements])
    required = _required(op)
    types = _types(op, required, elements)
    if not required.of_constants:
        if len(_known) >= _MOST:
            _known.clear()
        parts = [value.type for value in op.operands], list(op.properties.values())
        _known[_key(type(op), op.operands, op.properties)] = parts, types
    return types


def result_shapes(op: TflOp) -> Mapping[int, Shape]:
    """The shapes of the results of `op` by their number, as far as they follow from its operands and options alone.

    -1 is a dynamic dimension. Raises `Error` where no such op can be.
    """
    unranked = [UnrankedTensorType(element) for value in op.results if (element := element_of(value.type)) is not None]
    if len(unranked) < len(op.results):
        return {}
    asked = type(op).create(operands=op.operands, result_types=unranked, properties=op.properties)
    try:
        return _required(asked).shapes
    finally:
        asked.drop_all_references()


def _required(op: TflOp) -> Required:
    try:
        return required_results(op.check_rules)
    except VerifyException as fault:
        raise Error(f"{op.name}: {fault}") from None


def _types(op: TflOp, required: Required, elements: Sequence[Attribute]) -> list[Attribute]:
    if any(index not in required.shapes for index in range(len(elements))):
        _ask(op, "the shape of its result")
    return [tensor_type(required.shapes[index], element) for index, element in enumerate(elements)]


def set_results(op: TflOp, types: Sequence[Attribute]) -> None:
    """Gives an op that nothing reads yet results of these types."""
    op.results = SSAValues(OpResult(each, op, index) for index, each in enumerate(types))


def _element(op: TflOp, index: int) -> Attribute:
    definition = op.get_irdl_definition()
    wanted = tensor_constraint(definition.results[index][1])
    if wanted is None:
        _ask(op, "the element type of its result")
    for number, value in enumerate(op.operands):
        taken = tensor_constraint(definition.operands[min(number, len(definition.operands) - 1)][1])
        element = element_of(value.type)
        counts = number > 0 and taken is not None and taken.kinds <= INDEX.kinds
        if taken is not None and taken.kinds == wanted.kinds and element is not None and not counts:
            return _same(op, element)
    if len(wanted.kinds) == 1:
        return elements_of_kind(next(iter(wanted.kinds)))
    if wanted.kinds == FLOAT.kinds:
        return element_type("FLOAT32")
    _ask(op, "the element type of its result")


def _same(op: TflOp, element: Attribute) -> Attribute:
    """The element of a result that has the operand's: of a quantized one only where the op keeps its scale."""
    if isinstance(element, UniformQuantizedType):
        keeps = op.INFO.same_scale or op.INFO.moves_elements
        if not keeps or element.layout.axes:
            _ask(op, "the scale of its quantized result")
    return element


def _ask(op: IRDLOperation, what: str) -> NoReturn:
    plan: Any = build_plan(type(op))
    hint = "give result_types=[…]" if plan.many_results or plan.results > 1 else "give result_type=…"
    raise Error(f"{op.name}: {what} does not follow from its operands and options", hint=hint)
