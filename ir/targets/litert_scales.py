"""Scales that LiteRT's integer kernels do not take: they overflow, refuse to load, or end the process.

Each kernel brings its operands' steps to those of its result with a fixed-point factor. The kernels were run on factors
of 2^-36 to 2^40; a row says from which factor on a kernel fails, and how. Quantization keeps scales well within them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tflir.ir.targets.site import Site
from tflir.ir.targets.target import fails
from tflir.ir.tfl.activations import LIMITS

Factor = Callable[[Site], float]
_8 = "qi8/qu8 *"
_16 = "qi16 *"
_BOUNDS = {name: high for name, (_, high) in LIMITS.items() if math.isfinite(high)}
"""The largest number after an activation that has one."""


def _scales(site: Site, count: int) -> list[float]:
    return [site.scale(n) or 0.0 for n in range(min(count, len(site.inputs)))]


def _over_result(number: float, site: Site) -> float:
    made = site.result_scale()
    return number / made if made else 0.0


def _operand(site: Site) -> float:
    """The coarsest operand's step, in steps of the result."""
    return _over_result(max(_scales(site, 2), default=0.0), site)


def _first_operand(site: Site) -> float:
    return _over_result(site.scale(0) or 0.0, site)


def _square(site: Site) -> float:
    return _over_result(max(_scales(site, 2), default=0.0) ** 2, site)


def _product(site: Site) -> float:
    scales = _scales(site, 2)
    return _over_result(math.prod(scales) if len(scales) == 2 else 0.0, site)


def _bound(site: Site) -> float:
    """What the fused activation limits to, in steps of the result."""
    return _over_result(_BOUNDS.get(str(site.option("activation")), 0.0), site)


def _compared(site: Site) -> float:
    return max(_scales(site, 2), default=0.0)


def from_power(power: int, factor: Factor) -> Callable[[Site], bool]:
    """Whether a factor is 2^power or more."""
    return lambda site: factor(site) >= 2.0**power


_SUM = "an operand's step is too coarse beside the result's"
_PRODUCT = "a product's step is too coarse beside the result's"
_COARSE = "the operand's step is too coarse beside the result's"

SCALE_DEFECTS = (
    fails("crashes", "ADD", _8, from_power(19, _operand), reason=_SUM),
    fails("wrong", "SUB", _8, from_power(20, _operand), reason=_SUM),
    fails("crashes", "SUB", _8, from_power(19, _operand), reason=_SUM),
    fails("crashes", "ADD SUB", _16, from_power(14, _operand), reason=_SUM),
    fails("crashes", "SQUARED_DIFFERENCE", _8, from_power(12, _square), reason=_PRODUCT),
    fails("wrong", "MUL", _8, from_power(17, _product), reason=_PRODUCT),
    fails("wrong", "MUL", _16, from_power(4, _product), reason=_PRODUCT),
    fails("wrong", "RELU ABS LEAKY_RELU QUANTIZE", _8, from_power(23, _first_operand), reason=_COARSE),
    fails("wrong", "RELU ABS LEAKY_RELU QUANTIZE", _16, from_power(15, _first_operand), reason=_COARSE),
    fails("unloadable", "HARD_SWISH", _8, from_power(7, _first_operand), reason=_COARSE),
    fails("unloadable", "ADD SUB MUL DIV CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED AVERAGE_POOL_2D MAX_POOL_2D",
          "qi8/qu8/qi16 *", from_power(31, _bound), reason="the fused activation's bound has too many steps"),
    fails("crashes", "EQUAL NOT_EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL", "qi8/qu8/qi16 *",
          from_power(0, _compared), reason="compares steps of 1 and more"),
)  # fmt: skip
