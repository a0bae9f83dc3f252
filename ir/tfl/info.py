"""What is true of a builtin operator beyond its operands: stated once, read by everything else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpInfo:
    """Facts of one builtin operator, as the TFL dialect's traits and the runtime's kernels have them.

    Operand numbers count from 0 in the order of the file.
    """

    builtin: str
    """Name in the schema's `BuiltinOperator`, e.g. `CONV_2D`."""
    options: str | None = None
    """Schema table of its options, e.g. `Conv2DOptions`."""
    versions: tuple[int, int] = (1, 1)
    """Versions that the runtime's default resolver has kernels for; (0, 0): none."""
    pure: bool = False
    commutative: bool = False
    quantizable: bool = False
    """Its results can be quantized (MLIR's QuantizableResult)."""
    same_scale: bool = False
    """Quantized operands and results share one scale (MLIR's SameOperandsAndResultsScale)."""
    moves_elements: bool = False
    """Its integer kernel copies elements as they are, so that float operands and results must share one scale,
    though MLIR's traits don't say so."""
    fills_zero: bool = False
    """Its integer kernel fills the result with integer 0, whatever the zero point: only a zero point of 0 is right."""
    no_int8: str = ""
    """Why its int8 form can't run or is wrong, though MLIR makes it (QuantizableResult)."""
    int8_activation: str = ""
    """The one fused activation that its integer kernel computes, whatever its options say."""
    poles: tuple[int, ...] = ()
    """Operands in which 0 is an error or gives infinity: rounding must not make one."""
    fixed_output: tuple[float, int] | None = None
    """(scale, zero point) of an int8 result whose range is fixed."""
    int16: bool = False
    """The kernel takes int16 activations of any scale and zero point 0, and then answers as the float one does."""
    weight: tuple[int, int] | None = None
    """(operand, axis) of the weight and its quantization axis; axis -1: never per axis."""
    bias: tuple[int, tuple[int, ...]] | None = None
    """(operand, operands whose scales multiply to the bias's scale)."""
    absent_bias_unlisted: bool = False
    """Its kernel runs without a bias only where the operator does not list one; one listed as absent is an error."""
    dynamic_range: tuple[int, ...] = ()
    """Operands that dynamic-range quantization may make int8."""
    hybrid: bool = False
    """A kernel takes those operands as int8 beside float activations."""
    hybrid_bits: tuple[int, ...] = (8,)
    """Widths of the signed integers, without a zero point, that the hybrid kernel takes."""
    asymmetric_inputs: bool = False
    """The hybrid kernel wants `asymmetric_quantize_inputs`."""
    dynamic_range_axis: int | None = None
    """Channel axis of the dynamic-range operand where it is no `weight`."""
    stateful: tuple[int, ...] = ()
    """Operands that the op updates (variable tensors)."""
    sparse: tuple[int, ...] = ()
    """Operands that may be sparse: read as such, or from a DENSIFY."""
    densify: tuple[str, ...] = ()
    """Kernels (`float`, `hybrid`, `int8`, `int16`) that read those operands rightly from a DENSIFY, with the default
    delegate and without."""
    densify_alone: tuple[str, ...] = ()
    """Kernels that do so only where the delegate leaves the op to the runtime: it fails to load the model."""
    float_blocks: tuple[tuple[int, ...], ...] = ()
    """Block shapes that the float kernel takes directly."""
    quantized_blocks: tuple[tuple[int, ...], ...] = ()
    """Block shapes that the quantized kernel takes directly."""
    custom_code: str = ""
    """The code of a vendor's operator, whose builtin is `CUSTOM`: see `ir/tfl/custom.py`."""

    @property
    def kind(self) -> str:
        """What the operator is called: its builtin's name, or its code."""
        return self.custom_code or self.builtin

    def channel_axis(self, operand: int) -> int | None:
        """The axis along which operand `operand` may have a scale for each channel; None: one scale."""
        if self.weight is not None and self.weight[0] == operand:
            return None if self.weight[1] < 0 else self.weight[1]
        return self.dynamic_range_axis
