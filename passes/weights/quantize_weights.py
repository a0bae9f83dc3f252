"""`tfl-quantize-weights`: stores weights as the integers that were decided for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import Float32Type, IntegerType, ModuleOp, UnitAttr
from xdsl.ir import Operation, SSAValue, Use

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.option_words import WEIGHT_ALGORITHMS
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import GatherOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.tfl.scale_axis import scale_axis
from tflir.ir.tfl.stored_forms import computes
from tflir.ir.types import tensor_type
from tflir.ir.weight_kind import HALF, WeightKind, set_weight_kind, weight_kind_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import LEFT_OUT, STORED_WEIGHTS, WEIGHT_ONLY, chosen_activations
from tflir.passes.quantization.float16_constants import store_float16, why_not_float16
from tflir.passes.quantization.pairs import (
    FloatConstant,
    computing_uses,
    constant_of,
    float_constant,
    in_integers,
    name_of_twin,
)
from tflir.passes.quantization.stored_weights import stored_of
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.rewriting.values import is_float, qconst_op
from tflir.passes.weights.blocks import ignores_activation, separate_activation
from tflir.passes.weights.reading import Float64, WeightUse, correct_bias, erase_unused, floats, rows_of, shaped, summed
from tflir.passes.weights.rounding import Rounded, blocks_hold, round_rows

_OWN = ("minmax", "gptq")
"""Algorithms after which the quantizer that runs later finds the scales of int8 weights itself."""
_OFF_GRID = "weights that are no multiples of a step"
_SPARSE_BITS = 8
"""Zeros of narrower weights can't be left out: no kernel reads such weights sparse."""


