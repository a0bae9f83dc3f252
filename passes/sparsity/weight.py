"""A constant that may become sparse: its elements, which of them are not zero, and the ops that read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr, load_numpy
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.types import numpy_dtype, quantized_element, shape_of
from tflir.passes.base import PassReport
from tflir.passes.sparsity.byte_bounds import LEAST
from tflir.passes.sparsity.encoding import Mask, nonzero
from tflir.passes.sparsity.readers import Reader, is_weight, readers_of

_LINEAR = frozenset(("BATCH_MATMUL", "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))


@dataclass(frozen=True)
class Weight:
    """Constants that share one buffer of the file: all become sparse, in the same encoding, or none does."""

    constants: tuple[ConstOp | QConstOp, ...]
    value: ArrayElementsAttr
    readers: tuple[Reader, ...]

    @property
    def name(self) -> str:
        return names.op_names(self.constants[0])[0] or ""

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.value.type) or ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype = numpy_dtype(self.value.element_name)
        assert dtype is not None
        return dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the dense constant."""
        return self.value.blob.nbytes

    @property
    def signed_zeros(self) -> bool:
        """Whether a result can depend on the sign of a zero: that of a lookup does, a sum of products does not."""
        return any(reader.op.INFO.builtin not in _LINEAR for reader in self.readers)

    @property
    def centred(self) -> bool:
        """Whether all zero points are 0, so that a stored 0 means 0. Sparse kernels support no zero points."""
        element = quantized_element(self.constants[0].output)
        return element is None or not element.layout.zero_points.any()

    def array(self) -> npt.NDArray[Any]:
        """The elements. Those of a deferred constant, which is computed when the file is written, are computed now."""
        return load_numpy(self.value)

    @cached_property
    def occupied(self) -> Mask:
        """A mask of the elements that are not zero."""
        return nonzero(self.array(), signed_zeros=self.signed_zeros)

    @cached_property
    def nonzero(self) -> int:
        return int(np.count_nonzero(self.occupied))

    @property
    def may_gain(self) -> bool:
        """Whether the bytes of its zeros are at least the bytes that any encoding adds."""
        least = self.elements * self.dtype.itemsize >= LEAST
        return least and (self.elements - self.nonzero) * self.dtype.itemsize >= LEAST

    @property
    def zeros(self) -> float:
        """Share of the elements that are zero."""
        return 1 - self.nonzero / max(self.elements, 1)


def weights_of(module: ModuleOp, report: PassReport | None = None) -> Iterator[tuple[Weight | str, ConstOp | QConstOp]]:
    """The weights of a module in program order, each with its first constant; a string tells why one can't be sparse.

    Constants that no op reads as a weight are skipped. Progress is reported to `report`.
    """
    groups: dict[Blob, list[ConstOp | QConstOp]] = {}
    for op in module.walk():
        if isinstance(op, ConstOp | QConstOp) and isinstance(op.value, ArrayElementsAttr):
            groups.setdefault(op.value.blob, []).append(op)
    for number, constants in enumerate(groups.values()):
        if report is not None:
            report.progress(number, len(groups))
        if any(is_weight(constant) for constant in constants):
            yield _weight(constants), constants[0]


def _weight(constants: list[ConstOp | QConstOp]) -> Weight | str:
    first = constants[0].value
    assert isinstance(first, ArrayElementsAttr)
    readers: list[Reader] = []
    for constant in constants:
        found = readers_of(constant)
        if isinstance(found, str):
            return found
        assert isinstance(constant.value, ArrayElementsAttr)
        if constant.value.type != first.type:
            return "its bytes are those of a constant of another type, too"
        readers += found
    return Weight(tuple(constants), first, tuple(readers))
