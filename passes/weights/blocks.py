"""FULLY_CONNECTED with scales for blocks of its weights: LiteRT 2.3's built-in kernel ignores a fused activation.

XNNPACK applies it. So the activation is an op of its own there, which XNNPACK fuses again.
"""

from __future__ import annotations

from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.targets.kinds import kind_of
from tflir.ir.tfl.activations import FUSED
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.linear import FullyConnectedOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.passes.rewriting.edit import insert_after

_IN_BLOCKS = "qb"
_OPS = {fused: op for op, fused in FUSED.items()}


def ignores_activation(op: Operation) -> bool:
    """Whether the built-in kernel of an op ignores its fused activation."""
    if not isinstance(op, FullyConnectedOp):
        return False
    weights = op.operands[1]
    stored = weights.owner.operands[0] if isinstance(weights.owner, DequantizeOp) else weights
    return kind_of(stored).startswith(_IN_BLOCKS)


def separate_activation(op: TflOp) -> bool:
    """Makes the fused activation of an op an op of its own, whose result has the name; False if there is none."""
    made_as = _OPS.get(str(op.option("activation")))
    if made_as is None:
        return False
    result = op.results[0]
    made = made_as.create(operands=[result], result_types=[result.type])
    if (extras := op.attributes.pop(names.TENSOR, None)) is not None:
        made.attributes[names.TENSOR] = extras
    made.location, op.location = op.location, names.named(names.suffixed(result, "linear"))
    op.set_option("activation", "NONE")
    insert_after(op, made)
    result.replace_uses_with_if(made.results[0], lambda use: use.operation is not made)
    return True
