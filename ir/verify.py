"""Checks that a module is valid: xDSL's checks op by op, then dominance and the types of calls, which xDSL leaves out.

xDSL's own `module.verify()` prints the whole module into its exception, which takes minutes on a model of
some size; here the error names the op and its tensor, in one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.traits import IsolatedFromAbove, IsTerminator, NoTerminator
from xdsl.utils.exceptions import VerifyException

from tflir.ir.errors import Error
from tflir.ir.names import SIGNATURES, place
from tflir.ir.tfl.shapes import Unfit
from tflir.ir.types import type_fault

_SYMBOL_STRINGS = {"tfl.call_once": "session_init_function"}
"""Properties that name a function by a string."""


class InvalidOp(Error):
    """An op that is not valid; `operation` is the op."""

    def __init__(self, operation: Operation, what: str, hint: str = "") -> None:
        location = operation.sym_name.data if isinstance(operation, FuncOp) else place(operation)
        super().__init__(what, op=operation.name, location=location, hint=hint)
        self.operation = operation


def verify_module(module: ModuleOp, *, runs: bool = True) -> None:
    """Raises `InvalidOp` for the first op of `module` that is not valid.

    If `runs`, an op that no kernel of the runtime accepts is not valid either.
    """
    functions = _functions(module)
    for op in module.walk():
        _verify_op(op, runs=runs)
        _verify_symbols(op, functions)
    _Dominance().region(module.body)
    _verify_signatures(module, functions)


def _verify_op(op: Operation, *, runs: bool) -> None:
    try:
        op.verify_()
    except Unfit as error:
        if runs:
            raise InvalidOp(op, _essence(error)) from error
    except VerifyException as error:
        raise InvalidOp(op, _essence(error)) from error
    except Error as error:
        raise InvalidOp(op, error.what, error.hint) from error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidOp(op, f"an attribute has not the form it must have ({type(error).__name__}: {error})") from error
    _verify_arguments(op)
    _verify_end(op)


def _verify_arguments(op: Operation) -> None:
    """Checks the types of the arguments of an op's regions; those of operands and results are checked with the op."""
    for region in op.regions:
        for block in region.blocks:
            for argument in block.args:
                if (fault := type_fault(argument.type)) is not None:
                    raise InvalidOp(op, fault)


