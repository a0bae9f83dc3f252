"""`tfl-set-batch`: replaces a dynamic batch dimension by a fixed number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.entries import entry_functions
from tflir.ir.errors import USAGE, Error
from tflir.ir.evaluation import evaluate
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.filling import ShapeOp
from tflir.ir.tfl.inference import result_shapes
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.base import PassReport, TflPass, fail
from tflir.passes.canonicalize.fold import replace_by_constants
from tflir.passes.rewriting.values import is_returned, known_elements

_SHAPE_SIZE = 64
"""A constant with more elements than this is not taken for part of a shape computation."""


@dataclass(frozen=True)
class SetBatchPass(TflPass):
    """
    Sets the first dimension of each input to `n` if it is dynamic. The shapes of all values that depend on it are
    computed again, and values that are computed from shapes become constants.

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
    If the program does not work with this batch, for example because it reshapes to another, an error names the op.
    """

    name = "tfl-set-batch"
    changes = "exact"

    n: int = 1
    """The number of samples."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise Error(f"n={self.n} is no number of samples", hint="give a number from 1 on", status=USAGE)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in entry_functions(module):
            if not self._pin(function, report):
                report.decline(f"no input of '{function.sym_name.data}' has a dynamic batch")
                continue
            for op in list(function.body.block.ops):
                _follow(op, report)
            function.update_function_type()
            _forget_examples(function)

    def _pin(self, function: FuncOp, report: PassReport) -> bool:
        """Sets the batch of a function's inputs; returns whether any of them had a dynamic one."""
        pinned = False
        for argument in function.body.block.args:
            shape, element = shape_of(argument.type), element_of(argument.type)
            if shape and shape[0] == -1 and element is not None:
                Rewriter.replace_value_with_new_type(argument, tensor_type((self.n, *shape[1:]), element))
                report.count("inputs with a fixed batch")
                pinned = True
        return pinned


def _follow(op: Operation, report: PassReport) -> None:
    """Gives the results of an op the shapes that follow from its operands, or replaces them by constants."""
    if (arrays := _computed(op)) is not None:
        replace_by_constants(op, arrays)
        report.count("shapes computed")
        return
    if not isinstance(op, TflOp) or op.regions or not any(-1 in (shape_of(r.type) or ()) for r in op.results):
        return
    try:
        shapes = result_shapes(op)
    except Error as error:
        hint = "try another n, or pin the batch where it is made"
        raise fail(f"can't have this batch: {error.what}", op, hint) from None
    for index, result in enumerate(list(op.results)):
        element = element_of(result.type)
        if index in shapes and element is not None:
            Rewriter.replace_value_with_new_type(result, tensor_type(shapes[index], element))
            report.count("shapes that follow")
        else:
            report.decline("its shape does not follow from its operands", op)


def _computed(op: Operation) -> list[Any] | None:
    """The elements of the results of an op that computes shapes, if its operands are known; else None."""
    if any(map(is_returned, op.results)):
        return None  # the runtime does not accept a constant as an output
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
    results = evaluate(op, arrays)
    return None if results is None or any(array.size > _SHAPE_SIZE for array in results) else list(results)


def _forget_examples(function: FuncOp) -> None:
    """Removes the example shapes that a file has for dynamic shapes, since they are out of date."""
    if function.arg_attrs is not None:
        function.arg_attrs = type(function.arg_attrs)([_without_shape(attrs) for attrs in function.arg_attrs.data])
    for op in function.body.block.ops:
        if names.TENSOR in op.attributes:
            op.attributes = dict(_without_shape(DictionaryAttr(op.attributes)).data)


def _without_shape(attributes: DictionaryAttr) -> DictionaryAttr:
    data = dict(attributes.data)
    extras: Attribute | None = data.pop(names.TENSOR, None)
    if isinstance(extras, DictionaryAttr):
        kept = {key: value for key, value in extras.data.items() if key != "shape"}
        data |= {names.TENSOR: DictionaryAttr(kept)} if kept else {}
    return DictionaryAttr(data)
