"""Removes parts from a module, kind by kind, so that the rest is valid.

The results of a removed op become arguments of the function, or constants of zeros in a function that others call,
whose arguments are fixed. A constant stays if such a function needs it: zeros would only take its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, SymbolRefAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.traits import IsTerminator

from tflir.ir import names
from tflir.ir.blob import RepeatedBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import element_of, schema_name, shape_of, stored_bytes

_MOST_DIM = 1 << 24


@dataclass(frozen=True)
class Kind:
    """Parts of one kind: the function that lists them, and the one that removes some of them, if that is possible."""

    name: str
    parts: Callable[[ModuleOp], Sequence[Any]]
    remove: Callable[[ModuleOp, Sequence[Any]], bool]


def tidy(module: ModuleOp) -> None:
    """Removes unused arguments of functions that nothing calls, and signatures that no longer fit their function."""
    called = _called(module)
    for function in functions(module):
        if function.sym_name.data not in called:
            _drop_unused_arguments(function)
    held = module.attributes.get(names.SIGNATURES)
    if isinstance(held, ArrayAttr):
        kept = [signature for signature in cast("ArrayAttr[Attribute]", held) if _still_fits(signature, module)]
        module.attributes[names.SIGNATURES] = ArrayAttr(kept)
        if not kept:
            del module.attributes[names.SIGNATURES]


def _still_fits(signature: Attribute, module: ModuleOp) -> bool:
    """Whether the function of a signature exists and has as many inputs and outputs as the signature."""
    if not isinstance(signature, DictionaryAttr):
        return False
    reference = signature.data.get("function")
    name = reference.root_reference.data if isinstance(reference, SymbolRefAttr) else ""
    function = next((candidate for candidate in functions(module) if candidate.sym_name.data == name), None)
    if function is None:
        return False
    counts = (len(function.function_type.inputs), len(function.function_type.outputs))
    return counts == tuple(len(cast("ArrayAttr[Any]", signature.data[side])) for side in ("inputs", "outputs"))


def _called(module: ModuleOp) -> set[str]:
    """The functions that ops name."""
    return {name for op in module.walk() for name in _named_by(op)}


def _named_by(op: Operation) -> Iterable[str]:
    """The functions that an op, or an op in its regions, names."""
    for inner in op.walk():
        if inner.name == "tfl.call_once":
            yield str(getattr(inner.properties.get("session_init_function"), "data", ""))
        for attribute in inner.properties.values():
            if isinstance(attribute, SymbolRefAttr):
                yield attribute.root_reference.data
            elif isinstance(attribute, ArrayAttr):
                items = cast("ArrayAttr[Attribute]", attribute)
                yield from (item.root_reference.data for item in items if isinstance(item, SymbolRefAttr))


# Functions.


def _remove_functions(module: ModuleOp, chosen: Sequence[FuncOp]) -> bool:
    removed = {function.sym_name.data for function in chosen}
    if len(removed) == sum(1 for _ in functions(module)):
        return False
    for function in chosen:
        function.detach()
        function.erase(safe_erase=False)
    users = [op for function in functions(module) for op in function.body.block.ops if removed & set(_named_by(op))]
    return _remove_ops(module, users) if users else True


# Ops.


def _ops(module: ModuleOp) -> list[Operation]:
    return [
        op
        for function in functions(module)
        for op in function.body.block.ops
        if not op.has_trait(IsTerminator, value_if_unregistered=False)
    ]


def _remove_ops(module: ModuleOp, chosen: Sequence[Operation]) -> bool:
    called = _called(module)
    going = set(chosen)
    removed = False
    for op in reversed(chosen):
        function = op.parent_op()
        if not isinstance(function, FuncOp):
            return False
        fixed = function.sym_name.data in called
        needed = [result for result in op.results if any(use.operation not in going for use in result.uses)]
        if fixed and needed and isinstance(op, ConstOp):
            going.discard(op)
            continue
        stands = [_stand_in(result, function, fixed=fixed) for result in needed]
        if any(value is None for value in stands):
            going.discard(op)
            continue
        for result, value in zip(needed, stands, strict=True):
            assert value is not None
            result.replace_all_uses_with(value)
        op.detach()
        op.erase(safe_erase=False)
        removed = True
    for function in functions(module):
        function.update_function_type()
    return removed


def _stand_in(result: OpResult, function: FuncOp, *, fixed: bool) -> SSAValue | None:
    """A value that replaces a result: an argument of the function, or zeros if the arguments are fixed."""
    block = function.body.block
    if fixed:
        return _zeros(result)
    argument = block.insert_arg(result.type, len(block.args))
    argument.location = names.named(names.name_of(result))
    if function.arg_attrs is not None:
        function.arg_attrs = ArrayAttr([*function.arg_attrs.data, DictionaryAttr({})])
    return argument


def _zeros(result: OpResult) -> SSAValue | None:
    value = _splat(result.type)
    block = result.op.parent
    if value is None or block is None:
        return None
    constant = ConstOp.create(result_types=[result.type], properties={"value": value}, location=result.op.location)
    block.insert_op_before(constant, result.op)
    return constant.results[0]


def _splat(value_type: Attribute) -> ArrayElementsAttr | None:
    """A constant of zeros of a type; None if that is impossible, as for quantized or dynamic types."""
    element, shape = element_of(value_type), shape_of(value_type)
    if not isinstance(value_type, TensorType) or element is None or isinstance(element, UniformQuantizedType):
        return None
    if shape is None or any(not 0 <= dim < _MOST_DIM for dim in shape):
        return None
    nbytes = stored_bytes(schema_name(element) or "", int(np.prod(shape, dtype=np.int64)))
    return None if nbytes is None else from_blob(RepeatedBlob(b"\0", nbytes), shape, element)


# Results and arguments of functions.


def _results(module: ModuleOp) -> list[tuple[FuncOp, int]]:
    called = _called(module)
    free = [function for function in functions(module) if function.sym_name.data not in called]
    return [(function, index) for function in free for index in range(len(function.function_type.outputs))]


def _remove_results(module: ModuleOp, chosen: Sequence[tuple[FuncOp, int]]) -> bool:
    for function in dict.fromkeys(function for function, _ in chosen):
        removed = {index for one, index in chosen if one is function}
        last = function.body.block.last_op
        if not isinstance(last, ReturnOp):
            return False
        kept = [value for index, value in enumerate(last.operands) if index not in removed]
        last.operands = kept
        if function.res_attrs is not None:
            attrs = function.res_attrs.data
            function.res_attrs = ArrayAttr([one for index, one in enumerate(attrs) if index not in removed])
        function.update_function_type()
    return True


def _drop_unused_arguments(function: FuncOp) -> None:
    block = function.body.block
    unused = [argument for argument in block.args if not any(True for _ in argument.uses)]
    if not unused:
        return
    if function.arg_attrs is not None:
        removed = {argument.index for argument in unused}
        function.arg_attrs = ArrayAttr([attrs for i, attrs in enumerate(function.arg_attrs.data) if i not in removed])
    for argument in reversed(unused):
        block.erase_arg(argument)
    function.update_function_type()


# Constants and attributes.


def _constants(module: ModuleOp) -> list[tuple[Operation, str]]:
    """The properties with constants whose elements are not all equal."""
    return [
        (op, name)
        for op in module.walk()
        for name, value in op.properties.items()
        if isinstance(value, ArrayElementsAttr) and not isinstance(value.blob, RepeatedBlob) and value.size > 1
    ]


def _flatten(module: ModuleOp, chosen: Sequence[tuple[Operation, str]]) -> bool:
    for op, name in chosen:
        if (zeros := _splat(cast(ArrayElementsAttr, op.properties[name]).type)) is None:
            return False
        op.properties[name] = zeros
    return True


def _attributes(module: ModuleOp) -> list[tuple[Operation, str]]:
    return [(op, name) for op in module.walk() for name in op.attributes]


def _drop_attributes(module: ModuleOp, chosen: Sequence[tuple[Operation, str]]) -> bool:
    for op, name in chosen:
        del op.attributes[name]
    return True


def extent(module: ModuleOp) -> tuple[int, ...]:
    """How large a module is; of two modules, the one whose extent is the lesser tuple is smaller.

    Constants count after all other ops, since a removed op may leave a constant for each of its results.
    """
    ops = list(module.walk())
    return (
        sum(1 for _ in functions(module)),
        sum(not isinstance(op, ConstOp) for op in ops),
        sum(len(function.function_type.outputs) for function in functions(module)),
        len(ops),
        len(_constants(module)),
        len(_attributes(module)),
    )


KINDS: tuple[Kind, ...] = (
    Kind("functions", lambda module: list(functions(module)), _remove_functions),
    Kind("results", _results, _remove_results),
    Kind("ops", _ops, _remove_ops),
    Kind("constants made zero", _constants, _flatten),
    Kind("attributes", _attributes, _drop_attributes),
)
