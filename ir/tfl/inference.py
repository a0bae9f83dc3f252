"""Infers the types of an op's results from its operands and options.

The rules that verify an op compute the shape that each result must have. Inference runs the same rules on an op whose
results are unranked, and takes the shapes that they require.
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
"""A cache of inferred types by class, operand types and options of the op. The key holds the `id` of types and options;
the value holds these objects too, so that no other object can get the same `id`."""


def known_results(
    op: type[TflOp], operands: Sequence[SSAValue], properties: Mapping[str, Attribute]
) -> list[Attribute] | None:
    """The types of the results of such an op if they are in the cache."""
    entry = _known.get(_key(op, operands, properties))
    return None if entry is None else entry[1]


def _key(op: type[TflOp], operands: Sequence[SSAValue], properties: Mapping[str, Attribute]) -> tuple[object, ...]:
    return (op, *[id(value.type) for value in operands], *properties, *[id(held) for held in properties.values()])


def infer_results(op: TflOp, count: int) -> list[Attribute]:
    """The types of `op`'s `count` results. Raises `Error` if they can't be inferred, or if the op is not valid."""
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
    """The shapes of the results of `op` by their index, as far as they follow from its operands and options alone.

    -1 is a dynamic dimension. Raises `Error` if the op is not valid.
    """
    unranked = [UnrankedTensorType(element) for value in op.results if (element := element_of(value.type)) is not None]
    if len(unranked) < len(op.results):
        return {}
    candidate = type(op).create(operands=op.operands, result_types=unranked, properties=op.properties)
    try:
        return _required(candidate).shapes
    finally:
        candidate.drop_all_references()


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
    """Gives an op whose results have no uses yet results of these types."""
    op.results = SSAValues(OpResult(each, op, index) for index, each in enumerate(types))


def _element(op: TflOp, index: int) -> Attribute:
    definition = op.get_irdl_definition()
    result_constraint = tensor_constraint(definition.results[index][1])
    if result_constraint is None:
        _ask(op, "the element type of its result")
    for number, value in enumerate(op.operands):
        constraint = tensor_constraint(definition.operands[min(number, len(definition.operands) - 1)][1])
        element = element_of(value.type)
        if constraint is None or element is None or constraint.kinds != result_constraint.kinds:
            continue
        if number == 0 or not constraint.kinds <= INDEX.kinds:
            return _same(op, element)
    if len(result_constraint.kinds) == 1:
        return elements_of_kind(next(iter(result_constraint.kinds)))
    if result_constraint.kinds == FLOAT.kinds:
        return element_type("FLOAT32")
    _ask(op, "the element type of its result")


def _same(op: TflOp, element: Attribute) -> Attribute:
    """The operand's element type as that of the result. Raises `Error` if it is quantized and the op may change the
    scale.
    """
    if isinstance(element, UniformQuantizedType):
        keeps = op.INFO.same_scale or op.INFO.moves_elements
        if not keeps or element.layout.axes:
            _ask(op, "the scale of its quantized result")
    return element


def _ask(op: IRDLOperation, what: str) -> NoReturn:
    plan: Any = build_plan(type(op))
    hint = "give result_types=[…]" if plan.many_results or plan.results > 1 else "give result_type=…"
    raise Error(f"{op.name}: {what} does not follow from its operands and options", hint=hint)
