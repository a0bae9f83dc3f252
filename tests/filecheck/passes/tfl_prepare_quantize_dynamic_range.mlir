// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=8}' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=8 per-channel=false}' | filecheck %s --check-prefix=TENSOR
// RUN: tflir-opt %s -p tfl-prepare-quantize-dynamic-range | filecheck %s --check-prefix=SMALL

// A scale for each row: the largest magnitude over 127.
// CHECK: %[[q:.*]] = "tfl.quantize"(%w) <{qtype = tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {1.000000e+00,2.000000e+00}>>}>
// CHECK-NEXT: %[[d:.*]] = "tfl.dequantize"(%[[q]])
// CHECK: "tfl.fully_connected"(%x, %[[d]], %none)
// TENSOR: "tfl.quantize"(%w) <{qtype = tensor<2x4x!quant.uniform<i8<-127:127>:f32, 2.000000e+00>>}>
// SMALL-NOT: tfl.quantize
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, -2.0, 0.5, 0.0], [4.0, 0.0, 0.0, -254.0]]> : tensor<2x4xf32>}> : () -> tensor<2x4xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}
