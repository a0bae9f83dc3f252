"""`tfl-prune`: sets the least weights to 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue, Use

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob, load_numpy
from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.name_filter import expression
from tflir.passes.reasons import fewer_elements
from tflir.passes.sparsity.structures import Magnitudes, Mask, Structure, parse_structure

_DEFAULT_SHARE = 0.8
_NEAR_ENOUGH = 1e-3
"""How far a given sparsity may be from the one that n:m means: 0.667 is 1:3."""
_KINDS = {"FLOAT32", "FLOAT16", "INT8"}


@dataclass(frozen=True)
class PrunePass(TflPass):
    """
    Sets the weights of least magnitude to 0; lossy, so only where it is asked for.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[0.1, -2.0, 0.3, 4.0]]> : tensor<1x4xf32>}> : () -> tensor<1x4xf32>
    ```
    becomes, with `sparsity=0.5 min-elements=1`,
    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[0.0, -2.0, 0.0, 4.0]]> : tensor<1x4xf32>}> : () -> tensor<1x4xf32>
    ```
    It prunes constants of float32, float16, or int8 with zero points 0, if all their uses are operands that may be
    sparse, directly or through a `tfl.dequantize`. Exactly round(sparsity x units) units of a weight are set to 0:
    those with the least sum of squares, and among equal ones the first. An int8 element q has the magnitude |q| x the
    scale of its channel. All other elements are unchanged.

    Structures: `unstructured`; `AxB`, blocks of A output channels (first axis) by B inputs (last axis), such as 1x4;
    `n:m`, at most n nonzero elements among each m consecutive inputs, such as 2:4; `channel`, whole output channels. A
    structure that does not divide a weight leaves it as it is.
    """

    name = "tfl-prune"
    changes = "lossy"

    sparsity: int | float | None = None
    """Share of each weight's units that become 0, from 0 to below 1; by default 0.8, or what n:m says."""
    structure: str = "unstructured"
    """unstructured, AxB, n:m or channel."""
    min_elements: int = 1024
    """Constants with fewer elements are not pruned."""
    only: tuple[str, ...] = ()
    """Names of weights, or regular expressions that match such names; other weights are not pruned."""

    def __post_init__(self) -> None:
        implied = parse_structure(self.structure).implied
        given = self.sparsity
        if given is not None and not 0 <= given < 1:
            raise Error(f"sparsity {given} is out of range", hint="give 0 <= sparsity < 1", status=USAGE)
        if given is not None and implied is not None and abs(given - implied) > _NEAR_ENOUGH:
            raise Error(
                f"structure {self.structure} means a sparsity of {implied:.4g}, not {given}",
                hint="leave sparsity out",
                status=USAGE,
            )

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        weights = [weight for op in module.walk() if (weight := _weight(op)) is not None]
        asked = _matching(weights, self.only)
        for weight in weights:
            why = "not among those asked for" if weight.op not in asked else self._prune(weight, report)
            if why:
                report.decline(why, weight.op)

    def _prune(self, weight: _Weight, report: PassReport) -> str:
        """Prunes a weight. Returns why it was not pruned, or ''."""
        if why := weight.misfit(self.min_elements):
            return why
        structure, shape, axis = parse_structure(self.structure), weight.shape, weight.axes[0]
        if why := structure.misfit(shape, axis):
            return why
        magnitudes = weight.magnitudes()
        if not np.isfinite(magnitudes).all():
            return "the constant holds NaN or infinity"
        marked = structure.least(magnitudes, axis, _DEFAULT_SHARE if self.sparsity is None else self.sparsity)
        if marked.all():
            return f"nothing would be left of its {marked.size} units"
        before = np.count_nonzero(magnitudes)
        structure.clear(magnitudes, axis, marked)
        after = np.count_nonzero(magnitudes)
        if before == after:
            return "as sparse already"
        weight.zero(structure, marked)
        kind, nbytes = weight.value.element_name.lower(), weight.value.blob.nbytes
        report.count("weights pruned")
        report.details.append(
            {
                "tensor": names.op_names(weight.op)[0] or "",
                "from": kind,
                "to": f"{kind} {self.structure}",
                "bytes_before": nbytes,
                "bytes_after": nbytes,
                "zeros": 1 - after / magnitudes.size,
            }
        )
        return ""


