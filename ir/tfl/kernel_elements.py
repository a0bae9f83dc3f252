"""The element types that the runtime's kernels support, for operators whose MLIR definition allows more."""

from __future__ import annotations

from xdsl.ir import Attribute, Operation

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.shapes import refuse
from tflir.ir.types import element_of, schema_name

_FLOATS = "FLOAT32 FLOAT16 BFLOAT16"
"""What a float kernel of the runtime or of its default delegate supports."""
_BYTES_AND_INT16 = "INT8 UINT8 INT16"

# By operator: the elements that operand 0 may have if it is not quantized, and those that it may have if it is.
ELEMENTS: dict[str, tuple[str, str]] = {
    "ABS": (f"{_FLOATS} INT16 INT32", "INT8 INT16"),
    "ADD": (f"{_FLOATS} INT16 INT32 INT64", _BYTES_AND_INT16),
    "ARG_MAX": ("FLOAT32 INT8 UINT8 INT32 BOOL", _BYTES_AND_INT16),
    "ARG_MIN": ("FLOAT32 INT8 UINT8 INT32 BOOL", _BYTES_AND_INT16),
    "CEIL": (_FLOATS, ""),
    "COS": (_FLOATS, ""),
    "CUMSUM": ("FLOAT32 INT32 INT64", ""),
    "ELU": (_FLOATS, "INT8"),
    "EQUAL": (f"{_FLOATS} BOOL INT16 INT32 INT64 STRING", _BYTES_AND_INT16),
    "EXP": (f"{_FLOATS} INT8 INT16", "INT8 INT16"),
    "FLOOR": (_FLOATS, ""),
    "FLOOR_DIV": ("FLOAT32 INT8 INT16 INT32", ""),
    "FLOOR_MOD": ("FLOAT32 INT8 INT16 INT32 INT64", ""),
    "GELU": (_FLOATS, _BYTES_AND_INT16),
    "GREATER": (f"{_FLOATS} INT16 INT32 INT64", _BYTES_AND_INT16),
    "GREATER_EQUAL": (f"{_FLOATS} INT16 INT32 INT64", _BYTES_AND_INT16),
    "HARD_SWISH": (_FLOATS, "INT8 UINT8"),
    "L2_NORMALIZATION": ("FLOAT32", "INT8 UINT8"),
    "LEAKY_RELU": (_FLOATS, _BYTES_AND_INT16),
    "LESS": (f"{_FLOATS} INT16 INT32 INT64", _BYTES_AND_INT16),
    "LESS_EQUAL": (f"{_FLOATS} INT16 INT32 INT64", _BYTES_AND_INT16),
    "LOCAL_RESPONSE_NORMALIZATION": ("FLOAT32", ""),
    "LOG": (_FLOATS, "INT8 INT16"),
    "LOGISTIC": (_FLOATS, _BYTES_AND_INT16),
    "LOG_SOFTMAX": ("FLOAT32", "INT8 UINT8"),
    "NEG": (f"{_FLOATS} INT8 INT16 INT32 INT64", "INT8 INT16"),
    "NOT_EQUAL": (f"{_FLOATS} BOOL INT16 INT32 INT64 STRING", _BYTES_AND_INT16),
    "POW": ("FLOAT32 INT32", ""),
    "RELU": (_FLOATS, _BYTES_AND_INT16),
    "RELU6": (_FLOATS, _BYTES_AND_INT16),
    "ROUND": (_FLOATS, ""),
    "RSQRT": (_FLOATS, "INT8 INT16"),
    "SIGN": ("FLOAT32 FLOAT64 INT32", ""),
    "SIN": (_FLOATS, ""),
    "SOFTMAX": (_FLOATS, _BYTES_AND_INT16),
    "SQRT": (_FLOATS, "INT8 INT16"),
    "SQUARE": (_FLOATS, ""),
    "SQUARED_DIFFERENCE": (f"{_FLOATS} INT32", "INT8"),
    "SUB": (f"{_FLOATS} INT32 INT64", _BYTES_AND_INT16),
    "TANH": (_FLOATS, _BYTES_AND_INT16),
}  # fmt: skip

# What the kernels of QUANTIZE and DEQUANTIZE make of the elements that they read.
_CONVERSIONS = {
    "FLOAT16": "FLOAT32",
    "FLOAT32": "INT4 UINT4 INT8 UINT8 INT16",
    "INT2": "FLOAT32",
    "INT4": "FLOAT32",
    "UINT4": "FLOAT32",
    "INT8": "FLOAT32 INT8 UINT8 INT16",
    "UINT8": "FLOAT32 INT8 UINT8 INT16",
    "INT16": "FLOAT32 INT8 INT16 INT32",
    "INT32": "INT8 INT16",
}


def converts(source: Attribute, made: Attribute) -> bool:
    """Whether QUANTIZE or DEQUANTIZE has a kernel from elements of one type to those of another."""
    return schema_name(made) in _CONVERSIONS.get(schema_name(source) or "", "").split()


def check_elements(op: Operation, builtin: str) -> None:
    """Raises `Unfit` if no kernel of the operator supports the elements of operand 0."""
    if builtin not in ELEMENTS or not op.operands:
        return
    element = element_of(op.operands[0].type)
    if element is not None and schema_name(element) not in ELEMENTS[builtin][_has_scale(element)].split():
        refuse(f"elements of {element}, which no kernel of {builtin} takes")


def _has_scale(element: Attribute) -> bool:
    return isinstance(element, UniformQuantizedType)
