// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s
// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true,inexact=true} | filecheck %s --check-prefix=INEXACT

// CHECK-LABEL: func.func @square
// CHECK: %y = "tfl.square"(%x)
func.func @square(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %e = "tfl.pseudo_const"() <{value = dense<2.0> : tensor<f32>}> : () -> tensor<f32>
  %y = "tfl.pow"(%x, %e) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @other_power
// CHECK: tfl.pow
func.func @other_power(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = "tfl.pseudo_const"() <{value = dense<2.5> : tensor<f32>}> : () -> tensor<f32>
  %y = "tfl.pow"(%x, %e) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @sum
// CHECK: [[TWO:%.*]] = tfl.add %x, %x
// CHECK: %y = tfl.add [[TWO]], %x
func.func @sum(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %y = "tfl.add_n"(%x, %x, %x) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @clip
// CHECK: [[POSITIVE:%.*]] = "tfl.relu"(%x)
// CHECK: %y = "tfl.minimum"([[POSITIVE]], {{.*}})
func.func @clip(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %y = "tfl.relu_0_to_1"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @norm
// CHECK: tfl.l2_normalization
// INEXACT-LABEL: func.func @norm
// INEXACT: tfl.square
// INEXACT: "tfl.sum"({{.*}}) <{keep_dims = true}>
// INEXACT: tfl.maximum
// INEXACT: tfl.rsqrt
// INEXACT: %y = tfl.mul
func.func @norm(%x: tensor<2x4xf32> loc("x")) -> tensor<2x4xf32> {
  %y = "tfl.l2_normalization"(%x) <{fused_activation_function = "NONE"}> : (tensor<2x4xf32>) -> tensor<2x4xf32> loc("y")
  func.return %y : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @without_bias
// CHECK: [[ZEROS:%.*]] = "tfl.pseudo_const"() <{value = dense<0.000000e+00> : tensor<5xf32>}>
// CHECK: %y = "tfl.conv_2d"(%x, {{.*}}, [[ZEROS]])
func.func @without_bias(%x: tensor<1x4x4x3xf32> loc("x")) -> tensor<1x4x4x5xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<0.5> : tensor<5x1x1x3xf32>}> : () -> tensor<5x1x1x3xf32>
  %n = "tfl.no_value"() <{value}> : () -> none
  %y = "tfl.conv_2d"(%x, %w, %n) <{stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, padding = "VALID", fused_activation_function = "NONE"}> {tfl.operand_count = 2 : i32} : (tensor<1x4x4x3xf32>, tensor<5x1x1x3xf32>, none) -> tensor<1x4x4x5xf32> loc("y")
  func.return %y : tensor<1x4x4x5xf32>
}