@dataclass(frozen=True)
class _Weight:
    """A constant that at least one weight operand reads."""

    op: ConstOp | QConstOp
    value: ArrayElementsAttr
    axes: list[int]
    """The axes along which its readers have output channels, each once."""
    other: Operation | None
    """An op that reads the constant as another operand than a weight, if there is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.value.type) or ()

    @property
    def _type(self) -> UniformQuantizedType | None:
        element = element_of(self.op.output.type)
        return element if isinstance(element, UniformQuantizedType) else None

    def misfit(self, min_elements: int) -> str:
        """Why the constant can't be pruned, whatever the structure; '' if it can."""
        if self.other is not None:
            return f"also read by {self.other.name}"
        if self.value.element_name not in _KINDS:
            return f"elements of type {self.value.element_name}"
        if self.value.size < max(min_elements, 1):
            return fewer_elements(min_elements)
        if len(self.axes) > 1:
            return "its readers have output channels along different axes"
        if len(self.shape) < 2:
            return "no axes of outputs and inputs"
        quantized = self._type
        if quantized is not None and quantized.layout.blocks:
            return "sub-channel scales"
        return "a zero point is not 0" if quantized is not None and quantized.layout.zero_points.any() else ""

    def magnitudes(self) -> Magnitudes:
        """The absolute value of each element, float32; int8 elements are multiplied by the scale of their channel."""
        quantized = self._type
        with np.errstate(over="ignore", invalid="ignore"):  # the caller refuses NaN and infinity
            found = load_numpy(self.value).astype(np.float32)
            np.abs(found, out=found)
            if quantized is not None:
                along = [-1 if axis in quantized.layout.axes else 1 for axis in range(found.ndim)]
                found *= quantized.layout.scales.astype(np.float32).reshape(along)
        return found

    def zero(self, structure: Structure, marked: Mask) -> None:
        """Sets the marked units of the constant to 0."""
        blob = _zeroed(self.value, structure, self.axes[0], marked)
        self.op.properties["value"] = from_blob(blob, self.shape, self.value.type.element_type)


def _zeroed(value: ArrayElementsAttr, structure: Structure, axis: int, marked: Mask) -> Blob:
    """The bytes of a constant with its marked units set to 0.

    They are computed when the file is written; until then, the mask is held with one bit per unit.
    """
    bits, units, size = np.packbits(marked).tobytes(), marked.shape, marked.size

    def make() -> Iterator[npt.NDArray[Any]]:
        values = load_numpy(value).copy()
        mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=size).view(np.bool_).reshape(units)
        structure.clear(values, axis, mask)
        yield values

    return DeferredBlob(value.blob.nbytes, ("zeroed", value, structure, axis, bits), make)


def _weight(op: Operation) -> _Weight | None:
    """The weight that `op` holds, or None."""
    if not isinstance(op, ConstOp | QConstOp) or not isinstance(op.value, ArrayElementsAttr):
        return None
    if names.NO_DATA in op.attributes or names.IS_VARIABLE in op.attributes:
        return None
    axes: dict[int, None] = {}
    other: Operation | None = None
    for use in _readers(op.output):
        axis = _weight_axis(use)
        if axis is None:
            other = use.operation
        else:
            axes[axis] = None
    return _Weight(op, op.value, list(axes), other) if axes else None


def _readers(value: SSAValue) -> Iterator[Use]:
    """The uses of a constant, directly or through a `tfl.dequantize`."""
    for use in value.uses:
        if isinstance(use.operation, DequantizeOp):
            yield from use.operation.output.uses
        else:
            yield use


def _weight_axis(use: Use) -> int | None:
    """The axis of output channels of an operand that may be sparse; None for any other operand."""
    op = use.operation
    if not isinstance(op, TflOp) or use.index not in op.INFO.sparse:
        return None
    return op.INFO.channel_axis(use.index)


def _matching(weights: list[_Weight], patterns: tuple[str, ...]) -> set[Operation]:
    """The constants whose name equals or matches any of the patterns; all if there are no patterns.

    Raises `Error` (status 2) for a pattern that matches no weight.
    """
    if not patterns:
        return {weight.op for weight in weights}
    found: set[Operation] = set()
    named = {weight.op: names.op_names(weight.op)[0] or "" for weight in weights}
    for pattern in patterns:
        matches = {op for op, name in named.items() if name == pattern}
        if not matches:
            wanted = expression(pattern)
            matches = {op for op, name in named.items() if wanted(name)}
        if not matches:
            raise Error(
                f"'{pattern}' names no weight of the model{near(pattern, named.values())}",
                hint="give a weight's name, or a regular expression for such names",
                status=USAGE,
            )
        found |= matches
    return found
