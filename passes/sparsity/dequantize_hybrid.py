"""`tfl-dequantize-hybrid-convolutions`: replaces hybrid convolutions, which can't read sparse weights, by float ones.

It is one sweep over weights and not a set of rewrite rules, because the best choice for a weight depends on all ops
that read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import Float32Type, ModuleOp

from tflir.ir import names
from tflir.ir.targets import sparse_latency
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.sparsity.byte_bounds import op_bytes
from tflir.passes.sparsity.candidates import candidates
from tflir.passes.sparsity.choice import Option, Preference, choose
from tflir.passes.sparsity.readers import Reader, delegated
from tflir.passes.sparsity.storage_options import densified_ways, option
from tflir.passes.sparsity.targeted import TargetedPass
from tflir.passes.sparsity.weight import Weight, weights_of

_HOW = "float from DENSIFY and DEQUANTIZE, XNNPACK"


@dataclass(frozen=True)
class DequantizeHybridConvolutionsPass(TargetedPass):
    """
    Makes convolutions with int8 weights and float activations (hybrid ones) read their weights through a
    `tfl.dequantize`, if it pays to store these weights sparse. The delegate fails to load a hybrid convolution that
    reads its weights from a DENSIFY, while it folds a DENSIFY and a DEQUANTIZE into a float convolution.

    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<64x1x1x64x!quant.uniform<…>>, value = dense_resource<w> …}> …
    %y = "tfl.conv_2d"(%x, %q, %b) …
    ```
    becomes
    ```mlir
    %q = "tfl.pseudo_qconst"() <{qtype = tensor<64x1x1x64x!quant.uniform<…>>, value = dense_resource<w> …}> …
    %w = "tfl.dequantize"(%q) : (tensor<64x1x1x64x!quant.uniform<…>>) -> tensor<64x1x1x64xf32>
    %y = "tfl.conv_2d"(%x, %w, %b) …
    ```
    """

    name = "tfl-dequantize-hybrid-convolutions"
    changes = "lossy"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for weight, _ in weights_of(module, report):
            if isinstance(weight, str) or not all(map(_is_hybrid_convolution, weight.readers)):
                continue
            choice = choose(weight, self.preference, densified_ways, _ways)
            choice.note(report)
            if choice.why_dense:
                report.decline(choice.why_dense, weight.constants[0])
                continue
            for constant in weight.constants:
                widen(constant)
                report.count("weights of convolutions dequantized")


def _is_hybrid_convolution(reader: Reader) -> bool:
    return reader.kernel == "hybrid" and not reader.densifies and delegated(reader.op)


def _ways(weight: Weight, preference: Preference) -> Iterator[Option]:
    """Options in which a DENSIFY and a DEQUANTIZE make the weight dense and float when the model is loaded."""
    times = tuple(
        max(sparse_latency.widened(cpu, weight.shape, r.rows) for r in weight.readers) for cpu in preference.cpus
    )
    extra = op_bytes(weight.name, 2 * len(weight.constants)) + op_bytes("", 0)
    words = "; ".join(dict.fromkeys(f"{reader.name} {_HOW}" for reader in weight.readers))
    for candidate in candidates(weight.occupied, weight.dtype.itemsize):
        yield option(weight, candidate, words, times, extra)


def widen(constant: ConstOp | QConstOp) -> None:
    """Makes all users of a constant read it through a `tfl.dequantize`."""
    value_type, uses = constant.output.type, list(constant.output.uses)
    wide = DequantizeOp.create(
        operands=[constant.output], result_types=[tensor_type(shape_of(value_type) or (), Float32Type())]
    )
    wide.location = names.named(names.suffixed(constant.output, "dequantize"))
    for use in uses:
        use.operation.operands[use.index] = wide.output
        use.operation.attributes.pop(names.VERSION, None)
    insert_after(constant, wide)
