// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s
// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true inexact=true} | filecheck %s --check-prefix=INEXACT

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
