// RUN: tflir-opt %s -p 'tfl-quantize-weights' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-quantize-weights,tfl-optimize' --pass-statistics 2>&1 | filecheck %s --check-prefix=KEPT

// The built-in kernel ignores an activation beside weights whose scales are for blocks, XNNPACK does not: it becomes an
// op, which has the name. Other weights keep theirs, and no later pass fuses it again.
// CHECK-LABEL: func.func @blocks
// KEPT: its weights have scales for blocks
// KEPT-LABEL: func.func @blocks
func.func @blocks(%x: tensor<1x64xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
  %w = "tfl.pseudo_const"() <{value = dense<0.7> : tensor<1x64xf32>}> : () -> tensor<1x64xf32> loc("w")
  %v = "tfl.pseudo_const"() <{value = dense<0.7> : tensor<1x64xf32>}> : () -> tensor<1x64xf32> loc("v")
  %u = "tfl.pseudo_const"() <{value = dense<0.3> : tensor<1x64xf32>}> : () -> tensor<1x64xf32> loc("u")
  %b = "tfl.no_value"() <{value}> : () -> none
  // CHECK: %a_linear = "tfl.fully_connected"{{.*}}fused_activation_function = "NONE"
  // CHECK-NEXT: %a = "tfl.relu6"(%a_linear)
  // KEPT: %a_linear = "tfl.fully_connected"{{.*}}fused_activation_function = "NONE"
  // KEPT-NEXT: %a = "tfl.relu6"(%a_linear)
  %a = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "RELU6", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "block", block = 32 : i32, form = "hybrid"}} : (tensor<1x64xf32>, tensor<1x64xf32>, none) -> tensor<1x1xf32> loc("a")
  // CHECK: %c = "tfl.fully_connected"{{.*}}fused_activation_function = "RELU"
  %c = "tfl.fully_connected"(%x, %v, %b) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x64xf32>, tensor<1x64xf32>, none) -> tensor<1x1xf32> loc("c")
  // CHECK: %d = "tfl.fully_connected"{{.*}}fused_activation_function = "NONE"
  // CHECK-NEXT: func.return %a, %c, %d
  %d = "tfl.fully_connected"(%x, %u, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "block", block = 32 : i32, form = "hybrid"}} : (tensor<1x64xf32>, tensor<1x64xf32>, none) -> tensor<1x1xf32> loc("d")
  func.return %a, %c, %d : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
}
