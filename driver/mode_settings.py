"""The options that say what a model is made into: the first part of `settings.Settings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tflir.flags import OBJECTIVES, Optimize, TargetSpec, recipe_name, target_name
from tflir.ir.option_words import SPARSITY_TARGETS
from tflir.modes import NAMED_MODES
from tflir.option import (
    QUANTIZING,
    WITHOUT_PASSES,
    Group,
    ModeName,
    Option,
    each,
    member_of,
    one_of,
    option,
)


@dataclass(eq=False)
class ModeSettings:
    """The mode, or what it follows from, and the target."""

    mode: str | None = option(
        None,
        Option(
            "--mode",
            "what to make: dynamic-range (int8 weights), float16 (weights), int8 (weights and activations; needs data "
            "or ranges), int8-only (and nothing stays float), int16x8 (int16 activations, int8 weights); each stands "
            "for --optimize DEFAULT with the right --supported-ops and --supported-types",
            "MODE",
            one_of(NAMED_MODES),
            modes=WITHOUT_PASSES,
            group=Group.MAKE,
        ),
    )
    """A name for `optimizations`, `supported_ops` and `supported_types`, all of which it sets; see `modes`."""
    optimizations: Sequence[Optimize] = option(
        (),
        Option(
            "--optimize",
            "DEFAULT: quantize (OPTIMIZE_FOR_SIZE and OPTIMIZE_FOR_LATENCY: deprecated names of DEFAULT); "
            "EXPERIMENTAL_SPARSITY: leave the zeros of weights out",
            "FLAG[,FLAG…]",
            each(member_of(Optimize)),
            many=True,
            modes=WITHOUT_PASSES,
            group=Group.MAKE,
        ),
    )
    target_spec: TargetSpec = field(default_factory=TargetSpec)
    recipe: str | None = option(
        None,
        Option(
            "--recipe",
            "how weights and activations are stored: a preset of AI Edge Quantizer (dynamic_wi8_afp32, "
            "dynamic_wi4_afp32, weight_only_wi8_afp32, static_wi8_ai8, static_wi8_ai16, …), one of its JSON files, or "
            "rules in TOML",
            "NAME|FILE",
            recipe_name,
            modes=QUANTIZING - {ModeName.FLOAT16, ModeName.INTEGER_ONLY},
            turns=frozenset({ModeName.NONE, ModeName.SPARSITY}),
            excludes=("mode", "supported_ops", "supported_types", "requantize", "tf_compat"),
            group=Group.MAKE,
        ),
    )
    """The name of a preset, or the path of a file. Data that is given beside float activations serves the weights."""
    target: str | None = option(
        None,
        Option(
            "--target",
            "fit the model to what a target's kernels take: xnnpack (the default delegate of LiteRT), litert (its "
            "built-in kernels), tflm, ethos-u, or one of a plug-in",
            "TARGET",
            target_name,
            modes=WITHOUT_PASSES,
            excludes=("tf_compat",),
            group=Group.MAKE,
        ),
    )
    """The runtime whose kernels decide which form ops get; None: TensorFlow's choice."""
    optimize_for: str | None = option(
        None,
        Option(
            "--optimize-for",
            "beside --target: latency (never slower than before, by its cost model), size (no op is added), or "
            "accuracy (what rounds least)",
            "GOAL",
            one_of(OBJECTIVES),
            modes=WITHOUT_PASSES,
            needs=("target",),
            excludes=("tf_compat",),
            group=Group.MAKE,
        ),
    )
    """What counts where a target runs an op in several forms: `latency`, `size`, `accuracy`; None: what it takes."""
    sparsity_target: str = option(
        "balanced",
        Option(
            "--sparsity-target",
            "of EXPERIMENTAL_SPARSITY: size, latency, or balanced (default): never larger, never slower by the model",
            "TARGET",
            one_of(SPARSITY_TARGETS),
            modes=frozenset({ModeName.SPARSITY}),
            excludes=("tf_compat",),
            group=Group.MAKE,
        ),
    )
