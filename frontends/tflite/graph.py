"""Imports one subgraph as a function with its ops in the file's order and each constant before its first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DictionaryAttr,
    FunctionType,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    i32,
    i64,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tflir.frontends.tflite.operators import Operators
from tflir.frontends.tflite.reader import Record, malformed
from tflir.frontends.tflite.sparse import sparse_constant
from tflir.frontends.tflite.tensors import TensorTypes
from tflir.ir import names
from tflir.ir.blob import RepeatedBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.errors import Error
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.attributes import ExternalBuffer, ExternalBufferAttr
from tflir.ir.tfl.constants import ConstOp, ExternalConstOp, NoValueOp, QConstOp
from tflir.ir.types import NONE, element_of, element_type, shape_of, stored_bytes

Edges = Mapping[int, Sequence[int]]


class GraphImport:
    """The import of one subgraph; `build` returns its function."""

    def __init__(
        self,
        record: Record,
        types: TensorTypes,
        operators: Operators,
        external_buffers: Mapping[int, ExternalBuffer],
        edges: Edges,
    ) -> None:
        self.record = record
        self.types = types
        self.tensors = types.tensors
        self.operators = operators
        self.external_buffers = external_buffers
        self.edges = edges
        self.block = Block()
        self.values: dict[int, SSAValue] = {}
        self.absent: SSAValue | None = None
        self.used: set[int] = set()

    def input_types(self) -> list[Attribute]:
        return [self.types.type_of(index) for index in self._indices("inputs")]

    def output_types(self) -> list[Attribute]:
        """Types of the outputs; a constant output is ranked even if its tensor does not say so."""
        inputs = set(self._indices("inputs"))
        return [
            NONE
            if index < 0
            else self.types.type_of(index, index not in inputs and self.types.constant(index) is not None)
            for index in self._indices("outputs", least=-1)
        ]

    def build(self, symbol: str, private: bool) -> FuncOp:
        """The whole function under the name `symbol`."""
        arguments: list[DictionaryAttr] = []
        for index in self._indices("inputs"):
            if index in self.values:
                raise malformed(f"tensor {index} is an input twice")
            value_type = self.types.type_of(index)
            argument = self.block.insert_arg(value_type, len(self.block.args))
            argument.location = names.named(self.tensors[index].get("name"))
            self.values[index] = argument
            self.used.add(index)
            arguments.append(DictionaryAttr(dict(self._extras([index], [value_type]))))
        control = self._control_attributes()
        for position, operator in enumerate(self.record.get("operators", [])):
            self._add_operator(operator, control.get(position))
        outputs = [self._operand(index) for index in self._indices("outputs", least=-1)]
        self.block.add_op(ReturnOp(*outputs))
        function_type = FunctionType.from_lists(self.block.arg_types, [value.type for value in outputs])
        function = FuncOp(symbol, function_type, Region(self.block), "private" if private else None)
        if any(argument.data for argument in arguments):
            function.arg_attrs = ArrayAttr(arguments)
        self._function_attributes(function, symbol)
        return function

    def _indices(self, field: str, least: int = 0) -> list[int]:
        return self._tensors_in(self.record, field, least, f"subgraph {field}")

    def _function_attributes(self, function: FuncOp, symbol: str) -> None:
        if self.record.get("name", "") != symbol:
            function.attributes[names.SUBGRAPH_NAME] = StringAttr(self.record.get("name", ""))
        if not self.types.has_rank:
            function.attributes[names.HAS_RANK] = BoolAttr.from_bool(False)
        if (debug := self.record.get("debug_metadata_index", -1)) != -1:
            function.attributes[names.DEBUG_INDEX] = IntegerAttr(debug, i32)
        unused = [i for i in range(len(self.tensors)) if i not in self.used]
        if unused:
            function.attributes[names.UNUSED_TENSORS] = ArrayAttr([self.types.detached(i) for i in unused])

    def _control_attributes(self) -> dict[int, Attribute]:
        """For each operator with control edges: its id and the ids of the operators that must run before it."""
        ids = sorted({i for after, befores in self.edges.items() for i in (after, *befores)})
        return {
            i: DictionaryAttr(
                {"id": IntegerAttr(i, i64), "after": ArrayAttr([IntegerAttr(b, i64) for b in self.edges.get(i, ())])}
            )
            for i in ids
        }

    def _add_operator(self, operator: Record, control: Attribute | None) -> None:
        inputs = self._operand_indices(operator, "inputs")
        outputs = self._operand_indices(operator, "outputs")
        operands = [self._operand(index) for index in inputs]
        result_types = [NONE if index < 0 else self.types.type_of(index) for index in outputs]
        attributes = dict(self._extras(outputs, result_types))
        if control is not None:
            attributes[names.CONTROL] = control
        intermediates = self._operand_indices(operator, "intermediates")
        if intermediates:
            self.used.update(intermediates)
            attributes[names.INTERMEDIATES] = ArrayAttr(
                [self.types.detached(index) if index >= 0 else DictionaryAttr({}) for index in intermediates]
            )
        op = self.operators.build(operator, operands, result_types, attributes, self._no_value)
        op.location = names.location_of([self.tensors[index].get("name") if index >= 0 else None for index in outputs])
        self.block.add_op(op)
        for index, result in zip(outputs, op.results, strict=True):
            if index < 0:
                continue
            if index in self.values:
                raise malformed(f"tensor {index} ('{self._name(index)}') is written twice, or after it is read")
            self.values[index] = result
            self.used.add(index)

    def _operand_indices(self, operator: Record, field: str) -> list[int]:
        return self._tensors_in(operator, field, -1, f"an operator's {field}")

    def _tensors_in(self, record: Record, field: str, least: int, what: str) -> list[int]:
        """The tensors that a field lists, each at least `least`; `what` is the field in messages."""
        vector = record.get(field)
        indices: list[int] = [] if vector is None else vector.tolist()
        if indices and not (least <= min(indices) and max(indices) < len(self.tensors)):
            wrong = next(index for index in indices if not least <= index < len(self.tensors))
            raise malformed(f"{what} name tensor {wrong} of {len(self.tensors)}")
        return indices

    def _name(self, index: int) -> str:
        return self.tensors[index].get("name", str(index))

    def _extras(self, indices: Sequence[int], value_types: Sequence[Attribute]) -> Iterator[tuple[str, Attribute]]:
        """The `tfl.tensor` attribute of these results; None if their types tell everything."""
        extras = [
            (self.types.extras(index, value_type) if index >= 0 else None) or DictionaryAttr({})
            for index, value_type in zip(indices, value_types, strict=True)
        ]
        for index, extra in enumerate(extras):
            if indices[index] >= 0 and self.tensors[indices[index]].get("is_variable"):
                extras[index] = DictionaryAttr({**extra.data, "is_variable": UnitAttr()})
        if any(extra.data for extra in extras):
            yield names.TENSOR, extras[0] if len(extras) == 1 else ArrayAttr(extras)

    def _no_value(self) -> SSAValue:
        """The single `tfl.no_value` of this function, at its start."""
        if self.absent is None:
            op = NoValueOp.create(result_types=[NONE], properties={"value": UnitAttr()})
            if self.block.first_op is None:
                self.block.add_op(op)
            else:
                self.block.insert_op_before(op, self.block.first_op)
            self.absent = op.results[0]
        return self.absent

    def _operand(self, index: int) -> SSAValue:
        if index < 0:
            return self._no_value()
        value = self.values.get(index)
        if value is None:
            op = self._constant(index)
            op.location = names.named(self.tensors[index].get("name"))
            self.block.add_op(op)
            value = self.values[index] = op.results[0]
            self.used.add(index)
        return value

    def _constant(self, index: int) -> Operation:
        """The op for a tensor that no operator writes: a constant, a variable or bytes outside the file."""
        record = self.tensors[index]
        value_type = self.types.type_of(index, constant=True)
        attributes = dict(self._extras([index], [value_type]))
        if record.get("external_buffer"):
            return self._external(record, value_type, attributes)
        if "sparsity" in record:
            return sparse_constant(self.types, index, value_type, attributes)
        value = self.types.constant(index)
        if record.get("is_variable"):
            if value is not None and value.blob.nbytes:
                raise malformed(f"variable tensor '{self._name(index)}' has constant data")
            attributes.pop(names.TENSOR, None)
            if extra := self.types.extras(index, value_type):
                attributes[names.TENSOR] = extra
            attributes[names.IS_VARIABLE] = IntegerAttr(index, i32)
            value = self._zeros(index, value_type)
        elif value is None:
            attributes[names.NO_DATA] = UnitAttr()
            value = self._zeros(index, value_type)
        return constant_op(value, value_type, attributes)

    def _zeros(self, index: int, value_type: Attribute) -> ArrayElementsAttr:
        """The initial value of a variable; `index` keeps variables of equal shape distinct."""
        name = self.types.element_name(index)
        shape = tuple(1 if d < 0 else d for d in shape_of(value_type) or ())
        size = 1
        for dimension in shape:
            size *= dimension
        nbytes = stored_bytes(name, size)
        if nbytes is None:
            raise Error(f"tensor '{self._name(index)}' of type {name} has no data, and none can be made up")
        return from_blob(RepeatedBlob(b"\0", nbytes, index), shape, element_type(name))

    def _external(self, record: Record, value_type: Attribute, attributes: dict[str, Attribute]) -> Operation:
        identity = record["external_buffer"]
        buffer = self.external_buffers.get(identity)
        if buffer is None:
            raise Error(
                f"tensor '{record.get('name', '')}' lies in external buffer {identity}, which the model does not list",
                hint="the model is incomplete; export it again",
            )
        return ExternalConstOp.create(
            result_types=[value_type],
            properties={"external_buffer": ExternalBufferAttr(buffer)},
            attributes=attributes,
        )


def constant_op(value: ArrayElementsAttr, value_type: Attribute, attributes: dict[str, Attribute]) -> Operation:
    """`tfl.pseudo_const`, or `tfl.pseudo_qconst` if the type is quantized."""
    if isinstance(element_of(value_type), UniformQuantizedType):
        return QConstOp.create(
            result_types=[value_type],
            properties={"qtype": value_type, "value": value},
            attributes=attributes,
        )
    return ConstOp.create(result_types=[value_type], properties={"value": value}, attributes=attributes)
