"""Measures the numbers in `ir/targets/sparse_times.py` on this machine: times relative to dense, as lines to copy."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from interpreters import microseconds
from sparsity_models import converter_of, convolution, fully_connected, normal, with_zeros
from xdsl.dialects.builtin import ModuleOp

from tflir.files import to_bytes
from tflir.ir.targets.sparse_latency import KERNELS
from tflir.passes.base import PassReport
from tflir.passes.sparsity import dense_to_sparse, dequantize_hybrid, fully_connected_to_conv
from tflir.passes.sparsity.choice import Choice, Preference
from tflir.passes.sparsity.storage_options import densified_ways, direct_ways
from tflir.passes.sparsity.weight import weights_of

SIZES = (64, 128, 256, 512, 1024, 2048)
SHARES = (0.1, 0.2, 0.3, 0.5)
ROWS = (4, 16, 64)
_SOME_SIZES = (256, 1024, 2048)
_MODES = {"float": "float32", "hybrid": "dynamic range", "int8": "int8"}
_SAMPLES = 4
_FEW, _MANY = 1, 64


class Timing(NamedTuple):
    """Parameters of `microseconds`."""

    seconds: float
    among: float


Change = Callable[[ModuleOp], Any]


def run(how: Timing) -> None:
    """Prints all tables; each line as soon as it is measured."""
    print("direct: n, then time beside dense at stored shares", *SHARES)
    for kernel, block in KERNELS:
        print(f"({kernel!r}, {block}):")
        for n in SIZES:
            _print_line(n, _direct(kernel, block, n, 1, SHARES, how))
    print("more_rows: n, then that ratio beside the one of a single row, at rows", *ROWS)
    for kernel, block in (pair for pair in KERNELS if pair[1] != 1):
        print(f"{kernel!r}:")
        for n in _SOME_SIZES:
            _print_line(n, _more_rows(kernel, block, n, how))
    for title, measure in (("alone, hybrid", _alone("hybrid")), ("alone, int8", _alone("int8")), *_CONVOLUTIONS):
        print(f"{title}: n, then time beside the delegate's own")
        for n in SIZES:
            _print_line(n, [measure(n, how)])


def _print_line(key: object, values: Sequence[float]) -> None:
    print(f"    {key}: ({', '.join(f'{value:.2f}' for value in values)}),", flush=True)


def _direct(kernel: str, block: int, n: int, rows: int, shares: Sequence[float], how: Timing) -> list[float]:
    """Time, relative to dense, of a kernel that reads blocks, for each share of stored blocks."""
    change = _stored(direct=block)
    models = {"dense": _layer(kernel, n, rows, 1.0, block, None)}
    models |= {str(share): _layer(kernel, n, rows, share, block, change) for share in shares}
    return _beside(models, n, how)


def _more_rows(kernel: str, block: int, n: int, how: Timing) -> list[float]:
    """The factor by which the ratio of `_direct` grows with the number of rows: the mean over shares."""
    single_row, *more = (_direct(kernel, block, n, rows, SHARES[:3], how) for rows in (1, *ROWS))
    return [float(np.mean(np.divide(ratios, single_row))) for ratios in more]


def _alone(kernel: str) -> Callable[[int, float], float]:
    """Time of the runtime's own dense kernel, relative to the default delegate's."""

    def measure(n: int, how: Timing) -> float:
        models = {kind: _layer(kernel, n, 1, 0.3, 16, change) for kind, change in (("dense", None), ("own", _stored()))}
        return _beside(models, n, how)[0]

    return measure


def _convolved(n: int, how: Timing) -> float:
    """Time of an int8 layer's convolution form."""

    def change(module: ModuleOp) -> None:
        weight, constant = next(weights_of(module))
        fully_connected_to_conv.rewrite_as_convolution(constant, fully_connected_to_conv.filter_shapes(weight.shape)[0])

    models = {
        kind: _layer("int8", n, 1, 0.3, 16, change_of) for kind, change_of in (("dense", None), ("convolved", change))
    }
    return _beside(models, n, how)[0]


def _widened(positions: int) -> Callable[[int, float], float]:
    """Time of a float convolution instead of a hybrid one."""

    def change(module: ModuleOp) -> None:
        dequantize_hybrid.widen(next(weights_of(module))[1])
        _stored()(module)

    def measure(n: int, how: Timing) -> float:
        weights, bias = _constants(n, 0.3, 16)
        model = convolution(weights, bias, positions)
        models = {
            kind: _made(model, "hybrid", n, change_of) for kind, change_of in (("dense", None), ("widened", change))
        }
        return _beside(models, n, how)[0]

    return measure


_CONVOLUTIONS = (
    ("convolved", _convolved),
    ("few_positions", _widened(_FEW)),
    ("many_positions", _widened(_MANY)),
)


def _layer(kernel: str, n: int, rows: int, share: float, block: int, change: Change | None) -> bytes:
    weights, bias = _constants(n, share, block)
    return _made(fully_connected(weights, bias, rows), kernel, n, change, rows)


def _constants(n: int, share: float, block: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return with_zeros(rng, (n, n), 1 - share, block), normal(rng, n)


def _made(model: bytes, kernel: str, n: int, change: Change | None, rows: int = 1) -> bytes:
    """A model after quantization and a change."""
    samples = np.random.default_rng(n).standard_normal((_SAMPLES, rows, n), np.float32)
    module = converter_of(model, _MODES[kernel], samples).module()
    if change is not None:
        change(module)
    return to_bytes(module)


def _stored(direct: int = 0) -> Change:
    """Makes the only weight sparse even if that is slower: in blocks that the kernel reads (0: for a DENSIFY)."""

    def change(module: ModuleOp) -> None:
        weight, _ = next(weights_of(module))
        assert not isinstance(weight, str), weight
        preference = Preference()
        ways = direct_ways(weight, preference) if direct else densified_ways(weight, preference)
        option = next(option for option in ways if option.direct == direct)
        choice = Choice(weight, preference, option, (option,), option)
        dense_to_sparse.apply_choice(choice, PassReport("forced"))

    return change


def _beside(models: dict[str, bytes], n: int, how: Timing) -> list[float]:
    """Times relative to that of the first model."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / f"{name}.tflite" for name in models}
        for name, path in paths.items():
            path.write_bytes(models[name])
        first, *others = microseconds(paths, np.random.default_rng(n).standard_normal(n, np.float32), *how).values()
    return [other / first for other in others]
