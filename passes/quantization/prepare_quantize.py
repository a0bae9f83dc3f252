"""`tfl-prepare-quantize`: chooses scales and zero points from recorded ranges, and inserts pairs that hold them."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.statistics import clear_ranges, ranges_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.calibration.logged import logged
from tflir.passes.quantization.facts import INT8, INT16, UNCALIBRATED, is_preserved, kind_of
from tflir.passes.quantization.int16_layers import check_bias_bits
from tflir.passes.quantization.materialise import materialise
from tflir.passes.quantization.prepare_int8 import Chosen, int8_states
from tflir.passes.quantization.prepare_int16 import int16_states
from tflir.passes.quantization.propagation import State
from tflir.passes.quantization.sound_ranges import INT16_LEVELS, visible_ranges

_MOST_HEADROOM = 8
"""With more bits, fewer integers than those of int8 remain for what was recorded."""


@dataclass(frozen=True)
class PrepareQuantizePass(TflPass):
    """
    Inserts a quantize/dequantize pair on each value whose parameters follow from recorded ranges: int16 ones for ops
    that `tfl-choose-activations` marked, int8 ones for the others.

    The ops between the pairs still compute in float; `tfl-quantize` makes them integer ops.

    ```mlir
    %y = "tfl.fully_connected"(%x, %w, %b) …        // ranges recorded on %x and %y
    ```
    becomes
    ```mlir
    %xq = "tfl.quantize"(%x) <{qtype = tensor<…x!quant.uniform<i8:f32, …>>}> {volatile} …
    %xd = "tfl.dequantize"(%xq) {volatile} …
    …                                               // the same for %w (per channel) and %b (int32)
    %y = "tfl.fully_connected"(%xd, %wd, %bd) …
    %yq = "tfl.quantize"(%y) …
    %yd = "tfl.dequantize"(%yq) …
    ```
    The recorded ranges are removed.
    """

    name = "tfl-prepare-quantize"
    changes = "lossy"
    per_function = True

    per_channel: bool = True
    """Scales per channel where the op has a channel axis; else one scale a tensor."""
    everywhere: bool = False
    """Also quantize the results of float ops that same-scale ops read; else those ops stay float, as in TensorFlow."""
    sparse_tables: bool = False
    """Give lookup tables that are mostly zero a zero point of 0, so that a sparse encoding can omit their zeros."""
    int8: bool = True
    """Choose int8 parameters, too; else ops that are not marked int16 stay float."""
    bias_bits: int = 64
    """Bit width of the biases of int16 ops, and of the accumulators that they are added to: 64 or 32."""
    headroom: int = 0
    """Bits of int16 activations for values beyond the recorded range, which is of some data: 1 doubles it."""
    tf_compat: bool = False
    """Make TensorFlow's choices even where they lose accuracy."""

    def __post_init__(self) -> None:
        check_bias_bits(self.bias_bits)
        if not 0 <= self.headroom <= _MOST_HEADROOM:
            raise Error(f"headroom={self.headroom}: a number of bits from 0 to {_MOST_HEADROOM}", status=USAGE)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            self._function(function, report)

    def _function(self, function: FuncOp, report: PassReport) -> None:
        recorded = bool(ranges_of(function))
        narrow = self._int8(function, report) if self.int8 else Chosen()
        wide = self._int16(function, report)
        clear_ranges(function)
        if not wide and not (narrow.given if self.int8 else recorded) and not _stays_as_it_is(function):
            function.attributes[UNCALIBRATED] = UnitAttr()
            report.decline(f"no range is recorded in function @{function.sym_name.data}")
        for value in narrow.states | wide:
            pairs = materialise(
                value,
                {kind: found[value] for kind, found in ((INT8, narrow.states), (INT16, wide)) if value in found},
                constant=value in narrow.constants,
                first_use_first=self.tf_compat and value not in narrow.given,
                tf_compat=self.tf_compat,
            )
            report.count("pairs inserted", pairs)

    def _int8(self, function: FuncOp, report: PassReport) -> Chosen:
        """The states of the values that int8 ops read or make."""
        return int8_states(
            function,
            report,
            per_channel=self.per_channel,
            everywhere=self.everywhere,
            sparse_tables=self.sparse_tables,
            tf_compat=self.tf_compat,
        )

    def _int16(self, function: FuncOp, report: PassReport) -> dict[SSAValue, State]:
        """The states of the values that int16 ops read or make."""
        if not any(kind_of(op) == INT16 for op in function.body.block.ops):
            return {}
        recorded = {value: bounds for value, bounds in ranges_of(function).items() if not is_constant(value)}
        ranges, clamped = visible_ranges(function, recorded, report, levels=INT16_LEVELS)
        return int16_states(
            function,
            ranges,
            clamped,
            report,
            per_channel=self.per_channel,
            bias_bits=self.bias_bits,
            headroom=self.headroom,
        )


def _stays_as_it_is(function: FuncOp) -> bool:
    """Whether parts that the model quantized itself leave no value of which data could tell a range."""
    return any(map(is_preserved, function.body.block.ops)) and not logged(function)
