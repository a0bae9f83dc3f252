"""The passes by name; each is imported when it is first needed. A new pass is one file and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

_PASSES: dict[str, str] = {
    "tfl-canonicalize": "canonicalize.canonicalize:CanonicalizePass",
    "tfl-fold-weights": "canonicalize.fold_weights:FoldWeightsPass",
    "tfl-strip": "canonicalize.strip:StripPass",
    "tfl-set-batch": "canonicalize.set_batch:SetBatchPass",
    "tfl-fully-connected-to-conv-2d": "sparsity.fully_connected_to_conv:FullyConnectedToConv2DPass",
    "tfl-dequantize-hybrid-convolutions": "sparsity.dequantize_hybrid:DequantizeHybridConvolutionsPass",
    "tfl-densify-fold": "sparsity.densify_fold:DensifyFoldPass",
    "tfl-dense-to-sparse": "sparsity.dense_to_sparse:DenseToSparsePass",
    "tfl-prune": "sparsity.prune:PrunePass",
    "tfl-remove-dead-channels": "channels.remove_dead_channels:RemoveDeadChannelsPass",
    "tfl-assign-weight-kinds": "recipes.assign:AssignWeightKindsPass",
    "tfl-prepare-quantize-dynamic-range": "quantization.prepare_dynamic_range:PrepareQuantizeDynamicRangePass",
    "tfl-prepare-quantize-float16": "quantization.prepare_float16:PrepareQuantizeFloat16Pass",
    "tfl-preserve-quantized": "quantization.preserve_quantized:PreserveQuantizedPass",
    "tfl-signed-pairs": "quantization.signed_pairs:SignedPairsPass",
    "tfl-select-ops": "quantization.select_ops:SelectOpsPass",
    "tfl-float-regions": "quantization.float_regions:FloatRegionsPass",
    "tfl-allow-float": "quantization.allow_float:AllowFloatPass",
    "tfl-lower-fake-quant": "quantization.lower_fake_quant:LowerFakeQuantPass",
    "tfl-equalize-channels": "equalize.equalize_channels:EqualizeChannelsPass",
    "tfl-conv-1x1-to-fully-connected": "weights.conv_1x1_to_fully_connected:Conv1x1ToFullyConnectedPass",
    "tfl-quantize-weights": "weights.quantize_weights:QuantizeWeightsPass",
    "tfl-round-weights": "weights.round_weights:RoundWeightsPass",
    "tfl-choose-activations": "quantization.choose_activations:ChooseActivationsPass",
    "tfl-convert-int16-as-tensorflow": "quantization.tensorflow_conversions:ConvertAsTensorFlowPass",
    "tfl-prepare-quantize": "quantization.prepare_quantize:PrepareQuantizePass",
    "tfl-optimize": "optimize.optimize:OptimizePass",
    "tfl-mend-xnnpack": "mend.mend_xnnpack:MendXnnpackPass",
    "tfl-quantize": "quantization.quantize:QuantizePass",
    "tfl-optimize-op-order": "quantization.optimize_op_order:OptimizeOpOrderPass",
    "tfl-post-quantize": "quantization.post_quantize:PostQuantizePass",
    "tfl-dequantize-model": "requantize.dequantize_model:DequantizeModelPass",
    "tfl-integer-forms": "integer_forms.integer_forms:IntegerFormsPass",
    "tfl-integer-tables": "integer_forms.integer_tables:IntegerTablesPass",
    "tfl-insert-range-outputs": "calibration.insert_range_outputs:InsertRangeOutputsPass",
    "tfl-require-integer": "quantization.require_integer:RequireIntegerPass",
    "tfl-expand-dequantize": "quantization.expand_dequantize:ExpandDequantizePass",
    "tfl-modify-io-nodes": "quantization.modify_io_nodes:ModifyIONodesPass",
    "tfl-clear-marks": "quantization.clear_marks:ClearMarksPass",
    "tfl-apply-rules": "apply_rules:ApplyRulesPass",
    "tfl-check-kernels": "analysis.check_kernels:CheckKernelsPass",
    "tfl-print-op-stats": "analysis.print_op_stats:PrintOpStatsPass",
    "tfl-print-memory": "analysis.print_memory:PrintMemoryPass",
    "tfl-post-quantize-remove-qdq": "quantization.post_quantize:RemoveQDQPass",
    "tfl-choose-kinds": "targets.choose_kinds:ChooseKindsPass",
    "tfl-float-islands": "targets.float_islands:FloatIslandsPass",
    "tfl-legalize": "targets.legalize:LegalizePass",
    "tfl-apply-pdl": "rewriting.pdl:ApplyPdlPass",
}


def pass_names() -> Iterator[str]:
    """The names of all passes, in the order of the table."""
    return iter(_PASSES)


def load_pass(name: str) -> type[ModulePass]:
    """The class of pass `name`. Raises `KeyError` if there is none."""
    module, _, class_name = _PASSES[name].partition(":")
    return getattr(importlib.import_module(f"tflir.passes.{module}"), class_name)


def factories() -> dict[str, Callable[[], type[ModulePass]]]:
    """A factory for each pass, in the form that xDSL's pipelines and universes expect."""
    return {name: (lambda name=name: load_pass(name)) for name in _PASSES}
