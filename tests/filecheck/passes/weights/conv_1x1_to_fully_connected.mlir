// RUN: tflir-opt %s -p 'tfl-conv-1x1-to-fully-connected' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-conv-1x1-to-fully-connected{every=true}' | filecheck %s --check-prefix=EVERY

// CHECK-LABEL: func.func @narrow
// EVERY-LABEL: func.func @narrow
func.func @narrow(%x: tensor<1x4x4x2xf32>) -> (tensor<1x4x4x3xf32>, tensor<1x4x4x3xf32>, tensor<1x2x2x3xf32>) {
  %w = "tfl.pseudo_const"() <{value = dense<0.5> : tensor<3x1x1x2xf32>}> : () -> tensor<3x1x1x2xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<3xf32>}> : () -> tensor<3xf32>
  // CHECK: %y = "tfl.fully_connected"{{.*}}fused_activation_function = "RELU6"{{.*}}keep_num_dims = true{{.*}}tfl.weight_kind = {bits = 4 : i32{{.*}} : (tensor<1x4x4x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x4x4x3xf32>
  %0 = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, fused_activation_function = "RELU6"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x4x4x2xf32>, tensor<3x1x1x2xf32>, tensor<3xf32>) -> tensor<1x4x4x3xf32> loc("y")
  // CHECK: %wide = "tfl.conv_2d"
  // EVERY: %wide = "tfl.fully_connected"
  %1 = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, fused_activation_function = "NONE"}> {tfl.weight_kind = {bits = 8 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x4x4x2xf32>, tensor<3x1x1x2xf32>, tensor<3xf32>) -> tensor<1x4x4x3xf32> loc("wide")
  // CHECK: %strided = "tfl.conv_2d"
  // EVERY: %strided = "tfl.conv_2d"
  %2 = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_w = 2 : i32, stride_h = 2 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, fused_activation_function = "NONE"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x4x4x2xf32>, tensor<3x1x1x2xf32>, tensor<3xf32>) -> tensor<1x2x2x3xf32> loc("strided")
  func.return %0, %1, %2 : tensor<1x4x4x3xf32>, tensor<1x4x4x3xf32>, tensor<1x2x2x3xf32>
}
