// RUN: tflir-opt %s -p 'tfl-assign-weight-kinds{recipe="dynamic_wi4_afp32"}' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-assign-weight-kinds{recipe="dynamic_legacy_wi8_afp32"}' | filecheck %s --check-prefix=SMALL

// CHECK-LABEL: func.func @layers
// SMALL-LABEL: func.func @layers
// SMALL-NOT: tfl.weight_kind
func.func @layers(%x: tensor<1x2xf32>, %i: tensor<1x2x2x1xf32>) -> (tensor<1x2xf32>, tensor<1x2x2x1xf32>) {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.27, -0.5], [2.54, 0.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  // CHECK: "tfl.fully_connected"{{.*}}tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("dense")
  %f = "tfl.pseudo_const"() <{value = dense<0.5> : tensor<1x2x2x1xf32>}> : () -> tensor<1x2x2x1xf32>
  %c = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  // CHECK: "tfl.depthwise_conv_2d"{{.*}}tfl.weight_kind = {bits = 8 : i32, granularity = "channel", form = "dequantize"}
  %1 = "tfl.depthwise_conv_2d"(%i, %f, %c) <{depth_multiplier = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE", padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32}> : (tensor<1x2x2x1xf32>, tensor<1x2x2x1xf32>, tensor<1xf32>) -> tensor<1x2x2x1xf32> loc("deep thing/a-b[0]")
  func.return %0, %1 : tensor<1x2xf32>, tensor<1x2x2x1xf32>
}