@dataclass(frozen=True)
class QuantizeWeightsPass(TflPass):
    """
    Replaces float weights by the integers that `tfl.weight_kind` of their ops asks for, and a `tfl.dequantize`: int4 in
    [-7, 7], int2 in [-1, 1], int8 in [-127, 127], with one scale, one for each channel, or one for each block. The
    passes that quantize afterwards let ops read the integers as they are. With 16 bits, weights become float16. With
    `symmetric = false`, integers of all values, as [-128, 127], have a zero point.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense<[[0.7, 0.2]]> : tensor<1x2xf32>}> : () -> tensor<1x2xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", …}} …
    ```
    becomes
    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<1x2x!quant.uniform<i4<-7:7>:f32:0, {0.1}>>, value = dense<[[7, 2]]> …
    %d = "tfl.dequantize"(%q) {tfl.stored_weights} : (tensor<1x2x!quant.uniform<…>>) -> tensor<1x2xf32>
    %y = "tfl.fully_connected"(%x, %d, %b) …
    ```
    int8 weights of the kind that the mode itself gives are left to the mode. So are those of ops with several weights,
    which keep the algorithm of their kind for `tfl-round-weights`, unless they are to lie behind a dequantize.
    """

    name = "tfl-quantize-weights"
    changes = "lossy"
    per_function = True

    algorithm: str = "minmax"
    """For ops whose kind names none: minmax (scale max|v| / 127, to nearest), mse (scale of the least squared error),
    octav (Sakr et al., arXiv:2206.06501), recover (the step of which the weights are multiples), gptq (with the second
    moments that calibration recorded)."""
    correct_bias: str = "off"
    """on or auto: as for `tfl-round-weights`."""
    every: bool = False
    """Also store the weights of ops without a kind, as int8."""
    per_channel: bool = True
    """With `every`: scales per channel where the op has a channel axis; else one scale a tensor."""
    min_elements: int = 0
    """With `every`: weights of fewer elements stay float."""
    keep_zeros: bool = False
    """int8 weights that are 0 stay 0, as passes that leave zeros out need it."""

    def __post_init__(self) -> None:
        self.check_word("algorithm", self.algorithm, WEIGHT_ALGORITHMS)
        self.check_word("correct-bias", self.correct_bias, ("off", "on", "auto"))

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for source in list(module.walk()):
            constant = float_constant(source)
            if constant is None or not constant.elements:
                continue
            for (kind, axis), uses in self._by_kind(constant).items():
                if kind.is_float16:
                    self._store_float16(constant, uses, report)
                else:
                    self._store(constant, kind, axis, uses, report)
            erase_unused(constant)
        for op in module.walk():
            _clear_kind(op, report)
        if times := report.counts[_OFF_GRID]:
            report.remarks.append(f"{times} weights are no multiples of a step, as recover expects: rounded to nearest")

    def rounds(self, use: WeightUse) -> bool:
        """Whether the pass rounds the weights of a use by what was recorded."""
        constant = constant_of(use.op.operands[use.operand])
        kinds = {} if constant is None else self._by_kind(constant)
        named = [kind for (kind, _), uses in kinds.items() if any(one.operation is use.op for one in uses)]
        return any(kind.algorithm == "gptq" for kind in named) and use.is_recorded(names.SECOND_MOMENTS)

    def keeps_zeros(self, use: WeightUse) -> bool:
        """Whether weights that are 0 must stay 0 in a use whose weights the pass rounds."""
        return self._keeps(weight_kind_of(use.op) or WeightKind())

    def _keeps(self, kind: WeightKind) -> bool:
        return self.keep_zeros and kind.bits == _SPARSE_BITS

    def _by_kind(self, constant: FloatConstant) -> dict[tuple[WeightKind, int], list[Use]]:
        """The uses of a constant as a weight, by the kind to store it in and the axis of its channels; each kind names
        its algorithm.
        """
        found: dict[tuple[WeightKind, int], list[Use]] = {}
        for use in computing_uses(constant.value):
            op = use.operation
            if not isinstance(op, TflOp) or LEFT_OUT in op.attributes or use.index not in op.INFO.weight_operands:
                continue
            noted = weight_kind_of(op)
            several = op.INFO.has_several_weights
            kind = _of_several(noted, op, constant) if several else noted or self._usual(op, use.index, constant)
            if kind is None:
                continue
            kind = HALF if kind.is_float16 else replace(kind, algorithm=kind.algorithm or self.algorithm)
            if not self._is_left(kind, op, use.index):
                axis = scale_axis(op, use.index, len(constant.shape))
                found.setdefault((kind, axis), []).append(use)
        return found

    def _usual(self, op: TflOp, index: int, constant: FloatConstant) -> WeightKind | None:
        """The kind of an op without one: int8, if the pass is to store these too."""
        if not self.every or constant.elements < self.min_elements:
            return None
        channels = self.per_channel and op.INFO.channel_axis(index) is not None
        kind = WeightKind(8, "channel" if channels else "tensor")
        return kind if computes(op.INFO.builtin, "float", 8, kind.granularity) else None

    def _is_left(self, kind: WeightKind, op: TflOp, index: int) -> bool:
        """Whether the mode itself stores weights of this kind: it does not those of float ops beside integer ones."""
        if chosen_activations(op) == "float":
            return False
        usual = "tensor" if op.INFO.channel_axis(index) is None else "channel"
        plain = kind.bits == 8 and kind.form == "hybrid" and kind.granularity == usual
        return plain and kind.algorithm in _OWN and kind.algorithm in ("minmax", self.algorithm)

    def _store_float16(self, constant: FloatConstant, uses: list[Use], report: PassReport) -> None:
        if constant.stored_bytes < constant.blob.nbytes:
            return  # the model has it as float16
        if (why := why_not_float16(constant.blob)) is not None:
            report.decline(why, uses[0].operation)
            report.remarks.append(f"weights of '{names.place(uses[0].operation)}' stay float32: {why}")
            return
        store_float16(constant, uses, report, nameless=True)
        report.count("weights to float16")

    def _store(self, constant: FloatConstant, kind: WeightKind, axis: int, uses: list[Use], report: PassReport) -> None:
        readers = [use.operation for use in uses if isinstance(use.operation, TflOp)]
        values = floats(constant)
        if not values.ndim:
            report.decline("the constant has no dimension", readers[0])
            return
        if not np.isfinite(values).all():
            report.decline("the constant holds NaN or infinity", readers[0])
            return
        rows = rows_of(values, axis)
        kind = _held(kind, rows, readers[0], report)
        products = _products(uses, axis, values.ndim)
        moments = summed(products, names.SECOND_MOMENTS, len(rows)) if products and kind.algorithm == "gptq" else None
        if kind.algorithm == "gptq" and moments is None:
            report.decline("what it reads was not recorded: rounded to nearest", readers[0])
        check = None if moments is None else summed(products, names.HELD_OUT_MOMENTS, len(rows))
        result = round_rows(rows, kind, kind.algorithm, moments, check, keep_zeros=self._keeps(kind))
        _note_missed(kind, rows, result, readers[0], report)
        element = _element(kind, axis, result)
        integers = shaped(result.integers(), values.shape, axis)
        dequantize = _insert(constant, element, integers, len(uses))
        dequantize.attributes[STORED_WEIGHTS] = UnitAttr()
        if kind.form == "dequantize":
            dequantize.attributes[WEIGHT_ONLY] = UnitAttr()
        for use in uses:
            use.operation.operands[use.index] = dequantize.results[0]
        for op in readers:
            if isinstance(op, GatherOp) and kind.bits < 8 and kind.form == "hybrid":
                _gather_integers(op, dequantize.operands[0])
            elif ignores_activation(op) and separate_activation(op):
                report.count("activations made ops of their own")
        if dequantize.results[0].first_use is None:
            erase(dequantize)
        report.count(f"weights to int{kind.bits}")
        for use in products if self.correct_bias != "off" else ():
            if use.is_recorded(names.INPUT_MEAN):
                correct_bias(use, rows - result.values, report, checked=self.correct_bias == "auto")


