"""Converts an operator's record to a typed op, or to `tfl.builtin` if no typed op can represent all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, StringAttr, SymbolRefAttr, UnitAttr, i32
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import OperandDef, ResultDef
from xdsl.utils.exceptions import VerifyException

from tflir.frontends.tflite.reader import Record, malformed
from tflir.frontends.tflite.typed_custom import typed_custom_op
from tflir.ir import names
from tflir.ir.errors import Error
from tflir.ir.extensions import CUSTOM_OPS
from tflir.ir.records import record_to_attribute, refuse_unknown
from tflir.ir.schema import options_tags, schema
from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.ir.tfl.constraints import TensorOf
from tflir.ir.tfl.control_flow import SUBGRAPH_FIELDS, IfOp, WhileOp, YieldOp
from tflir.ir.tfl.dialect import op_class, op_class_by_name
from tflir.ir.tfl.options import default_of, properties_of, subgraph_property
from tflir.ir.tfl.signature import needed_version

_CARRIED_FIELDS = ("mutating_variable_inputs", "custom_options_format")


class Operators:
    """Builds the ops of one model. `signatures` has each function's name, argument and result types."""

    def __init__(
        self,
        codes: Sequence[Record],
        signatures: Callable[[int], tuple[str, Sequence[Attribute], Sequence[Attribute]]],
        bytes_at: Callable[[int, int], bytes],
    ) -> None:
        self.codes = codes
        self.signatures = signatures
        self.bytes_at = bytes_at

    def symbol_of(self, index: int) -> str:
        return self.signatures(index)[0]

    def build(
        self,
        record: Record,
        operands: list[SSAValue],
        result_types: list[Attribute],
        attributes: dict[str, Attribute],
        no_value: Callable[[], SSAValue],
    ) -> Operation:
        """The op for `record`; fields that no property holds are added to `attributes`."""
        refuse_unknown("Operator", record)
        code = self._code(record)
        number = max(code.get("builtin_code", 0), code.get("deprecated_builtin_code", 0))
        name = schema().enums["BuiltinOperator"].names.get(number)
        self._carry(record, attributes, custom=name == "CUSTOM")
        version = code.get("version", 1)
        if name == "CUSTOM":
            return self._custom(record, code, version, operands, result_types, attributes)
        op = None
        if name is not None:
            op = self._typed(name, record, operands, result_types, attributes, no_value)
        if op is None:
            return self._generic(number, version, record, operands, result_types, attributes)
        if version > needed_version(op):
            op.attributes[names.VERSION] = IntegerAttr(version, i32)
        return op

    def _code(self, record: Record) -> Record:
        index = record.get("opcode_index", 0)
        if index >= len(self.codes):
            raise malformed(f"operator code {index} of {len(self.codes)}")
        return cast(Record, self.codes[index])

    def _carry(self, record: Record, attributes: dict[str, Attribute], custom: bool) -> None:
        """Adds the fields of the operator's table that no property holds to `attributes`."""
        carried: Record = {}
        for name in _CARRIED_FIELDS:
            value = record.get(name)
            if isinstance(value, np.ndarray) and not value.size:
                value = None
            if value is not None and value is not False and not (isinstance(value, int) and value == 0):
                carried[name] = value
        if not custom and (data := self._custom_options(record)) is not None:
            carried["custom_options"] = np.frombuffer(data, np.uint8)
        if carried:
            attributes[names.OPERATOR_FIELDS] = record_to_attribute("Operator", carried)
        if (debug := record.get("debug_metadata_index", -1)) != -1:
            attributes[names.DEBUG_INDEX] = IntegerAttr(debug, i32)

    def _custom_options(self, record: Record) -> bytes | None:
        if (offset := record.get("large_custom_options_offset", 0)) > 1:
            return self.bytes_at(offset, record.get("large_custom_options_size", 0))
        data = record.get("custom_options")
        return None if data is None else data.tobytes()

    def _custom(
        self,
        record: Record,
        code: Record,
        version: int,
        operands: list[SSAValue],
        result_types: list[Attribute],
        attributes: dict[str, Attribute],
    ) -> Operation:
        if version != 1:
            attributes[names.VERSION] = IntegerAttr(version, i32)
        data = self._custom_options(record)
        if data is None:
            attributes[names.NO_OPTIONS] = UnitAttr()
        name = code.get("custom_code", "")
        if (kind := CUSTOM_OPS.find(name)) is not None:
            typed = typed_custom_op(kind, data, operands, result_types, attributes)
            if typed is not None:
                return typed
        return CustomOp.create(
            operands=operands,
            result_types=result_types,
            properties={
                "custom_code": StringAttr(name),
                "custom_option": ConstBytesAttr(data or b""),
            },
            attributes=attributes,
        )

    def _typed(
        self,
        name: str,
        record: Record,
        operands: list[SSAValue],
        result_types: list[Attribute],
        attributes: dict[str, Attribute],
        no_value: Callable[[], SSAValue],
    ) -> Operation | None:
        """The typed op, or None if its definition can't represent this operator."""
        table, options = _options(record)
        basic = name == "LSTM" and options is not None and options.get("kernel_type", 0) == 1
        op = cast("type[TflOp] | None", op_class_by_name("tfl.basic_lstm")) if basic else op_class(name)
        if op is None or (table is not None and table != op.INFO.options):
            return None
        if options is None and op.INFO.options is not None:
            attributes = {**attributes, names.NO_OPTIONS: UnitAttr()}
        if op is IfOp or op is WhileOp:
            return self._control_flow(op, options, operands, result_types, attributes)
        listed = len(operands)
        operands = _padded(op, operands, no_value)
        if not _fits(op, tuple(v.type for v in operands), tuple(result_types)):
            return None
        if len(operands) != listed:
            attributes = {**attributes, names.OPERAND_COUNT: IntegerAttr(listed, i32)}
        properties = properties_of(op, options or {}, self.symbol_of)
        if name == "QUANTIZE":
            properties["qtype"] = result_types[0]
        candidate = op.build_from(operands, result_types, properties, attributes)
        return candidate if _is_fit(candidate) else None

    def _control_flow(
        self,
        op: type[TflOp],
        options: Record | None,
        operands: list[SSAValue],
        result_types: list[Attribute],
        attributes: dict[str, Attribute],
    ) -> Operation | None:
        """`tfl.if` or `tfl.while` whose regions each call a function; None if the types of the functions
        don't match.
        """
        fields = ("cond_subgraph_index", "body_subgraph_index")
        passed = operands
        if op is IfOp:
            fields = ("then_subgraph_index", "else_subgraph_index")
            passed = operands[1:]
        if len(operands) != len(result_types) if op is WhileOp else not operands:
            return None
        callees = [self.signatures((options or {}).get(field, 0)) for field in fields]
        for field, (_, argument_types, callee_results) in zip(fields, callees, strict=True):
            wanted = 1 if field == "cond_subgraph_index" else len(result_types)
            if len(argument_types) != len(passed) or len(callee_results) != wanted:
                return None
            if op is IfOp and [v.type for v in passed] != list(argument_types):
                return None
        regions: list[Region] = []
        for symbol, argument_types, callee_results in callees:
            block = Block()
            arguments: Sequence[SSAValue] = passed
            if op is WhileOp:
                arguments = [block.insert_arg(t, i) for i, t in enumerate(argument_types)]
            call = CallOp(SymbolRefAttr(symbol), arguments, callee_results)
            block.add_ops([call, YieldOp.create(operands=call.results)])
            regions.append(Region(block))
        control_op = op.create(
            operands=operands if op is WhileOp else operands[:1],
            result_types=result_types,
            attributes=attributes,
            regions=regions,
            properties=cast(
                dict[str, Attribute], {"is_stateless": IntegerAttr.from_bool(False)} if op is WhileOp else {}
            ),
        )
        return control_op if _is_fit(control_op) else None

    def _generic(
        self,
        number: int,
        version: int,
        record: Record,
        operands: list[SSAValue],
        result_types: list[Attribute],
        attributes: dict[str, Attribute],
    ) -> Operation:
        """`tfl.builtin`, which represents any operator code with any options table of the schema."""
        properties: dict[str, Attribute] = {"code": IntegerAttr(number, i32), "version": IntegerAttr(version, i32)}
        table, options = _options(record)
        if table is not None and options is not None:
            fields = {field.name: field for field in schema().tables[table].fields}
            refuse_unknown(table, options)
            entries: dict[str, Attribute] = {"table": StringAttr(table)}
            for name, value in options.items():
                field = fields[name]
                if f"{table}.{name}" in SUBGRAPH_FIELDS:
                    entries[name] = subgraph_property(field, value, self.symbol_of)
                else:
                    entries |= record_to_attribute(table, {name: value}).data
            for name in fields:
                if f"{table}.{name}" in SUBGRAPH_FIELDS and name not in entries:
                    entries[name] = subgraph_property(fields[name], default_of(fields[name]), self.symbol_of)
            properties["options"] = DictionaryAttr(entries)
        return BuiltinOp.create(
            operands=operands, result_types=result_types, properties=properties, attributes=attributes
        )


