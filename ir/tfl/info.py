"""Facts about an operator beyond its operands, which verifier, passes, backends and reports read."""

from __future__ import annotations

from dataclasses import dataclass

from tflir.ir.tfl.products import Product


@dataclass(frozen=True, slots=True)
class OpInfo:
    """Facts about one operator, from the traits of MLIR's TFL dialect and from the runtime's kernels.

    Operands are numbered from 0 in the order of the file.
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
    symmetric: tuple[int, ...] = ()
    """Operands that the int8 kernel of the default delegate reads only with zero point 0; the built-in one with any."""
    no_int8: str = ""
    """Why its int8 form can't run or is wrong, although MLIR quantizes it (QuantizableResult)."""
    int8_activation: str = ""
    """The one fused activation that its integer kernel computes, whatever its options say."""
    poles: tuple[int, ...] = ()
    """Operands in which 0 is an error or gives infinity, such as a divisor: quantization must not round to 0."""
    steep: tuple[int, ...] = ()
    """Operands in which the result changes fast near 0, so that integer kernels answer there, but coarsely."""
    period: float = 0.0
    """Adding this to the elements of operand 0 leaves the result as it is; 0 for a function without a period."""
    fixed_output: tuple[float, int] | None = None
    """(scale, zero point) of an int8 result whose range is fixed."""
    int16: bool = False
    """The kernel accepts int16 activations of any scale with zero point 0, and computes what the float kernel does."""
    weight: tuple[int, int] | None = None
    """(operand, axis) of the weight and its quantization axis; axis -1: never per axis."""
    bias: tuple[int, tuple[int, ...]] | None = None
    """(operand, operands whose scales multiply to the bias's scale)."""
    absent_bias_unlisted: bool = False
    """Its kernel runs without a bias only if the operator does not list one; a bias that is marked absent is an
    error."""
    dynamic_range: tuple[int, ...] = ()
    """Operands that dynamic-range quantization may make int8."""
    hybrid: bool = False
    """A kernel accepts those operands as int8 with float activations."""
    hybrid_bits: tuple[int, ...] = (8,)
    """Bit widths of the signed weights, with zero point 0, that the hybrid kernel accepts."""
    asymmetric_inputs: bool = False
    """The hybrid kernel requires `asymmetric_quantize_inputs`."""
    all_or_nothing: bool = False
    """The hybrid kernel reads all those operands as int8 if the first of them is, and so misreads a float one."""
    dynamic_range_axis: int | None = None
    """Channel axis of the dynamic-range operand, if that is not `weight`."""
    products: tuple[Product, ...] = ()
    """The products of weights and activations that it computes."""
    stateful: tuple[int, ...] = ()
    """Operands that the op updates (variable tensors)."""
    result_state: int | None = None
    """The updated operand that holds what the op answered last: its integer kernel knows one scale for both."""
    sparse: tuple[int, ...] = ()
    """Operands that may be sparse: read directly, or through a DENSIFY."""
    densify: tuple[str, ...] = ()
    """Kernels (`float`, `hybrid`, `int8`, `int16`) that read those operands correctly through a DENSIFY, with and
    without the default delegate."""
    densify_alone: tuple[str, ...] = ()
    """Kernels that do so only without the default delegate, which otherwise fails to load the model."""
    float_blocks: tuple[tuple[int, ...], ...] = ()
    """Block shapes of sparse weights that the float kernel reads directly."""
    quantized_blocks: tuple[tuple[int, ...], ...] = ()
    """Block shapes of sparse weights that the quantized kernel reads directly."""
    custom_code: str = ""
    """The code of a vendor's operator, whose builtin is `CUSTOM`: see `ir/tfl/custom.py`."""

    @property
    def kind(self) -> str:
        """The name of the operator: its builtin's name, or its custom code."""
        return self.custom_code or self.builtin

    @property
    def weight_operands(self) -> tuple[int, ...]:
        """The positions of operands that may be stored as integers beside float activations, or as weights."""
        weight = () if self.weight is None else (self.weight[0],)
        return tuple(sorted({*self.dynamic_range, *weight}))

    @property
    def has_several_weights(self) -> bool:
        """Whether the op has a weight for each of several products, as recurrent layers have."""
        return len(self.weight_operands) > 1

    def product_of(self, operand: int) -> tuple[int, Product] | None:
        """The product whose weights operand `operand` holds, after its number in `products`; None if there is none."""
        return next(((n, each) for n, each in enumerate(self.products) if operand in each.weights), None)

    def channel_axis(self, operand: int) -> int | None:
        """The axis along which operand `operand` may have a scale for each channel; None if it has one scale."""
        if self.weight is not None and self.weight[0] == operand:
            return None if self.weight[1] < 0 else self.weight[1]
        return self.dynamic_range_axis
