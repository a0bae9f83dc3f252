"""Ops that run regions or functions, or have state that persists from run to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, cast

import numpy as np
from xdsl.dialects.func import CallOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, dtype_of, quant_of
from tflir.backends.interpreter.options import number, option, symbol, symbols, word
from tflir.backends.interpreter.state import Resource, State
from tflir.ir import names
from tflir.ir.errors import Error
from tflir.ir.names import place
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.control_flow import IfOp, WhileOp
from tflir.ir.types import element_of, shape_of

Control = Callable[[Interpreter, Any, PythonValues], PythonValues]

_CONTROL: dict[str, Control] = {}
"""By the op's name."""


def control(*ops: str) -> Callable[[Control], Control]:
    """Registers the function that runs ops of these names."""

    def register(function: Control) -> Control:
        _CONTROL.update(dict.fromkeys(ops, function))
        return function

    return register


@cache
def controls() -> Mapping[str, Control]:
    """The functions that run control flow and ops that need the module or the state, by the op's name."""
    import_module("tflir.backends.interpreter.control_bodies")
    return _CONTROL


@control("func.call")
def _call(interpreter: Interpreter, op: CallOp, args: PythonValues) -> PythonValues:
    return interpreter.call_op(op.callee.root_reference.data, args)


@control("tfl.call")
def _call_subgraph(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    return interpreter.call_op(symbol(option(op, "subgraph")), args)


@control("tfl.stablehlo_composite")
def _composite(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    return interpreter.call_op(symbol(option(op, "decomposition_subgraph")), args)


@control("tfl.stablehlo_case")
def _case(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    branches = symbols(option(op, "branch_subgraphs"))
    index = int(args[0].reshape(-1)[0])
    return interpreter.call_op(branches[index if 0 <= index < len(branches) else -1], args[1:])


@control("tfl.if")
def _if(interpreter: Interpreter, op: IfOp, args: PythonValues) -> PythonValues:
    region = op.then_region if bool(args[0].reshape(-1)[0]) else op.else_region
    return interpreter.run_ssacfg_region(region, (), "tfl.if")


@control("tfl.while")
def _while(interpreter: Interpreter, op: WhileOp, args: PythonValues) -> PythonValues:
    while bool(interpreter.run_ssacfg_region(op.cond, args, "tfl.while")[0].reshape(-1)[0]):
        args = interpreter.run_ssacfg_region(op.body, args, "tfl.while")
    return args


@control("tfl.stablehlo_while")
def _while_subgraphs(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    cond, body = symbol(option(op, "cond_subgraph")), symbol(option(op, "body_subgraph"))
    while bool(interpreter.call_op(cond, args)[0].reshape(-1)[0]):
        args = interpreter.call_op(body, args)
    return args


@control("tfl.control_node")
def _control_node(interpreter: Interpreter, op: Any, args: PythonValues) -> PythonValues:
    return (*interpreter.run_ssacfg_region(op.body, (), "tfl.control_node"), None)


@control("tfl.poly_call")
def _poly_call(interpreter: Interpreter, op: Any, args: PythonValues) -> PythonValues:
    return interpreter.run_ssacfg_region(op.calls[0], args, "tfl.poly_call")


@control("tfl.call_once")
def _call_once(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    function = symbol(option(op, "session_init_function"))
    state = State.of(interpreter)
    if function not in state.initialized:
        state.initialized.add(function)
        interpreter.call_op(function, ())
    return ()


@control("tfl.pseudo_const", "tfl.pseudo_qconst")
def _constant(interpreter: Interpreter, op: ConstOp | QConstOp, args: PythonValues) -> PythonValues:
    from tflir.backends.interpreter.constants import constant_value

    if names.IS_VARIABLE not in op.attributes:
        return (constant_value(op),)
    tensors = State.of(interpreter).tensors
    if op not in tensors:
        tensors[op] = _cleared(op)
    return (tensors[op],)


def _cleared(op: ConstOp | QConstOp) -> Array:
    """The initial value of a variable tensor: 0, which is the zero point if it is int8."""
    shape = tuple(max(size, 1) for size in shape_of(op.output.type) or ())
    dtype = dtype_of(op.output.type)
    point = 0
    if dtype == np.int8 and isinstance(element_of(op.output.type), UniformQuantizedType):
        point = int(quant_of(op.output.type).layout.zero_points.reshape(-1)[0])
    return np.full(shape, point, dtype)


@control("tfl.var_handle")
def _var_handle(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    return (Resource((word(option(op, "container")), word(option(op, "shared_name")))),)


@control("tfl.assign_variable")
def _assign(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    resource, value = cast("tuple[Resource, Array]", args)
    State.of(interpreter).variables[resource.key] = value.copy()  # it may be an input, or a tensor that is updated
    return ()


@control("tfl.read_variable")
def _read(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    variables = State.of(interpreter).variables
    if args[0].key not in variables:
        raise Error(
            "reads a variable that nothing has assigned", op=op.name, location=place(op), hint="assign it first"
        )
    return (variables[args[0].key],)


@control("tfl.hashtable")
def _hashtable(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    key = ("table", number(option(op, "table_id")))
    State.of(interpreter).tables.setdefault(key, {})
    return (Resource(key),)


@control("tfl.hashtable_import")
def _import(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    resource, keys, values = args
    table = State.of(interpreter).tables[resource.key]
    if not table:  # LiteRT fills a table once and ignores later imports
        table.update(zip(keys.reshape(-1).tolist(), values.reshape(-1).tolist(), strict=True))
    return ()


@control("tfl.hashtable_find")
def _find(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    resource, keys, default = args
    table = State.of(interpreter).tables[resource.key]
    fallback = default.reshape(-1).tolist()[0]
    found = [table.get(key, fallback) for key in keys.reshape(-1).tolist()]
    out: Array = np.empty(len(found), default.dtype)
    out[:] = found
    return (out.reshape(keys.shape),)


@control("tfl.hashtable_size")
def _size(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    table = State.of(interpreter).tables[args[0].key]
    return (np.array([len(table)], dtype_of(op.results[0].type)),)
