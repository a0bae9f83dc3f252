"""Records what the statistics files of a conversion hold on its module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tflir.data.recorded import read_recorded
from tflir.option import ModeName
from tflir.pipeline import mode_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options


def how_ranges_are_chosen(options: Options) -> dict[str, Any]:
    """The keyword arguments of `Recorded.apply`."""
    return {
        "tf_compat": options.tf_compat,
        "method": options.calibration_method,
        "percentile": options.percentile,
        "bits": 16 if mode_of(options).name is ModeName.INT16 else 8,
    }


def apply_statistics(module: ModuleOp, options: Options) -> None:
    """Records ranges, if the mode needs them, and what channels take, if they are to be equalized.

    `module` is as it was calibrated. Raises `Error` if a file is of another model, or lacks what the options need.
    """
    recorded = read_recorded(options.stats, module, method=options.calibration_method)
    if mode_of(options).needs_ranges:
        recorded.apply(module, **how_ranges_are_chosen(options))
    if options.equalize != "off":
        recorded.apply_channels(module)
