"""`tfl-set-batch`: a fixed number of samples in place of a batch of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.evaluation import evaluate
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.filling import ShapeOp
from tflir.ir.tfl.inference import infer_results
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.base import PassReport, TflPass, fail
from tflir.passes.rewriting.edit import block_of
from tflir.passes.rewriting.values import const_op, is_returned, known_elements

_SHAPE_SIZE = 64
"""Elements of a constant that may be part of a computation of shapes."""


@dataclass(frozen=True)
class SetBatchPass(TflPass):
    """
    Gives each input whose first dimension is dynamic a batch of `n`. Shapes follow through the program, and what is
    computed from shapes becomes constant.

    ```mlir
    func.func @main(%x: tensor<?x8xf32>) -> tensor<?x4x2xf32> {
      %s = "tfl.shape"(%x) : (tensor<?x8xf32>) -> tensor<2xi32>
      …
      %y = "tfl.reshape"(%x, %t) : (tensor<?x8xf32>, tensor<3xi32>) -> tensor<?x4x2xf32>
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<1x8xf32>) -> tensor<1x4x2xf32> {
      %t = "tfl.pseudo_const"() <{value = dense<[1, 4, 2]> : tensor<3xi32>}> : () -> tensor<3xi32>
      %y = "tfl.reshape"(%x, %t) : (tensor<1x8xf32>, tensor<3xi32>) -> tensor<1x4x2xf32>
    ```
    A program that can't have this batch, such as one with a reshape to another, is an error that names the op.
    """

    name = "tfl-set-batch"
    changes = "exact"

    n: int = 1
    """The number of samples."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        if self.n < 1:
            raise Error(f"n={self.n} is no number of samples", hint="give a number from 1 on", status=2)
        for function in entry_functions(module):
            if not self._pin(function, report):
                report.decline(f"no input of '{function.sym_name.data}' has a dynamic batch")
                continue
            for op in list(function.body.block.ops):
                _follow(op, report)
            _set_type(function)

    def _pin(self, function: FuncOp, report: PassReport) -> bool:
        pinned = False
        for argument in function.body.block.args:
            shape, element = shape_of(argument.type), element_of(argument.type)
            if shape and shape[0] == -1 and element is not None:
                Rewriter.replace_value_with_new_type(argument, tensor_type((self.n, *_dynamic(shape[1:])), element))
                report.count("inputs with a fixed batch")
                pinned = True
        return pinned


def _dynamic(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions as MLIR has them."""
    from xdsl.dialects.builtin import DYNAMIC_INDEX

    return tuple(DYNAMIC_INDEX if size < 0 else size for size in shape)


def _follow(op: Operation, report: PassReport) -> None:
    """Gives an op's results the shapes that follow from its operands, or makes them constants."""
    if (arrays := _computed(op)) is not None:
        _make_constants(op, arrays)
        report.count("shapes computed")
        return
    if not isinstance(op, TflOp) or op.regions or not any(-1 in (shape_of(r.type) or ()) for r in op.results):
        return
    probe = type(op).create(
        operands=list(op.operands), result_types=list(op.result_types), properties=dict(op.properties)
    )
    try:
        types = infer_results(probe, len(op.results))
    except Error as error:
        if "does not follow" in error.what or "give" in (error.hint or ""):
            report.decline("its shape does not follow from its operands", op)
            return
        raise fail(
            f"can't have this batch: {error.what}", op, "try another n, or pin the batch where it is made"
        ) from None
    except VerifyException as fault:
        raise fail(f"can't have this batch: {fault}", op, "try another n, or pin the batch where it is made") from None
    finally:
        probe.drop_all_references()
    for result, found in zip(list(op.results), types, strict=True):
        shape, element = shape_of(found), element_of(result.type)
        if shape is not None and element is not None:
            Rewriter.replace_value_with_new_type(result, tensor_type(_dynamic(shape), element))
            report.count("shapes that follow")


def _computed(op: Operation) -> list[Any] | None:
    """The results of an op that computes shapes from what is known; None for others."""
    if isinstance(op, ShapeOp):
        shape, element = shape_of(op.input.type), element_of(op.output.type)
        if shape is None or -1 in shape:
            return None
        return [np.array(shape, np.int64 if "64" in str(element) else np.int32)]
    if not op.operands or not isinstance(op, TflOp) or not op.INFO.pure or op.regions:
        return None
    arrays = [known_elements(operand) for operand in op.operands]
    if any(array is None or array.size > _SHAPE_SIZE or array.dtype.kind not in "biu" for array in arrays):
        return None
    found = evaluate(op, arrays)
    return None if found is None or any(array.size > _SHAPE_SIZE for array in found) else list(found)


def _make_constants(op: Operation, arrays: list[Any]) -> None:
    block = block_of(op)
    if any(map(is_returned, op.results)):
        return  # the runtime takes no constant for an output
    for result, array, name in zip(op.results, arrays, names.op_names(op), strict=True):
        value = elements(np.asarray(array), element_of(result.type))
        made = const_op(value)
        made.location = names.named(name)
        block.insert_op_before(made, op)
        result.replace_all_uses_with(made.results[0])
    block.erase_op(op)


def _set_type(function: FuncOp) -> None:
    """The function's type says what its arguments and its return have become; examples of shapes are out of date."""
    last = function.body.block.last_op
    assert last is not None
    function.properties["function_type"] = FunctionType.from_lists(
        [argument.type for argument in function.body.block.args], list(last.operand_types)
    )
    if function.arg_attrs is not None:
        function.arg_attrs = type(function.arg_attrs)([_without_shape(each) for each in function.arg_attrs.data])
    for op in function.body.block.ops:
        if isinstance(held := op.attributes.get(names.TENSOR), DictionaryAttr) and "shape" in held.data:
            left = {key: value for key, value in held.data.items() if key != "shape"}
            if left:
                op.attributes[names.TENSOR] = DictionaryAttr(left)
            else:
                op.attributes.pop(names.TENSOR)


def _without_shape(attributes: DictionaryAttr) -> DictionaryAttr:
    data = dict(attributes.data)
    held: Attribute | None = data.pop(names.TENSOR, None)
    if isinstance(held, DictionaryAttr):
        left = {key: value for key, value in held.data.items() if key != "shape"}
        data |= {names.TENSOR: DictionaryAttr(left)} if left else {}
    return DictionaryAttr(data)
