// RUN: tflir-opt %s | filecheck %s

// CHECK-LABEL: func.func @activations(%x: tensor<1x8xf32>) -> tensor<1x8xf32>
func.func @activations(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK-NEXT: %{{.*}} = "tfl.relu"(%x) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %0 = "tfl.relu"(%x) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: "tfl.leaky_relu"(%{{.*}}) <{alpha = 2.000000e-01 : f32}>
  %1 = "tfl.leaky_relu"(%0) <{alpha = 0.2 : f32}> : (tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: "tfl.softmax"(%{{.*}}) <{beta = 1.000000e+00 : f32}>
  %2 = "tfl.softmax"(%1) <{beta = 1.0 : f32}> : (tensor<1x8xf32>) -> tensor<1x8xf32>
  func.return %2 : tensor<1x8xf32>
}
