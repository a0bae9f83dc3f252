"""`tfl-remove-dead-channels`: removes channels that are constant, or that no layer uses."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from tflir.ir.functions import functions
from tflir.passes.base import PassReport, TflPass
from tflir.passes.channels.channel_ids import TooManyChannels
from tflir.passes.channels.plan import make_plan
from tflir.passes.channels.rules import trace_function
from tflir.passes.channels.shrink import shrink


@dataclass(frozen=True)
class RemoveDeadChannelsPass(TflPass):
    """
    Removes output channels of float layers that have only zero weights, and channels that every layer multiplies by
    zero weights.

    Here the first two filters of %f are zero, so that their output channels are the constants relu(0.5) and relu(-1):

    ```mlir
    %b = "tfl.pseudo_const"() <{value = dense<[0.5, -1.0, 0.1, 0.2]> : tensor<4xf32>}> …
    %c = "tfl.conv_2d"(%x, %f, %b) <{fused_activation_function = "RELU", …}>
        : (tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x8x8x4xf32>
    %y = "tfl.conv_2d"(%c, %g, %d) <{…}>
        : (tensor<1x8x8x4xf32>, tensor<6x1x1x4xf32>, tensor<6xf32>) -> tensor<1x8x8x6xf32>
    ```
    becomes the following, in which 0.5 times the first column of %g has been added to %d:
    ```mlir
    %b = "tfl.pseudo_const"() <{value = dense<[0.1, 0.2]> : tensor<2xf32>}> …
    %c = "tfl.conv_2d"(%x, %f, %b) <{fused_activation_function = "RELU", …}>
        : (tensor<1x8x8x3xf32>, tensor<2x3x3x3xf32>, tensor<2xf32>) -> tensor<1x8x8x2xf32>
    %y = "tfl.conv_2d"(%c, %g, %d) <{…}>
        : (tensor<1x8x8x2xf32>, tensor<6x1x1x2xf32>, tensor<6xf32>) -> tensor<1x8x8x6xf32>
    ```
    Between the layers there may be ops that work channel by channel, concatenations and reshapes. A constant other than
    zero can't be folded into the bias of a layer that pads its input with zeros, because it contributes less at the
    border. Arguments and results of functions keep their shapes.
    """

    name = "tfl-remove-dead-channels"
    changes = "rounding"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            try:
                trace = trace_function(function)
            except TooManyChannels:
                report.decline("its values have far more channels than its constants", function)
                continue
            plan = make_plan(trace, report)
            if plan is not None:
                shrink(trace, plan, report)
