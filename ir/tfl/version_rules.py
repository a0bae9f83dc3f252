"""A description of one use of an operator, and the conditions that rules of operator versions are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorSig:
    """One operand or result: schema name of its element type, dimensions (-1 dynamic; None unranked) and more.

    `scales` is the number of its scales and the first of them; None if it is not quantized.
    """

    dtype: str
    shape: tuple[int, ...] | None
    constant: bool = False
    sparse: bool = False
    scales: tuple[int, float] | None = None
    densified: bool = False


@dataclass(frozen=True, slots=True)
class OpSig:
    """One use of an operator: `options` by schema field, enums by name, defaults may be absent."""

    builtin: str
    inputs: tuple[TensorSig | None, ...]
    outputs: tuple[TensorSig | None, ...]
    options: Mapping[str, object]
    tensorflow: bool = False
    """Whether to give the versions that TensorFlow gives even if these make the runtime read sparse weights wrongly."""


Rule = Callable[[OpSig], int]
"""The version that one condition requires; 1 if it does not hold."""


def tensor_at(tensors: Sequence[TensorSig | None], position: int) -> TensorSig | None:
    return tensors[position] if position < len(tensors) else None


def type_at(tensors: Sequence[TensorSig | None], position: int) -> str:
    tensor = tensor_at(tensors, position)
    return "" if tensor is None else tensor.dtype


def file_shape(tensor: TensorSig | None) -> tuple[int, ...]:
    """Dimensions as the file's `shape` has them: 1 for the dynamic ones, none if unranked."""
    if tensor is None or tensor.shape is None:
        return ()
    return tuple([1 if d < 0 else d for d in tensor.shape])


def rank_at(tensors: Sequence[TensorSig | None], position: int) -> int:
    tensor = tensor_at(tensors, position)
    return 0 if tensor is None or tensor.shape is None else len(tensor.shape)


def scale_count(tensor: TensorSig | None) -> int:
    return 0 if tensor is None or tensor.scales is None else tensor.scales[0]


def scale_per_index(tensor: TensorSig | None, dimension: int) -> bool:
    """Whether `tensor` has as many scales as indices along `dimension`; true of 1 and 1, as in TensorFlow."""
    count, dims = scale_count(tensor), file_shape(tensor)
    return count > 0 and dimension < len(dims) and dims[dimension] == count


# Conditions on element types


def _expanded(versions: dict[str, int]) -> dict[str, int]:
    """Replaces the key FLOAT8 by the two float8 types of the schema."""
    float8 = versions.pop("FLOAT8", 0)
    return versions | ({"FLOAT8_E4M3FN": float8, "FLOAT8_E5M2": float8} if float8 else {})


def by_type(position: int, **versions: int) -> Rule:
    """The version by the element type of an operand, as in `by_type(0, INT8=2, INT16=4)`."""
    table = _expanded(versions)
    return lambda sig: table.get(type_at(sig.inputs, position), 1)


def by_result(position: int, **versions: int) -> Rule:
    """The version by the element type of a result."""
    table = _expanded(versions)
    return lambda sig: table.get(type_at(sig.outputs, position), 1)


def by_both(**versions: int) -> Rule:
    """The version by the element type that the first operand and the first result have in common."""

    def rule(sig: OpSig) -> int:
        dtype = type_at(sig.inputs, 0)
        return versions.get(dtype, 1) if dtype == type_at(sig.outputs, 0) else 1

    return rule


Kernel = tuple[str, str, str]
"""Element types of data, weights and result, which select the kernel of a linear op."""

I16_I16: Kernel = ("INT16", "INT16", "INT16")
I16_I8: Kernel = ("INT16", "INT8", "INT16")
I16_I4: Kernel = ("INT16", "INT4", "INT16")
I8_I8: Kernel = ("INT8", "INT8", "INT8")
I8_I4: Kernel = ("INT8", "INT4", "INT8")
HYBRID: Kernel = ("FLOAT32", "INT8", "FLOAT32")


def kernel_of(sig: OpSig, weights: int = 1) -> Kernel:
    """The kernel that a use of an operator needs, whose weights are this operand."""
    return type_at(sig.inputs, 0), type_at(sig.inputs, weights), type_at(sig.outputs, 0)


def by_kernel(kernel: Kernel, version: int, weights: int = 1) -> Rule:
    """`version` for this kernel."""
    return lambda sig: version if kernel_of(sig, weights) == kernel else 1


def hybrid(plain: int, asymmetric: int, weights: int = 1) -> Rule:
    """The version for float data, int8 weights and float result, by whether the kernel quantizes data
    asymmetrically.
    """

    def rule(sig: OpSig) -> int:
        if kernel_of(sig, weights) != HYBRID:
            return 1
        return asymmetric if sig.options.get("asymmetric_quantize_inputs") else plain

    return rule


def hybrid_cell(plain: int, asymmetric: int) -> Rule:
    """As `hybrid`, for the recurrent cells, whose rule ignores the type of the data."""

    def rule(sig: OpSig) -> int:
        if type_at(sig.inputs, 1) != "INT8" or type_at(sig.outputs, 0) != "FLOAT32":
            return 1
        return asymmetric if sig.options.get("asymmetric_quantize_inputs") else plain

    return rule


# Conditions on shapes and options


def by_rank(position: int, *steps: tuple[int, int]) -> Rule:
    """`steps` are (rank, version) by falling rank: the version of the first whose rank the operand has or exceeds."""

    def rule(sig: OpSig) -> int:
        rank = rank_at(sig.inputs, position)
        for least, version in steps:
            if rank >= least:
                return version
        return 1

    return rule


def wide_broadcast(version: int) -> Rule:
    """`version` if two operands have different shapes, and one has more than 4 dimensions."""

    def rule(sig: OpSig) -> int:
        ranks = [rank_at(sig.inputs, position) for position in range(len(sig.inputs))]
        if len(ranks) < 2 or max(ranks) <= 4:
            return 1
        return version if file_shape(sig.inputs[0]) != file_shape(sig.inputs[1]) else 1

    return rule


def by_option(version: int, *fields: str) -> Rule:
    """`version` if any of these options is set: not 0 and not false."""
    return lambda sig: version if any(sig.options.get(field) for field in fields) else 1


def always(version: int) -> Rule:
    return lambda _: version


def plain_int16(version: int, *positions: int) -> Rule:
    """`version` if the first operand is int16 and no operand at these positions is quantized."""

    def rule(sig: OpSig) -> int:
        if type_at(sig.inputs, 0) != "INT16":
            return 1
        return 1 if any(scale_count(tensor_at(sig.inputs, p)) for p in positions) else version

    return rule


def fine_int16(version: int) -> Rule:
    """`version` if the op is quantized to int16 with scales that need not be powers of two."""

    def rule(sig: OpSig) -> int:
        if sig.options.get("pot_scale_int16", True):
            return 1
        return version if type_at(sig.inputs, 0) == type_at(sig.outputs, 0) == "INT16" else 1

    return rule
