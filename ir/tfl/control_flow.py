"""Control flow: branches and loops over regions, their terminator, and the one-time initializer.

```mlir
%0 = "tfl.while"(%a) <{is_stateless = false}> ({
^bb0(%x: tensor<i32>):
  %c = func.call @cond(%x) : (tensor<i32>) -> tensor<i1>
  "tfl.yield"(%c) : (tensor<i1>) -> ()
}, {
^bb0(%x: tensor<i32>):
  %y = func.call @body(%x) : (tensor<i32>) -> tensor<i32>
  "tfl.yield"(%y) : (tensor<i32>) -> ()
}) : (tensor<i32>) -> tensor<i32>
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.ir import Attribute, Region
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_region_def,
    var_result_def,
)
from xdsl.traits import IsTerminator, Pure, SingleBlockImplicitTerminator
from xdsl.utils.exceptions import VerifyException

from tflir.ir.tfl.attributes import ControlType
from tflir.ir.tfl.base import BOOL, STRING, TflOp
from tflir.ir.tfl.constraints import ANY, ANY_OR_NONE, BOOLEAN
from tflir.ir.tfl.info import OpInfo
from tflir.ir.types import element_of, schema_name, shape_of

SUBGRAPH_FIELDS: dict[str, str] = {
    "CallOnceOptions.init_subgraph_index": "session_init_function",
    "CallOptions.subgraph": "subgraph",
    "IfOptions.else_subgraph_index": "else_region",
    "IfOptions.then_subgraph_index": "then_region",
    "StableHLOCompositeOptions.decomposition_subgraph_index": "decomposition_subgraph",
    "StablehloCaseOptions.branch_subgraph_indices": "branch_subgraphs",
    "StablehloCustomCallOptions.called_computations": "called_computations",
    "StablehloReduceOptions.body_subgraph_index": "body_subgraph",
    "StablehloReduceWindowOptions.body_subgraph_index": "body_subgraph",
    "StablehloScatterOptions.update_computation_subgraph_index": "update_computation_subgraph",
    "StablehloSortOptions.comparator_subgraph_index": "comparator_subgraph",
    "StablehloWhileOptions.body_subgraph_index": "body_subgraph",
    "StablehloWhileOptions.cond_subgraph_index": "cond_subgraph",
    "WhileOptions.body_subgraph_index": "body",
    "WhileOptions.cond_subgraph_index": "cond",
}
"""Option fields (`Table.field`) with the index of a subgraph, and the property or region that replaces the index."""


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends a region and returns values from it."""

    name = "tfl.yield"
    inputs = var_operand_def(ANY_OR_NONE)
    traits = traits_def(IsTerminator(), Pure())


def _compatible(given: Attribute, expected: Attribute) -> bool:
    """Whether the runtime can pass a value of type `given` as `expected`: same storage, shapes that agree where
    known.
    """
    if given == expected:
        return True
    elements = element_of(given), element_of(expected)
    if None in elements or len({schema_name(element) for element in elements if element}) != 1:
        return False
    left, right = shape_of(given), shape_of(expected)
    if left is None or right is None:
        return True
    return len(left) == len(right) and all(a == b or -1 in (a, b) for a, b in zip(left, right, strict=True))


def _check_types(what: str, given: Sequence[Attribute], expected: Sequence[Attribute]) -> None:
    if len(given) != len(expected):
        raise VerifyException(f"{what}: {len(given)} values where {len(expected)} are wanted")
    for number, (given_type, expected_type) in enumerate(zip(given, expected, strict=True)):
        if not _compatible(given_type, expected_type):
            raise VerifyException(f"{what}: value {number} is {given_type} where {expected_type} is wanted")


def _yielded(region: Region) -> Sequence[Attribute]:
    last = region.block.last_op
    return last.operand_types if isinstance(last, YieldOp) else ()


@irdl_op_definition
class IfOp(TflOp):
    """Runs one of two regions, selected by a boolean; the regions can use the values around them."""

    name = "tfl.if"
    INFO: ClassVar = OpInfo("IF", "IfOptions", (1, 1))
    cond = operand_def(BOOLEAN)
    outputs = var_result_def(ANY)
    then_region = region_def("single_block")
    else_region = region_def("single_block")
    traits = traits_def(SingleBlockImplicitTerminator(YieldOp))

    def verify_(self) -> None:
        for name, region in (("then", self.then_region), ("else", self.else_region)):
            _check_types(f"arguments of the '{name}' region", region.block.arg_types, ())
            _check_types(f"'{name}' region's yield", _yielded(region), self.result_types)


@irdl_op_definition
class WhileOp(TflOp):
    """Runs `body` on its own results as long as `cond` yields true."""

    name = "tfl.while"
    INFO: ClassVar = OpInfo("WHILE", "WhileOptions", (1, 1))
    input = var_operand_def(ANY)
    output = var_result_def(ANY)
    is_stateless = opt_prop_def(BOOL)
    cond = region_def("single_block")
    body = region_def("single_block")
    traits = traits_def(SingleBlockImplicitTerminator(YieldOp))

    def verify_(self) -> None:
        carried = self.operand_types
        _check_types("results", self.result_types, carried)
        for name, region in (("cond", self.cond), ("body", self.body)):
            _check_types(f"arguments of the '{name}' region", region.block.arg_types, carried)
        _check_types("'body' region's yield", _yielded(self.body), carried)
        decision = _yielded(self.cond)
        if len(decision) != 1 or not BOOLEAN.accepts(decision[0]):
            raise VerifyException("'cond' region's yield is not one boolean")


@irdl_op_definition
class CallOnceOp(TflOp):
    """Runs an initializer the first time that the model runs."""

    name = "tfl.call_once"
    INFO: ClassVar = OpInfo("CALL_ONCE", "CallOnceOptions", (1, 1))
    session_init_function = prop_def(STRING)


@irdl_op_definition
class ControlNodeOp(IRDLOperation):
    """Orders the ops in its region after the control values it takes, and yields one of its own."""

    name = "tfl.control_node"
    control_inputs = var_operand_def(ControlType)
    outputs = var_result_def(ANY)
    control = result_def(ControlType)
    body = region_def("single_block")
    traits = traits_def(SingleBlockImplicitTerminator(YieldOp))


@irdl_op_definition
class PolyCallOp(IRDLOperation):
    """One call with several implementations, a region for each."""

    name = "tfl.poly_call"
    input = var_operand_def(ANY)
    output = var_result_def(ANY)
    calls = var_region_def("single_block")
    traits = traits_def(SingleBlockImplicitTerminator(YieldOp))