def _essence(error: VerifyException) -> str:
    """The message of an exception of xDSL without the IR that it quotes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    end = next((i for i, line in enumerate(lines) if not line.endswith(":")), len(lines) - 1)
    return " ".join(lines[: end + 1]).replace(" does not verify:", ":") or "is not valid"


def _verify_end(op: Operation) -> None:
    """Checks that blocks end in terminators, that only terminators end blocks, and that jumps do not leave their
    region.
    """
    block = op.parent
    if block is None or block.parent is None:
        return
    ends = op.has_trait(IsTerminator, value_if_unregistered=False)
    if op.successors:
        if op.next_op is not None:
            raise InvalidOp(op, "jumps to another block before the end of its own")
        if any(successor.parent is not block.parent for successor in op.successors):
            raise InvalidOp(op, "jumps to a block of another region")
    if ends and op.next_op is not None:
        raise InvalidOp(op, "stands before the end of its block, which it must end")
    holder = block.parent.parent
    needed = holder is not None and not holder.has_trait(NoTerminator, value_if_unregistered=True)
    if op.next_op is None and not ends and needed:
        raise InvalidOp(op, "ends a block, but is no terminator", "end the block in func.return or tfl.yield")


def _functions(module: ModuleOp) -> dict[str, FuncOp]:
    functions: dict[str, FuncOp] = {}
    if len(module.body.blocks) != 1:
        raise InvalidOp(module, f"its region has {len(module.body.blocks)} blocks", "give it one, empty or not")
    for op in module.ops:
        if isinstance(op, FuncOp):
            if op.sym_name.data in functions:
                raise InvalidOp(op, "is defined twice", "give functions different names")
            functions[op.sym_name.data] = op
    return functions


def _verify_symbols(op: Operation, functions: dict[str, FuncOp]) -> None:
    """Checks that every function that `op` names exists, and that calls and returns have the types of their
    function.
    """
    for name in _symbols(op):
        if name not in functions:
            raise InvalidOp(op, f"no function @{name}", "define it in the module")
    if isinstance(op, CallOp):
        callee = functions[op.callee.root_reference.data]
        _same_types(op, "operand", [v.type for v in op.operands], callee.function_type.inputs.data)
        _same_types(op, "result", [v.type for v in op.results], callee.function_type.outputs.data)
    elif isinstance(op, ReturnOp) and isinstance(function := op.parent_op(), FuncOp):
        _same_types(op, "operand", [v.type for v in op.operands], function.function_type.outputs.data)


def _same_types(op: Operation, what: str, actual: Sequence[Attribute], expected: Sequence[Attribute]) -> None:
    if len(actual) != len(expected):
        raise InvalidOp(op, f"has {len(actual)} {what}s where the function has {len(expected)}")
    for number, (actual_type, expected_type) in enumerate(zip(actual, expected, strict=True)):
        if actual_type != expected_type:
            raise InvalidOp(op, f"{what} {number} is {actual_type} where the function has {expected_type}")


def _symbols(op: Operation) -> Iterator[str]:
    if op.name in _SYMBOL_STRINGS:
        attribute = op.properties.get(_SYMBOL_STRINGS[op.name])
        if isinstance(attribute, StringAttr):
            yield attribute.data
    for attribute in op.properties.values():
        yield from _references(attribute)


def _references(attribute: Attribute) -> Iterator[str]:
    if isinstance(attribute, SymbolRefAttr):
        yield attribute.root_reference.data
    elif isinstance(attribute, DictionaryAttr):
        for value in attribute.data.values():
            yield from _references(value)
    elif isinstance(attribute, ArrayAttr):
        for value in cast("ArrayAttr[Attribute]", attribute):
            if isinstance(value, SymbolRefAttr | DictionaryAttr):
                yield from _references(value)


def _verify_signatures(module: ModuleOp, functions: dict[str, FuncOp]) -> None:
    for attribute in _items(module.attributes.get(SIGNATURES)):
        if not isinstance(attribute, DictionaryAttr):
            raise Error("a signature is no dictionary", op=SIGNATURES)
        reference = attribute.data.get("function")
        name = reference.root_reference.data if isinstance(reference, SymbolRefAttr) else ""
        if name not in functions:
            raise Error(f"a signature is of function @{name}, which is not there", op=SIGNATURES, hint="define it")


def _items(attribute: Attribute | None) -> Sequence[Attribute]:
    return cast("ArrayAttr[Attribute]", attribute).data if isinstance(attribute, ArrayAttr) else ()


class _Dominance:
    """Checks that every value is defined before its use, in the same block or one around it (xDSL does not
    check it).
    """

    def __init__(self) -> None:
        self.seen: set[SSAValue] = set()

    def region(self, region: Region) -> None:
        several = region.blocks.first is not region.blocks.last
        inner: list[SSAValue] = []
        for block in region.blocks:
            inner += block.args
            if several:  # which block comes first is a question of paths; a model has one block
                inner += [result for op in block.ops for result in op.results]
        self.seen.update(inner)
        for block in region.blocks:
            inner += self._block(block)
        self.seen.difference_update(inner)

    def _block(self, block: Block) -> list[SSAValue]:
        results: list[SSAValue] = []
        for op in block.ops:
            for number, operand in enumerate(op.operands):
                if operand not in self.seen:
                    raise InvalidOp(op, f"operand {number} is read before it is made", "move its op up")
            for region in op.regions:
                checker = _Dominance() if op.has_trait(IsolatedFromAbove, value_if_unregistered=False) else self
                checker.region(region)
            results += op.results
            self.seen.update(op.results)
        return results