def _held(kind: WeightKind, rows: Float64, op: TflOp, report: PassReport) -> WeightKind:
    """The kind, with a scale for each channel in place of blocks whose scales the file can't hold."""
    if not kind.block or blocks_hold(rows, kind):
        return kind
    why = "those of blocks are float16, which can't hold them"
    report.remarks.append(f"weights of '{names.place(op)}' have a scale per channel: {why}")
    return replace(kind, granularity="channel", block=0)


def _note_missed(kind: WeightKind, rows: Float64, result: Rounded, op: TflOp, report: PassReport) -> None:
    """Says where an algorithm did not give what it is for."""
    if result.nearest:
        report.decline("rounding to nearest errs less on data that was held out", op)
    if kind.algorithm == "recover" and not result.is_exact(rows):
        report.count(_OFF_GRID)
        report.decline("the weights are no multiples of a step: rounded to nearest", op)


def _of_several(kind: WeightKind | None, op: TflOp, constant: FloatConstant) -> WeightKind | None:
    """The kind to store one of several weights of an op in; None if the mode stores it.

    A mode that calibrates leaves those of float ops, whose kernel reads int8 weights with one scale each, all of them
    or none. Behind a dequantize, a vector has one scale: else there would be one for each element.
    """
    if kind is None:
        return None
    if kind.form == "dequantize":
        return kind if len(constant.shape) > 1 else replace(kind, granularity="tensor")
    by_mode = chosen_activations(op) != "float" or not all(map(_may_be_stored, _weights_of(op)))
    return None if by_mode else replace(kind, granularity="tensor")


def _weights_of(op: TflOp) -> list[SSAValue]:
    """The weights that an op has: some are optional."""
    present = [op.operands[index] for index in op.INFO.weight_operands if index < len(op.operands)]
    return [value for value in present if is_float(value)]


def _may_be_stored(value: SSAValue) -> bool:
    """Whether weights are constant and finite, or stored as integers already."""
    constant = constant_of(value)
    return stored_of(value) is not None or (constant is not None and bool(np.isfinite(floats(constant)).all()))


def _clear_kind(op: Operation, report: PassReport) -> None:
    """Removes the kind of an op. If the op has several weights, which the mode stores, its algorithm is kept for
    `tfl-round-weights`. An op with several weights behind a dequantize, or with float16 ones, is left by the mode.
    """
    kind = weight_kind_of(op)
    several = isinstance(op, TflOp) and LEFT_OUT not in op.attributes and op.INFO.has_several_weights
    if kind is not None and (kind.is_float16 or (several and kind.form == "dequantize")):
        op.attributes[LEFT_OUT] = UnitAttr()
        several = False
    if kind is None or not several or not kind.algorithm:
        set_weight_kind(op, None)
        return
    if kind.algorithm not in _OWN:
        report.decline(f"it has several weights, which are rounded to nearest, not by {kind.algorithm}", op)
    set_weight_kind(op, WeightKind(algorithm="gptq" if kind.algorithm == "gptq" else "minmax"))


def _products(uses: list[Use], axis: int, rank: int) -> list[WeightUse]:
    """The uses as factors of products with channels along `axis`; none if one of them is another kind of use."""
    found = [WeightUse.of(use.operation, use.index) for use in uses]
    known = [use for use in found if use is not None and use.channels(rank) == axis]
    return known if len(known) == len(found) else []


def _element(kind: WeightKind, axis: int, result: Rounded) -> UniformQuantizedType:
    axes: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    if kind.block:
        axes, blocks = (0, 1), (1, kind.block)
    elif kind.granularity == "channel":
        axes = (axis,)
    points = 0 if result.points is None else result.points.astype(np.int64)
    layout = Layout(result.scales, points, axes, blocks)
    return UniformQuantizedType.get(IntegerType(kind.bits), Float32Type(), layout, narrow=kind.symmetric)


def _insert(
    constant: FloatConstant, element: UniformQuantizedType, integers: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
    count: int,
) -> DequantizeOp:  # fmt: skip
    """Inserts the integers and their dequantize after the float constant, which `count` ops will read no more."""
    every = sum(1 for _ in constant.value.uses)
    name = name_of_twin(constant, f"int{element.storage.width.data}", replaces=count == every)
    qtype = tensor_type(constant.shape, element)
    stored = qconst_op(qtype, elements(integers, element.storage))
    dequantize = DequantizeOp.create(operands=stored.results, result_types=[constant.value.type])
    stored.location = names.named(name)  # the dequantize has none: in the file it would be as long again
    made = constant.value.owner
    assert isinstance(made, Operation)
    insert_after(made, stored, dequantize)
    return dequantize


def _gather_integers(op: GatherOp, table: SSAValue) -> None:
    """Lets a gather select rows of integers, which a dequantize makes float then, instead of the whole table."""
    made, dequantize = in_integers(op, 0, table, "integers")
    insert_after(op, made, dequantize)
    op.results[0].replace_all_uses_with(dequantize.results[0])
    erase(op)
