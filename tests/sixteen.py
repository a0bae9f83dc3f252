"""The passes that make a model with recorded ranges a 16x8 one."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

import tflir


def sixteen_by_eight(
    module: ModuleOp,
    *,
    tf_compat: bool = False,
    strict: bool = False,
    per_channel: bool = True,
    bias_bits: int = 64,
    input_type: str = "float32",
    output_type: str = "float32",
) -> None:
    """Runs the passes of the mode on a module; the options are those of the passes."""
    compat, how = (f"tf-compat={tf_compat}", f"per-channel={per_channel} bias-bits={bias_bits}")
    types = f"tfl-modify-io-nodes{{input-type={input_type} output-type={output_type} {compat}}}"
    choose = f"tfl-choose-activations{{strict={strict} {compat}}}"
    quantize = [
        f"tfl-prepare-quantize{{int8=false {how}}}",
        "tfl-quantize{hybrid=false legacy-float-scale=true}",
        "tfl-post-quantize",
        types,
        "tfl-post-quantize-remove-qdq",
    ]
    convert = [f"tfl-convert-int16-as-tensorflow{{{how}}}", types]
    passes = ",".join([choose, *(convert if tf_compat else quantize), "tfl-clear-marks"])
    tflir.run_passes(module, passes.replace("True", "true").replace("False", "false"))
