"""Rounds the weights of layers one after the other: each is aimed at making up for what rounding those before changed.

The model runs in segments, each of which begins with a layer, in two forms side by side: the float model, and the model
whose layers so far were rounded. Both run once over all samples, whatever the number of layers.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.backends.litert.isolated import IsolatedRunner
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Array, Note, Samples, value_of
from tflir.backends.litert.stepwise import Stepwise
from tflir.data.calibration import in_file_order, saved
from tflir.data.readings import readings_of
from tflir.files import to_bytes
from tflir.ir.blob import Blob
from tflir.ir.entries import entry_functions
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.names import name_of
from tflir.ir.segments import Segment, module_of, segments_of
from tflir.ir.weight_kind import set_weight_kind
from tflir.pass_manager import run_pipeline
from tflir.passes.quantization.pairs import FloatConstant, constant_of, float_constant
from tflir.passes.requantize.dequantize_model import DequantizeModelPass
from tflir.passes.weights.quantize_weights import QuantizeWeightsPass
from tflir.passes.weights.reading import (
    WeightUse,
    add_to_bias,
    clear_moments,
    floats,
    replace_constant,
    rows_of,
    shaped,
)
from tflir.passes.weights.round_weights import RoundWeightsPass
from tflir.passes.weights.rounding import HELD_OUT
from tflir.passes.weights.targets import shift, target
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from tflir.ir.tfl.base import TflOp

Rounding = QuantizeWeightsPass | RoundWeightsPass
MOST_SAMPLES = 64
"""At most so many samples are run."""
_LEAST_SAMPLES = 8
"""Of fewer, those held out say too little: what is chosen by one or two samples is by chance."""
_LEAST_LAYERS = 2
_MOST_WEIGHTS = 1 << 27
"""The float weights that are aimed take at most so many bytes: several forms of them are in memory."""
_MOST_COLUMNS = 2048
"""A layer that multiplies longer vectors is rounded on its own: the equations for its weights would take long."""


@dataclass(frozen=True)
class _Layer:
    """A product with constant weights of its own, and the value that it multiplies them by."""

    use: WeightUse
    reading: Reading
    value: SSAValue
    bytes: int
    """The size of its float weights."""


def aim_in_sequence(
    module: ModuleOp, passes: Sequence[Rounding], samples: Samples, *, biases: bool, progress: Note | None = None
) -> int:
    """Changes the float weights of layers of a module before `passes` round them. Returns the number of layers changed.

    A model with several entry functions is left as it is. With `biases`, biases make up for the mean of what changed,
    too. Raises `Error` if the runtime can't run a part of the model, if it is too large, or
    if there are too few samples.
    """
    entries = list(entry_functions(module))
    if len(entries) != 1:
        return 0
    function = entries[0]
    layers: dict[Operation, _Layer] = {layer.use.op: layer for layer in _layers(module, function, passes)}
    if len(layers) < _LEAST_LAYERS:
        return 0
    if sum(map(len, samples.values())) < _LEAST_SAMPLES:
        raise Error(f"it takes at least {_LEAST_SAMPLES} samples")
    if sum(layer.bytes for layer in layers.values()) > _MOST_WEIGHTS:
        raise Error(f"the layers have more than {_MOST_WEIGHTS >> 20} MB of float weights")
    arguments = _arguments(module, samples)
    return _Sequence(module, function, layers, passes, biases=biases).run(arguments, progress)


def _arguments(module: ModuleOp, samples: Samples) -> list[list[Array]]:
    """The values of the arguments of the entry function for each sample."""
    with saved(as_float(snapshot(module))) as path, IsolatedRunner(str(path), fallback=True) as runner:
        entry = in_file_order(runner.entries, module)[0]
    return [[port.encode(value_of(port, sample)) for port in entry.inputs] for sample in samples.get(entry.key, ())]


def _layers(module: ModuleOp, function: FuncOp, passes: Sequence[Rounding]) -> list[_Layer]:
    """The layers of a function that passes round and whose weights nothing else reads."""
    number = list(functions(module)).index(function)
    found: list[_Layer] = []
    seen: set[TflOp] = set()
    shared = _shared(module)
    for op, product, reading in readings_of(module):
        if reading is None or reading.subgraph != number or reading.shift or op in seen:
            continue
        weights = op.INFO.products[product].weights
        constant = constant_of(op.operands[weights[0]]) if len(op.INFO.products) == len(weights) == 1 else None
        if (
            constant is None
            or reading.columns > _MOST_COLUMNS
            or constant.blob in shared
            or not _is_read_once(constant)
        ):
            continue
        use = WeightUse.of(op, weights[0])
        value = next((value for value in op.operands if name_of(value) == reading.tensor), None)
        if use is not None and value is not None and any(each.rounds(use) for each in passes):
            seen.add(op)
            found.append(_Layer(use, reading, value, constant.blob.nbytes))
    return found


def _is_read_once(constant: FloatConstant) -> bool:
    return constant.value.has_one_use() and constant.source.results[0].has_one_use()


def _shared(module: ModuleOp) -> set[Blob]:
    """The elements that several constants of a module have, which its file stores once."""
    found = Counter(one.blob for op in module.walk() if (one := float_constant(op)) is not None)
    return {blob for blob, count in found.items() if count > 1}


class _Sequence:
    """A module whose layers are aimed, beside the float model that it was."""

    def __init__(
        self,
        module: ModuleOp,
        function: FuncOp,
        layers: Mapping[Operation, _Layer],
        passes: Sequence[Rounding],
        *,
        biases: bool,
    ) -> None:
        self._module, self._passes, self._layers, self._biases = module, passes, layers, biases
        self._function = function
        self._float = snapshot(module)
        self._twins, self._values = _twins(module, self._float)
        self._numbers: dict[SSAValue, int] = {}

    def run(self, samples: Sequence[Sequence[Array]], progress: Note | None) -> int:
        """Changes the weights of the layers, and returns for how many it did."""
        segments = segments_of(self._function, self._layers.keys())
        arguments = [self._number(value) for value in self._function.body.block.args]
        aimed = 0
        with contextlib.closing(
            Stepwise([dict(zip(arguments, sample, strict=True)) for sample in samples])
        ) as stepwise:
            for at, segment in enumerate(segments):
                if progress is not None:
                    progress(at, len(segments))
                if at and (layer := self._layers.get(segment.ops[0])) is not None:
                    aimed += self._aim(layer, stepwise)
                if at + 1 < len(segments):
                    self._step(segment, stepwise)
        return aimed

    def _step(self, segment: Segment, stepwise: Stepwise) -> None:
        """Runs a segment in both forms."""
        values = (segment.inputs, segment.outputs, segment.last_reads)
        numbers = ([self._number(value) for value in part] for part in values)
        stepwise.step((self._as_float(segment), self._rounded(segment)), *numbers)

    def _number(self, value: SSAValue) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def _as_float(self, segment: Segment) -> bytes:
        """A segment of the float model."""
        twin = Segment(
            tuple(self._twins[op] for op in segment.ops),
            tuple(self._values[value] for value in segment.inputs),
            tuple(self._values[value] for value in segment.outputs),
            (),
        )
        return to_bytes(as_float(module_of(twin, self._float)))

    def _rounded(self, segment: Segment) -> bytes:
        """A segment with weights that are rounded, computing in float."""
        made = module_of(segment, self._module)
        run_pipeline(made, self._passes, verify_each=False)
        return to_bytes(as_float(made))

    def _aim(self, layer: _Layer, stepwise: Stepwise) -> bool:
        """Changes the weights of a layer, if data that was held out confirms it."""
        found = stepwise.moments(self._number(layer.value), layer.reading, HELD_OUT)
        if found is None:
            return False
        use, constant = layer.use, constant_of(layer.use.op.operands[layer.use.operand])
        assert constant is not None
        axis = use.channels(len(constant.shape))
        rows = rows_of(floats(constant), axis)
        rounding = next(each for each in self._passes if each.rounds(use))
        aimed = target(rows, *found, keep_zeros=rounding.keeps_zeros(use))
        if self._biases:
            added = shift(rows, rows if aimed is None else aimed, *found)
            if added is not None:
                add_to_bias(use, added)
        if aimed is None:
            return False
        replace_constant(constant, shaped(aimed, constant.shape, axis).astype(np.float32))
        return True


def _twins(module: ModuleOp, copy: ModuleOp) -> tuple[dict[Operation, Operation], dict[SSAValue, SSAValue]]:
    """The ops and the values of a copy by those that they are copies of."""
    ops = dict(zip(module.walk(), copy.walk(), strict=True))
    values: dict[SSAValue, SSAValue] = {}
    for op, twin in ops.items():
        values |= zip(op.results, twin.results, strict=True)
    for function, twin in zip(functions(module), functions(copy), strict=True):
        values |= zip(function.body.block.args, twin.body.block.args, strict=True)
    return ops, values


def as_float(module: ModuleOp) -> ModuleOp:
    """The module, with integers made float and without what was recorded and decided for its weights."""
    clear_moments(module)
    for op in module.walk():
        set_weight_kind(op, None)
    DequantizeModelPass().run(module)
    return module
