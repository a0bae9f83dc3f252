"""The options that users set, on the command line or on a `Converter`: one declaration each.

Their names and meaning are those of `tf.lite.TFLiteConverter` where it has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tflir.extending import additions, names_default
from tflir.flags import CALIBRATION_METHODS, REQUANTIZED
from tflir.ir.option_words import IO_TYPES, WEIGHT_ALGORITHMS
from tflir.mode_settings import ModeSettings
from tflir.option import (
    CHANGING,
    QUANTIZING,
    WITH_RANGES,
    WITHOUT_PASSES,
    Group,
    ModeName,
    Option,
    count,
    deviations,
    each,
    number,
    numbers,
    one_of,
    option,
    path,
    path_or_object,
    percent,
    scale,
    text,
)

_USERS_OF_DATA = ("verify", "report", "weight_algorithm", "bias_correction", "equalize")
_NO_RANGES = frozenset({ModeName.FLOAT16, ModeName.SPARSITY})


@dataclass(eq=False)
class Settings(ModeSettings):
    """The options that users set, on the command line or on a `Converter`."""

    representative_dataset: Any = option(
        None,
        Option(
            "--representative-dataset",
            ".npz or .npy with samples on the first axis, a folder of such files or of images with one each, "
            "or module:function or file.py:function",
            "DATA",
            path_or_object,
            modes=WITH_RANGES,
            warned=_NO_RANGES,
            turns=frozenset({ModeName.DYNAMIC_RANGE}),
            used_by=_USERS_OF_DATA,
            excludes=("stats",),
            commands=("compile", "calibrate", "search"),
            required=("calibrate", "search"),
            group=Group.DATA,
        ),
    )
    """A function that yields samples, as for `tf.lite.TFLiteConverter`; or a path, or samples."""
    calibration_samples: int | None = option(
        None,
        Option(
            "--calibration-samples", "at most N samples", "N", count, needs=("representative_dataset",),
            modes=WITH_RANGES, warned=_NO_RANGES, used_by=_USERS_OF_DATA,
            commands=("compile", "calibrate", "search"), group=Group.DATA,
        ),
    )  # fmt: skip
    """At most this many samples; None: all."""
    input_scale: float | None = option(
        None,
        Option(
            "--input-scale", "a value of the data stands for value * SCALE + OFFSET (default: 1)", "SCALE", scale,
            needs=("representative_dataset", "test_data"), modes=WITH_RANGES, warned=_NO_RANGES,
            used_by=(*_USERS_OF_DATA, "test_data"), commands=("compile", "calibrate", "search", "compare"),
            group=Group.DATA,
        ),
    )  # fmt: skip
    """What the data's values are multiplied by, for inputs of real numbers: images are from 0 to 255."""
    input_offset: float | None = option(
        None,
        Option(
            "--input-offset", "a value of the data stands for value * SCALE + OFFSET (default: 0)", "OFFSET", number,
            needs=("representative_dataset", "test_data"), modes=WITH_RANGES, warned=_NO_RANGES,
            used_by=(*_USERS_OF_DATA, "test_data"), commands=("compile", "calibrate", "search", "compare"),
            group=Group.DATA,
        ),
    )  # fmt: skip
    """What is added to them after that."""
    input_mean: Sequence[float] | None = option(
        None,
        Option(
            "--input-mean", "a value of the data stands for (value - MEAN) / STD; one number, or one for each channel",
            "MEAN[,MEAN…]", numbers, needs=("representative_dataset", "test_data"), modes=WITH_RANGES,
            warned=_NO_RANGES, used_by=(*_USERS_OF_DATA, "test_data"), excludes=("input_scale", "input_offset"),
            commands=("compile", "calibrate", "search", "compare"), group=Group.DATA,
        ),
    )  # fmt: skip
    """What is taken from the data's values before they are divided, one number or one for each channel."""
    input_std: Sequence[float] | None = option(
        None,
        Option(
            "--input-std", "see --input-mean (default: 1)", "STD[,STD…]", deviations,
            needs=("representative_dataset", "test_data"), modes=WITH_RANGES, warned=_NO_RANGES,
            used_by=(*_USERS_OF_DATA, "test_data"), excludes=("input_scale", "input_offset"),
            commands=("compile", "calibrate", "search", "compare"), group=Group.DATA,
        ),
    )  # fmt: skip
    """What they are divided by then."""
    stats: Sequence[Any] = option(
        (),
        Option(
            "--stats", "ranges that calibrate wrote", "FILE[,FILE…]", each(path), many=True, modes=WITH_RANGES,
            used_by=("equalize",), turns=frozenset({ModeName.DYNAMIC_RANGE}), group=Group.DATA,
        ),
    )  # fmt: skip
    """Files that `tflir calibrate` wrote, merged."""
    moments: Sequence[Any] = option(
        (),
        Option(
            "--moments",
            "what calibrate --moments-out wrote: gptq and bias correction take it in place of the data",
            "FILE[,FILE…]",
            each(path),
            many=True,
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("weight_algorithm", "bias_correction", "recipe"),
            excludes=("representative_dataset",),
            group=Group.WEIGHTS,
        ),
    )
    """Files of second moments that `tflir calibrate` wrote, added."""
    calibration_method: str = option(
        "minmax",
        Option(
            "--calibration-method",
            "the range of an activation: minmax (default: of all its values), margin (wider by 1/N after N samples), "
            "percentile (without the outermost), mse (of the least squared error), entropy (of the least information "
            "lost), or auto: what is best on a part of the data that is held out",
            "METHOD",
            one_of(CALIBRATION_METHODS),
            modes=WITH_RANGES,
            needs=("representative_dataset", "stats"),
            excludes=("tf_compat",),
            commands=("compile", "calibrate"),
            group=Group.DATA,
        ),
    )
    """How ranges are chosen from the values seen; the last three clip those that are rare and large."""
    percentile: float = option(
        99.99,
        Option(
            "--percentile",
            "of --calibration-method percentile: the range is from 100 - P to P percent of the sorted values "
            "(default: 99.99)",
            "P",
            percent,
            modes=WITH_RANGES,
            needs=("calibration_method",),
            commands=("compile", "calibrate"),
            group=Group.DATA,
        ),
    )
    weight_algorithm: str = option(
        "minmax",
        Option(
            "--weight-algorithm",
            "how weights are rounded: minmax (default: each to the nearest), mse or octav (with the scale of the least "
            "squared error), recover (to the grid on which training put them), or gptq (default of search): so that "
            "the results of the layer err least on the representative data",
            "ALGORITHM",
            one_of(WEIGHT_ALGORITHMS),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            excludes=("tf_compat", "requantize"),
            commands=("compile", "search"),
            group=Group.WEIGHTS,
        ),
    )
    """`gptq` needs representative data, which says what each layer reads."""
    bias_correction: str = option(
        "off",
        Option(
            "--bias-correction",
            "on: biases make up for the mean of what rounding the weights changes, measured on the data; "
            "auto (default of search): where a part of the data that is held out confirms it",
            "off|on|auto",
            one_of(("off", "on", "auto")),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("representative_dataset", "moments"),
            excludes=("tf_compat", "requantize"),
            commands=("compile", "search"),
            group=Group.WEIGHTS,
        ),
    )
    """Whether the mean error of each layer, (W - Q) E[x], is added to its bias."""
    sequential_rounding: str = option(
        "auto",
        Option(
            "--sequential-rounding",
            "auto (default): with gptq, layers are rounded one after the other, and each makes up for what rounding "
            "those before it changed, if that helps on a part of the data that is held out; off: each on its own",
            "off|auto",
            one_of(("off", "auto")),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("weight_algorithm", "recipe"),
            excludes=("tf_compat", "requantize", "moments"),
            commands=("compile", "search"),
            group=Group.WEIGHTS,
        ),
    )
    """Whether weights are aimed at the results of the float model, whatever their layer reads of rounded ones."""
    equalize: str = option(
        "off",
        Option(
            "--equalize",
            "on: channels are scaled so that they use the range of their tensor more evenly, by their largest values "
            "on the data, which calibrate records with it; auto: where a part of the data that is held out confirms it",
            "off|on|auto",
            one_of(("off", "on", "auto")),
            modes=WITH_RANGES | {ModeName.DYNAMIC_RANGE},
            needs=("representative_dataset", "stats"),
            excludes=("tf_compat", "requantize"),
            commands=("compile", "calibrate"),
            group=Group.WEIGHTS,
        ),
    )
    """Whether scales of channels move between the weights that make them and those that read them."""
    float_regions: str = option(
        "off",
        Option(
            "--float-regions",
            "on: normalizations and the inside of attention compute in float beside int8; auto: those where a part of "
            "the data that is held out confirms it",
            "off|on|auto",
            one_of(("off", "on", "auto")),
            modes=frozenset({ModeName.INTEGER}),
            excludes=("tf_compat", "requantize"),
            group=Group.MAKE,
        ),
    )
    """Whether regions of ops without weights that lose much by integers stay float."""
    inference_input_type: Any = option(
        "float32",
        Option(
            "--inference-input-type",
            f"type of the model's inputs, where they are quantized: {', '.join(IO_TYPES)}",
            "TYPE",
            one_of(IO_TYPES),
            modes=WITHOUT_PASSES,
            group=Group.MAKE,
        ),
    )
    inference_output_type: Any = option(
        "float32",
        Option(
            "--inference-output-type",
            f"type of the model's outputs, where they are quantized: {', '.join(IO_TYPES)}",
            "TYPE",
            one_of(IO_TYPES),
            modes=WITHOUT_PASSES,
            group=Group.MAKE,
        ),
    )
    quantize_only: Sequence[str] = option(
        (),
        Option(
            "--quantize-only",
            "change these ops alone: a kind (CONV_2D), a tensor's name, or a regular expression for names",
            "OP[,OP…]",
            each(text),
            many=True,
            modes=CHANGING,
            excludes=("skip",),
            group=Group.MAKE,
        ),
    )
    """Ops by kind, by the name of a tensor, or by a regular expression for names; all others stay as they are."""
    skip: Sequence[str] = option(
        (),
        Option(
            "--skip", "leave these ops as they are", "OP[,OP…]", each(text), many=True, modes=CHANGING, group=Group.MAKE
        ),
    )
    """Ops that stay as they are, named as for `quantize_only`."""
    requantize: str | None = option(
        None,
        Option(
            "--requantize",
            "make a quantized model float first (float32), then quantize it anew from its own scales (int8, int16)",
            "TYPE",
            one_of(REQUANTIZED),
            modes=WITHOUT_PASSES,
            group=Group.MAKE,
        ),
    )
    """`float32` makes a quantized model float; `int8` and `int16` quantize it from its own scales then."""
    allow_float: Sequence[str] = option(
        (),
        Option(
            "--allow-float",
            "beside integer operators alone, leave these float: DIV, a custom operator's code, CUSTOM (all of them)",
            "OP[,OP…]",
            each(text),
            many=True,
            modes=frozenset({ModeName.INTEGER_ONLY, ModeName.INT16}),
            excludes=("tf_compat",),
            group=Group.MAKE,
        ),
    )
    """What may stay float where `supported_ops` allows integers alone."""
    disable_per_channel: bool = option(
        False,
        Option(
            "--disable-per-channel", "one scale for each weight tensor", modes=QUANTIZING - {ModeName.FLOAT16},
            group=Group.WEIGHTS,
        ),
    )  # fmt: skip
    tf_compat: bool = option(
        False,
        Option(
            "--tf-compat",
            "TensorFlow 2.21's numbers to the bit, quirks included",
            commands=("compile", "calibrate"),
            group=Group.MAKE,
        ),
    )
    """TensorFlow's own numbers, its quirks included."""
    passes: str | None = option(
        None,
        Option(
            "--passes", "run these passes instead: 'a,b{x=1}'; the word DEFAULT stands for those of the other options",
            "PIPELINE", text, short="-p", modes=frozenset({ModeName.PASSES}), turns=frozenset({ModeName.NONE}),
            everywhere_if=names_default, group=Group.PASSES,
        ),
    )  # fmt: skip
    """A pipeline in the `-p` syntax instead of the one that the other options give, or around it: `a,DEFAULT,b`."""
    before: Sequence[Any] = option(
        (),
        Option(
            "--before", "run these passes before each PASS of the pipeline", "PASS=PIPELINE", additions, many=True,
            group=Group.PASSES,
        ),
    )  # fmt: skip
    """Passes to run before others: `{"tfl-quantize": "a,b{x=1}"}`, or texts `tfl-quantize=a,b{x=1}`."""
    after: Sequence[Any] = option(
        (),
        Option(
            "--after", "run these passes after each PASS of the pipeline", "PASS=PIPELINE", additions, many=True,
            group=Group.PASSES,
        ),
    )  # fmt: skip
    """Passes to run after others, given as for `before`."""
    plugins: Sequence[str] = option(
        (),
        Option(
            "--plugin",
            "use what this plug-in says of built-in ops",
            "NAME[,NAME…]",
            each(text),
            many=True,
            commands=("compile", "search"),
            group=Group.PASSES,
        ),
    )
    """Plug-ins whose facts of built-in ops are in force, beside those that the variable TFLIR_PLUGINS names."""
