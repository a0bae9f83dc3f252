"""Exports one function as a subgraph's record: tensors in the order they appear, operators in the ops' order."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, StringAttr, SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue

from tflir.backends.tflite.tensors import EMPTY, detached_name, extras_of, sparsity_record, tensor_record
from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr, elements, no_data
from tflir.ir.control import Edge
from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.records import attribute_to_record
from tflir.ir.schema import options_tags, schema
from tflir.ir.tfl.attributes import ExternalBufferAttr
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import (
    BuiltinOp,
    ConstOp,
    CustomOp,
    ExternalConstOp,
    NoValueOp,
    NumericVerifyOp,
    QConstOp,
    SparseConstOp,
    SparseQConstOp,
)
from tflir.ir.tfl.control_flow import SUBGRAPH_FIELDS, IfOp, WhileOp, YieldOp
from tflir.ir.tfl.custom import TypedCustomOp
from tflir.ir.tfl.options import options_of, subgraph_indices
from tflir.ir.tfl.signature import needed_version
from tflir.ir.types import element_of

Record = dict[str, Any]


class ModelExport(Protocol):
    """What the export of a subgraph needs from that of the model."""

    one_code_per_op: bool

    def buffer(self, blob: Blob | None, *, keep_empty: bool = False) -> int: ...
    def opcode(self, builtin: str, number: int, custom_code: str | None, version: int) -> int: ...
    def subgraph(self, symbol: str) -> int: ...
    def external_buffer(self, buffer: ExternalBufferAttr) -> int: ...


class GraphExport:
    """The export of one function."""

    def __init__(self, function: FuncOp, model: ModelExport) -> None:
        self.function = function
        self.model = model
        self.tensors: list[Record] = []
        self.operators: list[Record] = []
        self.indices: dict[SSAValue, int] = {}
        self.edges: list[Edge] = []
        self._positions: dict[int, int] = {}
        self._after: list[tuple[int, list[int]]] = []
        self._detached: dict[DictionaryAttr, int] = {}
        flag = function.attributes.get(names.HAS_RANK)
        self.ranked = flag is None or bool(cast("IntegerAttr[Any]", flag).value.data)

    def record(self) -> Record:
        """The subgraph's record."""
        block = self._body()
        inputs = [self._argument(block, i) for i in range(len(block.args))]
        outputs: list[int] = []
        for op in block.ops:
            if isinstance(op, ReturnOp):
                outputs = [self._operand(value) for value in op.arguments]
            else:
                self._op(op)
        for attr in cast(
            "ArrayAttr[DictionaryAttr]", self.function.attributes.get(names.UNUSED_TENSORS, ArrayAttr([]))
        ):
            self._add_detached(attr)
        self._resolve_control()
        record: Record = {
            "tensors": self.tensors,
            "inputs": inputs,
            "outputs": outputs,
            "operators": self.operators,
        }
        name = self.function.attributes.get(names.SUBGRAPH_NAME)
        record["name"] = name.data if isinstance(name, StringAttr) else self.function.sym_name.data
        if isinstance(debug := self.function.attributes.get(names.DEBUG_INDEX), IntegerAttr):
            record["debug_metadata_index"] = cast("IntegerAttr[Any]", debug).value.data
        return record

    def _body(self) -> Block:
        blocks = list(self.function.body.blocks)
        if len(blocks) != 1 or not isinstance(blocks[0].last_op, ReturnOp):
            raise Error(
                "a function of a model must be one block that ends in func.return",
                op="func.func",
                location=self.function.sym_name.data,
            )
        return blocks[0]

    def _argument(self, block: Block, index: int) -> int:
        argument = block.args[index]
        extras = EMPTY
        if self.function.arg_attrs is not None:
            extras = cast(DictionaryAttr, self.function.arg_attrs.data[index].data.get(names.TENSOR, EMPTY))
        return self._tensor(argument, argument.type, names.name_of(argument), extras)

    def _tensor(
        self,
        value: SSAValue | None,
        value_type: Attribute,
        name: str | None,
        extras: DictionaryAttr,
        constant: bool = False,
    ) -> int:
        record = tensor_record(value_type, name, extras, ranked=self.ranked, constant=constant)
        self._details(record, value_type, extras)
        self.tensors.append(record)
        if value is not None:
            self.indices[value] = len(self.tensors) - 1
        return len(self.tensors) - 1

    def _details(self, record: Record, value_type: Attribute, extras: DictionaryAttr) -> None:
        """Adds the tensors with blockwise scales that the quantization refers to."""
        element = element_of(value_type)
        if isinstance(element, UniformQuantizedType) and element.layout.blocks:
            record["quantization"] = {"details": self._blocks(element, record.get("name", ""))}
            return
        quantization = extras.data.get("quantization")
        details = quantization.data.get("details") if isinstance(quantization, DictionaryAttr) else None
        if not isinstance(details, DictionaryAttr):
            return
        table = cast(StringAttr, details.data["table"]).data
        plain = DictionaryAttr({k: v for k, v in details.data.items() if k not in ("table", "scales", "zero_points")})
        entries = attribute_to_record(table, plain)
        if table != "CustomQuantization":
            for field in ("scales", "zero_points"):
                tensor = details.data.get(field)
                entries[field] = self._add_detached(tensor) if isinstance(tensor, DictionaryAttr) else -1
        record.setdefault("quantization", {})["details"] = (table, entries)

    def _blocks(self, element: UniformQuantizedType, name: str) -> tuple[str, Record]:
        """A sub-channel type as `BlockwiseQuantization`, which has blocks along one axis and float16 scales."""
        layout = element.layout
        long = [block for block in layout.blocks if block > 1]
        if len(long) > 1 or layout.zero_points.any():
            raise Error(
                "the format holds sub-channel scales of blocks along one axis and zero points of 0 only",
                location=name,
                hint="choose a layout such as {0:1,1:32}",
            )
        scales = elements(layout.scales.astype(np.float16))
        index = self._tensor(None, scales.type, f"{name}_scales", EMPTY, constant=True)
        self.tensors[index]["buffer"] = self.model.buffer(scales.blob)
        return "BlockwiseQuantization", {"scales": index, "zero_points": -1, "block_size": long[0] if long else 1}

    def _add_detached(self, attr: DictionaryAttr) -> int:
        """The index of a tensor that an attribute describes; equal attributes share a tensor."""
        known = self._detached.get(attr)
        if known is not None:
            return known
        value = attr.data.get("value")
        extras = cast(DictionaryAttr, attr.data.get("tensor", EMPTY))
        index = self._tensor(None, attr.data["type"], detached_name(attr), extras, constant=value is not None)
        if isinstance(value, ArrayElementsAttr):
            self.tensors[index]["buffer"] = self.model.buffer(value.blob)
        if "is_variable" in attr.data:
            self.tensors[index]["is_variable"] = True
        self._detached[attr] = index
        return index

    def _operand(self, value: SSAValue) -> int:
        index = self.indices.get(value)
        if index is not None:
            return index
        if isinstance(value, OpResult):
            if isinstance(value.op, NoValueOp):
                return -1
            if value.op.parent is not self.function.body.block:
                raise Error("reads a value of another block", op=value.op.name, location=names.place(value.op))
        raise Error("a value is read before it is made", location=names.name_of(value) or "")

    def _op(self, op: Operation) -> None:
        if isinstance(op, NoValueOp):
            return
        if isinstance(op, ConstOp | QConstOp | SparseConstOp | SparseQConstOp | ExternalConstOp):
            self._constant(op)
            return
        if isinstance(op, IfOp | WhileOp):
            self._control_flow(op)
        elif isinstance(op, TypedCustomOp):
            self._typed_custom(op)
        elif isinstance(op, TflOp):
            self._typed(op)
        elif isinstance(op, CustomOp | NumericVerifyOp):
            self._custom(op)
        elif isinstance(op, BuiltinOp):
            self._generic(op)
        else:
            raise Error(
                f"{op.name} has no operator in the format",
                op=op.name,
                location=names.place(op),
                hint="lower it to tfl ops before writing a .tflite",
            )

    def _constant(self, op: ConstOp | QConstOp | SparseConstOp | SparseQConstOp | ExternalConstOp) -> None:
        result = op.results[0]
        extras = extras_of(op.attributes.get(names.TENSOR), 1)[0]
        index = self._tensor(result, result.type, names.op_names(op)[0], extras, constant=True)
        record = self.tensors[index]
        if names.IS_VARIABLE in op.attributes:
            record["is_variable"] = True
            return
        if names.NO_DATA in op.attributes:
            return
        if isinstance(op, ExternalConstOp):
            if not isinstance(op.external_buffer, ExternalBufferAttr):
                raise Error("names no external buffer", op=op.name, location=names.place(op))
            record["external_buffer"] = self.model.external_buffer(op.external_buffer)
            return
        value = op.value
        sparse = isinstance(op, SparseConstOp | SparseQConstOp)
        if sparse:
            record["sparsity"] = sparsity_record(op.s_param.data, empty_map=names.EMPTY_BLOCK_MAP in op.attributes)
            value = op.compressed_data
        if not isinstance(value, ArrayElementsAttr):
            raise no_data(op)
        # Without any element other than 0, a sparse constant holds no bytes, but the runtime reads its shape.
        record["buffer"] = self.model.buffer(value.blob, keep_empty=sparse)

    def _typed(self, op: TflOp) -> None:
        options = None if names.NO_OPTIONS in op.attributes else options_of(op, self.model.subgraph)
        version = needed_version(op, tensorflow=self.model.one_code_per_op)
        self._operator(op, op.INFO.builtin, None, op.operands, op.INFO.options, options, version)

    def _control_flow(self, op: IfOp | WhileOp) -> None:
        if isinstance(op, WhileOp):
            fields = {"cond_subgraph_index": op.cond, "body_subgraph_index": op.body}
        else:
            fields = {"then_subgraph_index": op.then_region, "else_subgraph_index": op.else_region}
        calls = {field: self._only_call(op, region) for field, region in fields.items()}
        record = {field: self.model.subgraph(call.callee.root_reference.data) for field, call in calls.items()}
        operands: list[SSAValue] = list(op.operands)
        if isinstance(op, IfOp):
            then, other = calls.values()
            if list(then.arguments) != list(other.arguments):
                raise Error("the branches take different values", op=op.name, location=names.place(op))
            operands += then.arguments
        options = None if names.NO_OPTIONS in op.attributes else record
        self._operator(op, op.INFO.builtin, None, operands, op.INFO.options, options, 1)

    def _only_call(self, op: Operation, region: Region) -> CallOp:
        ops = list(region.block.ops)
        call, last = (ops[0], ops[-1]) if len(ops) == 2 else (None, None)
        if isinstance(call, CallOp) and isinstance(last, YieldOp):
            passed = list(call.operands)
            if list(last.operands) == list(call.results) and (
                not region.block.args or passed == list(region.block.args)
            ):
                return call
        raise Error(
            "each of its regions must be one func.call and a tfl.yield of its results",
            op=op.name,
            location=names.place(op),
            hint="outline the region into a function",
        )

    def _custom(self, op: CustomOp | NumericVerifyOp) -> None:
        code = op.custom_code.data if isinstance(op, CustomOp) else "NumericVerify"
        self._operator(op, "CUSTOM", code, op.operands, None, None, 1)
        if isinstance(op, CustomOp) and names.NO_OPTIONS not in op.attributes:
            self.operators[-1]["custom_options"] = np.frombuffer(op.custom_option.data, np.uint8)

    def _typed_custom(self, op: TypedCustomOp) -> None:
        self._operator(op, "CUSTOM", op.INFO.custom_code, op.operands, None, None, 1)
        if names.NO_OPTIONS not in op.attributes:
            self.operators[-1]["custom_options"] = np.frombuffer(op.options_of_file(), np.uint8)

    def _generic(self, op: BuiltinOp) -> None:
        number = op.code.value.data if op.code is not None else 0
        version = op.version.value.data if op.version is not None else 1
        table, record = None, None
        if isinstance(op.options, DictionaryAttr):
            entries = dict(op.options.data)
            table = cast(StringAttr, entries.pop("table")).data
            fields = {field.name: field for field in schema().tables[table].fields}
            record = cast(Record, {})
            for name, attr in entries.items():
                if f"{table}.{name}" in SUBGRAPH_FIELDS and isinstance(attr, SymbolRefAttr | ArrayAttr):
                    record[name] = subgraph_indices(fields[name], cast(Attribute, attr), self.model.subgraph)
                else:
                    record |= attribute_to_record(table, DictionaryAttr({name: attr}))
        self._operator(op, str(number), None, op.operands, table, record, version, number)

    def _operator(
        self,
        op: Operation,
        builtin: str,
        custom_code: str | None,
        operands: Any,
        table: str | None,
        options: Record | None,
        version: int,
        number: int | None = None,
    ) -> None:
        kept = op.attributes.get(names.VERSION)
        if isinstance(kept, IntegerAttr):
            version = max(version, cast("IntegerAttr[Any]", kept).value.data)
        inputs = [self._operand(value) for value in operands]
        while len(inputs) > _listed(op) and inputs[-1] == -1:
            inputs.pop()
        if number is None:
            number = schema().enums["BuiltinOperator"].numbers[builtin]
        record: Record = {
            "opcode_index": self.model.opcode(builtin, number, custom_code, version),
            "inputs": inputs,
            "outputs": self._results(op),
        }
        if table is not None and options is not None:
            record[options_tags()[table][0]] = (table, options)
        intermediates = op.attributes.get(names.INTERMEDIATES)
        if isinstance(intermediates, ArrayAttr):
            record["intermediates"] = [
                self._add_intermediate(attr) for attr in cast("ArrayAttr[DictionaryAttr]", intermediates)
            ]
        if isinstance(fields := op.attributes.get(names.OPERATOR_FIELDS), DictionaryAttr):
            record |= attribute_to_record("Operator", fields)
        if isinstance(debug := op.attributes.get(names.DEBUG_INDEX), IntegerAttr):
            record["debug_metadata_index"] = cast("IntegerAttr[Any]", debug).value.data
        self._note_control(op)
        self.operators.append(record)

    def _add_intermediate(self, attr: DictionaryAttr) -> int:
        if not attr.data:
            return -1
        self._detached.pop(attr, None)  # ops never share intermediates, even if they are equal
        return self._add_detached(attr)

    def _results(self, op: Operation) -> list[int]:
        extras = extras_of(op.attributes.get(names.TENSOR), len(op.results))
        found: list[int] = []
        for result, name, extra in zip(op.results, names.op_names(op), extras, strict=True):
            absent = element_of(result.type) is None
            found.append(-1 if absent else self._tensor(result, result.type, name, extra))
            if absent:
                self.indices[result] = -1
        return found

    def _note_control(self, op: Operation) -> None:
        control = op.attributes.get(names.CONTROL)
        if isinstance(control, DictionaryAttr):
            identity = cast("IntegerAttr[Any]", control.data["id"]).value.data
            self._positions[identity] = len(self.operators)
            after = [a.value.data for a in cast("ArrayAttr[IntegerAttr[Any]]", control.data["after"])]
            self._after.append((len(self.operators), after))

    def _resolve_control(self) -> None:
        """Control edges by the ops' new positions; those of removed ops are dropped."""
        for position, after in self._after:
            self.edges += [(self._positions[i], position) for i in after if i in self._positions]


def _listed(op: Operation) -> int:
    """How many operands an operator lists in the file, which may leave out absent ones at the end."""
    if isinstance(count := op.attributes.get(names.OPERAND_COUNT), IntegerAttr):
        return cast("IntegerAttr[Any]", count).value.data
    if isinstance(op, TflOp) and op.INFO.absent_bias_unlisted and op.INFO.bias is not None:
        return op.INFO.bias[0]
    return len(op.operands)