def _options(record: Record) -> tuple[str | None, Record | None]:
    """Table and fields of an operator's options; (None, None) if it has none."""
    found = record.get("builtin_options") or record.get("builtin_options_2")
    if found is None:
        return None, None
    table, options = found
    if options is None:
        raise Error(
            f"an operator has options of kind {table}, which this tflir does not know",
            hint="the file was written with a newer schema; use a newer tflir",
        )
    field = "builtin_options" if "builtin_options" in record else "builtin_options_2"
    if options_tags()[table][0] != field:
        raise malformed(f"{table} stands in {field}")
    return table, options


def _is_fit(op: TflOp) -> bool:
    """Whether a kernel accepts the op. If not, `op` is erased, and the caller builds a `tfl.builtin`, which
    no pass changes.
    """
    try:
        if isinstance(op, IfOp | WhileOp):
            op.verify_()
        else:
            op.check_rules()
    except VerifyException:
        op.erase(drop_references=True)
        return False
    return True


@cache
def _shape(op: type[TflOp]) -> tuple[list[tuple[TensorOf, bool]], list[tuple[TensorOf, bool]]]:
    """The constraint of each operand and result, and whether it is variadic."""
    definition = op.get_irdl_definition()

    def rows(defs: Sequence[tuple[str, Any]], single: type) -> list[tuple[TensorOf, bool]]:
        return [(_element_constraint(d.constr), type(d) is not single) for _, d in defs]

    return rows(definition.operands, OperandDef), rows(definition.results, ResultDef)


