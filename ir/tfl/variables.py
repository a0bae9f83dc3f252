"""Resource variables and hash tables: state that persists from one run to the next."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from tflir.ir.tfl.base import I32, STRING, TflOp
from tflir.ir.tfl.constraints import INT32_OR_64, KEY_OR_VALUE, RESOURCE, TYPE, VALUE
from tflir.ir.tfl.info import OpInfo


@irdl_op_definition
class VarHandleOp(TflOp):
    """The handle of the variable with this name."""

    name = "tfl.var_handle"
    INFO: ClassVar = OpInfo("VAR_HANDLE", "VarHandleOptions", (1, 1))
    resource_handle = result_def(RESOURCE)
    container = prop_def(STRING)
    shared_name = prop_def(STRING)


@irdl_op_definition
class ReadVariableOp(TflOp):
    """The value of a variable."""

    name = "tfl.read_variable"
    INFO: ClassVar = OpInfo("READ_VARIABLE", "ReadVariableOptions", (1, 1))
    resource_id = operand_def(RESOURCE)
    result = result_def(VALUE)


@irdl_op_definition
class AssignVariableOp(TflOp):
    """Stores a value in a variable."""

    name = "tfl.assign_variable"
    INFO: ClassVar = OpInfo("ASSIGN_VARIABLE", "AssignVariableOptions", (1, 1))
    resource_id = operand_def(RESOURCE)
    value = operand_def(VALUE)


@irdl_op_definition
class HashtableOp(TflOp):
    """The handle of the table with this number."""

    name = "tfl.hashtable"
    INFO: ClassVar = OpInfo("HASHTABLE", "HashtableOptions", (1, 1))
    out = result_def(RESOURCE)
    table_id = prop_def(I32)
    key_dtype = prop_def(TYPE)
    value_dtype = prop_def(TYPE)


@irdl_op_definition
class HashtableFindOp(TflOp):
    """Values of the keys, or the default where a key is missing."""

    name = "tfl.hashtable_find"
    INFO: ClassVar = OpInfo("HASHTABLE_FIND", "HashtableFindOptions", (1, 1))
    hash_table = operand_def(RESOURCE)
    keys = operand_def(KEY_OR_VALUE)
    default_value = operand_def(KEY_OR_VALUE)
    out = result_def(KEY_OR_VALUE)


@irdl_op_definition
class HashtableImportOp(TflOp):
    """Puts keys and values into a table."""

    name = "tfl.hashtable_import"
    INFO: ClassVar = OpInfo("HASHTABLE_IMPORT", "HashtableImportOptions", (1, 1))
    hash_table = operand_def(RESOURCE)
    keys = operand_def(KEY_OR_VALUE)
    values = operand_def(KEY_OR_VALUE)


@irdl_op_definition
class HashtableSizeOp(TflOp):
    """The number of entries of a table."""

    name = "tfl.hashtable_size"
    INFO: ClassVar = OpInfo("HASHTABLE_SIZE", "HashtableSizeOptions", (1, 1))
    hash_table = operand_def(RESOURCE)
    out = result_def(INT32_OR_64)
