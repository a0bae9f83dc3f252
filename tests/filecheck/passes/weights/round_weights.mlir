// RUN: tflir-opt %s -p 'tfl-round-weights{correct-bias=on}' | filecheck %s

// The second and third inputs are always equal: the errors of their weights cancel.
// CHECK-LABEL: func.func @equal_inputs
// CHECK: value = dense<{{\[\[}}1.27{{[0e+]*}}, 2.0{{[0e-]*}}2, 1.0{{[0e-]*}}2{{\]\]}}>
// CHECK-NOT: tfl.second_moments
func.func @equal_inputs(%x: tensor<1x3xf32>) -> tensor<1x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.016, 0.014]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<[1.0]> : tensor<1xf32>}> : () -> tensor<1xf32>
  %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.second_moments = [dense<[[0.1, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]> : tensor<3x3xf32>], tfl.input_mean = [dense<[0.0, 0.0, 0.0]> : tensor<3xf32>]} : (tensor<1x3xf32>, tensor<1x3xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