def _element_constraint(constraint: Any) -> TensorOf:
    """The constraint on each value of a group, from xDSL's constraints on the group."""
    while not isinstance(constraint, TensorOf):
        constraint = getattr(constraint, "constraint", None) or constraint.constr
    return constraint


def _padded(op: type[TflOp], operands: list[SSAValue], no_value: Callable[[], SSAValue]) -> list[SSAValue]:
    """The operands, with a `tfl.no_value` for each trailing optional one that the file does not list."""
    rows = _shape(op)[0]
    if any(variadic for _, variadic in rows):
        return operands
    missing = rows[len(operands) :]
    if missing and all(constraint.optional for constraint, _ in missing):
        return [*operands, *(no_value() for _ in missing)]
    return operands


@lru_cache(maxsize=4096)
def _fits(op: type[TflOp], operand_types: tuple[Attribute, ...], result_types: tuple[Attribute, ...]) -> bool:
    """Whether an op of this class may have these operands and results."""
    operand_rows, result_rows = _shape(op)
    return _matches(operand_rows, operand_types) and _matches(result_rows, result_types)


def _matches(rows: list[tuple[TensorOf, bool]], types: tuple[Attribute, ...]) -> bool:
    variadic = next((i for i, (_, many) in enumerate(rows) if many), None)
    if variadic is not None:
        extra = len(types) - (len(rows) - 1)
        if extra < 0:
            return False
        rows = [*rows[:variadic], *[rows[variadic]] * extra, *rows[variadic + 1 :]]
    return len(rows) == len(types) and all(row.accepts(t) for (row, _), t in zip(rows, types, strict=True))
