"""The `counting` dialect: one op."""

from xdsl.dialects.builtin import IntegerAttr, StringAttr, i32
from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def


@irdl_op_definition
class CountOp(IRDLOperation):
    """How many ops of a kind a function had: `"counting.count"() <{of = "tfl.relu", number = 2 : i32}> : () -> ()`."""

    name = "counting.count"
    of = prop_def(StringAttr)
    number = prop_def(IntegerAttr.constr(i32))

    @classmethod
    def of_kind(cls, kind: str, number: int) -> "CountOp":
        return cls(properties={"of": StringAttr(kind), "number": IntegerAttr(number, i32)})


COUNTING_DIALECT = Dialect("counting", [CountOp], [])
