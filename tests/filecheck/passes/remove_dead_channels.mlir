// RUN: tflir-opt %s -p tfl-remove-dead-channels --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p tfl-remove-dead-channels --pass-statistics 2>&1 | filecheck %s --check-prefix=SAID

// The constant 0.5 goes into the next bias, which is made; names, recorded ranges and float16 stay.
// CHECK-LABEL: func.func @folds
// CHECK: "tfl.pseudo_const"() <{value = dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
// CHECK: "tfl.pseudo_const"() <{value = dense<[1.000000e-01, -2.000000e-01]> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
// CHECK: [[A:%.*]] = "tfl.fully_connected"
// CHECK-SAME: {tfl.tensor = {quantization = {min = array<f32: 0.000000e+00>, max = array<f32: 6.000000e+00>}, shape = array<i32: 7, 2>}} : {{.*}} -> tensor<?x2xf32> loc("a")
// CHECK: [[H:%.*]] = "tfl.pseudo_const"() <{value = dense<{{\[\[}}1.000000e+00, 3.000000e+00]]> : tensor<1x2xf16>}> : () -> tensor<1x2xf16> loc("v")
// CHECK-NEXT: [[V:%.*]] = "tfl.dequantize"([[H]]) : (tensor<1x2xf16>) -> tensor<1x2xf32> loc("v_dequantize")
// CHECK: [[B:%.*]] = "tfl.pseudo_const"() <{value = dense<[1.000000e+00]> : tensor<1xf32>}> : () -> tensor<1xf32> loc("y_bias")
// CHECK: "tfl.fully_connected"([[A]], [[V]], [[B]])
// CHECK-NOT: tfl.version
// CHECK: func.return
func.func @folds(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]> : tensor<3x2xf32>}> : () -> tensor<3x2xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<[0.1, 0.5, -0.2]> : tensor<3xf32>}> : () -> tensor<3xf32> loc("b")
  %a = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.version = 9 : i32, tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 6.0>}, shape = array<i32: 7, 3>}} : (tensor<?x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<?x3xf32> loc("a")
  %h = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf16>}> : () -> tensor<1x3xf16> loc("v")
  %v = "tfl.dequantize"(%h) : (tensor<1x3xf16>) -> tensor<1x3xf32> loc("v_dequantize")
  %n = "tfl.no_value"() <{value}> : () -> none
  %y = "tfl.fully_connected"(%a, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.operand_count = 2 : i32, tfl.version = 9 : i32} : (tensor<?x3xf32>, tensor<1x3xf32>, none) -> tensor<?x1xf32> loc("y")
  func.return %y : tensor<?x1xf32>
}

// A reshape's shape follows, as an attribute and with what is left open.
// CHECK-LABEL: func.func @reshapes
// CHECK: new_shape = array<i32: -1, 2>
// CHECK-SAME: -> tensor<?x2xf32>
func.func @reshapes(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]> : tensor<3x2xf32>}> : () -> tensor<3x2xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32>
  %n = "tfl.no_value"() <{value}> : () -> none
  %a = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<?x2xf32>, tensor<3x2xf32>, none) -> tensor<?x3xf32>
  %r = "tfl.reshape"(%a, %n) <{new_shape = array<i32: -1, 3>}> : (tensor<?x3xf32>, none) -> tensor<?x3xf32>
  %y = "tfl.fully_connected"(%r, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<?x3xf32>, tensor<1x3xf32>, none) -> tensor<?x1xf32>
  func.return %y : tensor<?x1xf32>
}

// The layer's two dead outputs are the model's; the constant that another op reads too stays for that op.
// CHECK-LABEL: func.func @stays
// CHECK: -> tensor<1x3xf32> loc("out")
// CHECK: dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>}> : () -> tensor<3xf32> loc("k")
// CHECK: dense<[1.000000e+00, 3.000000e+00]> : tensor<2xf32>}> : () -> tensor<2xf32> loc("k_kept")
// SAID: its channels are an output of the subgraph
func.func @stays(%x: tensor<1x2xf32>) -> (tensor<1x3xf32>, tensor<1x1xf32>, tensor<3xf32>) {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]> : tensor<3x2xf32>}> : () -> tensor<3x2xf32>
  %u = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]> : tensor<3x2xf32>}> : () -> tensor<3x2xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>}> : () -> tensor<1x3xf32>
  %n = "tfl.no_value"() <{value}> : () -> none
  %o = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<3x2xf32>, none) -> tensor<1x3xf32> loc("out")
  %a = "tfl.fully_connected"(%x, %u, %n) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<3x2xf32>, none) -> tensor<1x3xf32>
  %k = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>}> : () -> tensor<3xf32> loc("k")
  %m = "tfl.mul"(%a, %k) <{fused_activation_function = "NONE"}> : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %y = "tfl.fully_connected"(%m, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x3xf32>, tensor<1x3xf32>, none) -> tensor<1x1xf32>
  func.return %o, %y, %k : tensor<1x3xf32>, tensor<1x1xf32>, tensor<3xf32>
}
