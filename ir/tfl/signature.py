"""Describes an op for the rules of operator versions."""

from __future__ import annotations

from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.schema import schema
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.options import options_of
from tflir.ir.tfl.versions import OpSig, TensorSig, op_version
from tflir.ir.types import element_of, schema_name, shape_of

_CONSTANTS = ("tfl.pseudo_const", "tfl.pseudo_qconst", "tfl.external_const")
_SPARSE = ("tfl.pseudo_sparse_const", "tfl.pseudo_sparse_qconst")


def _tensor(value: SSAValue) -> TensorSig | None:
    element = element_of(value.type)
    if element is None:
        return None
    producer = value.op.name if isinstance(value, OpResult) else ""
    sparse = producer in _SPARSE
    scales: tuple[int, float] | None = None
    if isinstance(element, UniformQuantizedType):
        layout = element.layout
        scales = (layout.scales.size, float(layout.scales.flat[0]))
    return TensorSig(
        schema_name(element) or "",
        shape_of(value.type),
        sparse or producer in _CONSTANTS,
        sparse,
        scales,
        producer == "tfl.densify",
    )


def _named_options(op: TflOp) -> dict[str, object]:
    """The op's options with enums by name, without subgraphs, on which no version depends."""
    table = op.INFO.options
    if table is None:
        return {}
    record = options_of(op, lambda _: 0)
    for field in schema().tables[table].fields:
        if field.kind == "enum" and field.name in record:
            record[field.name] = schema().enums[field.of].names.get(record[field.name], "")
    return record


def needed_version(op: Operation, *, tensorflow: bool = False) -> int:
    """The operator version that `op` needs by its types and options; 1 for ops without a builtin.

    If `tensorflow`, ops with sparse weights get the versions that TensorFlow gives them.
    """
    if not isinstance(op, TflOp):
        return 1
    count = _operand_count(op)
    inputs = tuple(_tensor(value) for value in op.operands[:count])
    outputs = tuple(_tensor(value) for value in op.results)
    return op_version(OpSig(op.INFO.builtin, inputs, outputs, _named_options(op), tensorflow))


def _operand_count(op: TflOp) -> int:
    """The number of operands in the file, which may leave out trailing ones instead of marking them absent."""
    from tflir.ir.names import OPERAND_COUNT

    attr: Attribute | None = op.attributes.get(OPERAND_COUNT)
    return getattr(getattr(attr, "value", None), "data", len(op.operands))
