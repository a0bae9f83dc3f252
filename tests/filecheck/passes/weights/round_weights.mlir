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

// What the recurrent weights multiply was not recorded: they stay. The bias makes up for the error of the others.
// CHECK-LABEL: func.func @recurrent
// CHECK: value = dense<{{\[\[}}1.27{{[0e+]*}}, 2.0{{[0e-]*}}2, 1.0{{[0e-]*}}2{{\]\]}}>
// CHECK: value = dense<{{\[\[}}1.6{{[0e-]*}}2{{\]\]}}>
// CHECK: value = dense<{{\[?}}9.96{{[0e-]*}}1{{\]?}}>
// CHECK: tfl.unidirectional_sequence_rnn
// CHECK-NOT: tfl.input_mean
func.func @recurrent(%x: tensor<1x4x3xf32>) -> tensor<1x4x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.016, 0.014]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32> loc("w")
  %r = "tfl.pseudo_const"() <{value = dense<[[0.016]]> : tensor<1x1xf32>}> : () -> tensor<1x1xf32> loc("r")
  %b = "tfl.pseudo_const"() <{value = dense<[1.0]> : tensor<1xf32>}> : () -> tensor<1xf32>
  %h = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<1x1xf32>}> {tfl.is_variable} : () -> tensor<1x1xf32>
  %y = "tfl.unidirectional_sequence_rnn"(%x, %w, %r, %b, %h) <{fused_activation_function = "TANH", time_major = false}> {tfl.second_moments = [dense<[[0.1, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]> : tensor<3x3xf32>, unit], tfl.input_mean = [dense<[0.0, 1.0, 0.0]> : tensor<3xf32>, unit]} : (tensor<1x4x3xf32>, tensor<1x3xf32>, tensor<1x1xf32>, tensor<1xf32>, tensor<1x1xf32>) -> tensor<1x4x1xf32>
  func.return %y : tensor<1x4x1xf32>
}
