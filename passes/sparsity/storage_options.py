"""The options for storing a weight: read directly by sparse kernels, made dense by a DENSIFY at load, or both.

Both is needed if only some of the ops that read a weight have a sparse kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tflir.ir.targets import sparse_latency
from tflir.passes.sparsity.byte_bounds import code_bytes, encoding_bytes, op_bytes
from tflir.passes.sparsity.candidates import Candidate, candidates, rows_candidate
from tflir.passes.sparsity.choice import Option, Preference
from tflir.passes.sparsity.encoding import Mask, any_of_last
from tflir.passes.sparsity.readers import MOST_HYBRID_BLOCKS, WIDENED, Reader, delegated
from tflir.passes.sparsity.weight import Weight

DIRECTLY = "sparse"
DENSIFIED = "from DENSIFY"


def direct_ways(weight: Weight, preference: Preference) -> Iterator[Option]:
    """Options whose encoding some kernel reads directly; the other ops read a DENSIFY of the same constant."""
    for block in sorted({block for reader in weight.readers for block in reader.blocks}):
        able = [reader for reader in weight.readers if block in reader.blocks]
        others = [reader for reader in weight.readers if block not in reader.blocks]
        if not weight.centred or not all(reader.densifies for reader in others):
            continue
        candidate = rows_candidate(weight.occupied, block)
        if candidate is None or not _within_limits(weight.occupied, block, able):
            continue
        words = [f"{one} {DIRECTLY} 1x{block}, LiteRT" for one in _kernels(able)]
        extra = code_bytes() + (_densify_bytes(weight) if others else 0)
        share = candidate.stored / weight.elements
        times = tuple(
            max(
                *(sparse_latency.direct(r.kernel, block, cpu, weight.shape, share, r.rows) for r in able),
                *(densified_time(r, cpu, weight.shape) for r in others),
                0.0,
            )
            for cpu in preference.cpus
        )
        how = "; ".join([*words, *([densified_words(others)] if others else [])])
        yield option(weight, candidate, how, times, extra, direct=block)


def densified_ways(weight: Weight, preference: Preference) -> Iterator[Option]:
    """Options in which all ops read the weight from a DENSIFY, which can decode every encoding."""
    if not all(reader.densifies for reader in weight.readers):
        return
    words = densified_words(weight.readers)
    times = tuple(
        max(densified_time(reader, cpu, weight.shape) for reader in weight.readers) for cpu in preference.cpus
    )
    extra = _densify_bytes(weight)
    for candidate in candidates(weight.occupied, weight.dtype.itemsize):
        yield option(weight, candidate, words, times, extra)


def option(
    weight: Weight,
    candidate: Candidate,
    how: str,
    times: tuple[float, ...],
    extra: int,
    *,
    direct: int = 0,
    shape: tuple[int, ...] | None = None,
) -> Option:
    """An option whose bytes are those of the encoding and `extra`.

    The elements are stored once, but each constant of the weight has tables and indices of its own.
    """
    stored = candidate.stored * weight.dtype.itemsize
    tables = candidate.index_bytes + encoding_bytes(candidate.encoding)
    nbytes = stored + len(weight.constants) * tables + extra
    return Option(how, candidate, nbytes, times, shape or weight.shape, direct)


def _densify_bytes(weight: Weight) -> int:
    """The bytes of the DENSIFY ops, and those by which biases grow that must be float32 beside them."""
    biases = {one.value: one for reader in weight.readers if (one := reader.half_bias) is not None}
    return op_bytes(weight.name, len(weight.constants)) + sum(one.blob.nbytes // 2 for one in biases.values())


def densified_time(reader: Reader, cpu: str, shape: Sequence[int]) -> float:
    """The time of an op with a weight from a DENSIFY relative to a dense weight.

    It is 1, unless the DENSIFY is the reason why the delegate does not run the op.
    """
    return sparse_latency.alone(reader.kernel, cpu, shape, reader.rows) if reader.alone else 1.0


def densified_words(readers: Sequence[Reader]) -> str:
    """The ops, kernels and runtimes that read the weight from a DENSIFY, in words for the report."""
    by_delegate = [f"{one} {DENSIFIED}, XNNPACK" for one in _kernels([r for r in readers if _is_delegated(r)])]
    by_runtime = [f"{one} {DENSIFIED}, LiteRT" for one in _kernels([r for r in readers if not _is_delegated(r)])]
    return "; ".join([*by_delegate, *by_runtime])


def _is_delegated(reader: Reader) -> bool:
    return not reader.alone and reader.kernel in ("float", "int8", WIDENED) and delegated(reader.op)


def _kernels(readers: Sequence[Reader]) -> list[str]:
    return list(dict.fromkeys(f"{reader.name} {reader.kernel}" for reader in readers))


def _within_limits(occupied: Mask, block: int, readers: Sequence[Reader]) -> bool:
    """Whether no row has more blocks than the hybrid kernel can count, if it is among the readers."""
    if not any(reader.kernel == "hybrid" for reader in readers):
        return True
    blocks = any_of_last(occupied.reshape(math.prod(occupied.shape[:-1]), -1, block))
    return int(np.count_nonzero(blocks, axis=-1).max(initial=0)) <= MOST_HYBRID_BLOCKS
