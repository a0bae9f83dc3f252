// RUN: tflir-opt %s -p tfl-float-regions --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p 'tfl-float-regions{ends="normal"}' | filecheck %s --check-prefix=ONE

// The mean of squares, its reciprocal root and the product with it: three ops without weights.
// CHECK-LABEL: func.func @normalization
// CHECK: "tfl.fully_connected"{{.*}}keep_num_dims = false}> : {{.*}} loc("before")
// CHECK: "tfl.square"{{.*}}tfl.keep_float = "its region computes in float"
// CHECK: "tfl.mean"{{.*}}tfl.keep_float = "its region computes in float"
// CHECK: "tfl.rsqrt"{{.*}}tfl.keep_float = "its region computes in float"
// CHECK: tfl.mul{{.*}}tfl.keep_float = "its region computes in float"
// ONE-LABEL: func.func @normalization
// ONE-COUNT-4: tfl.keep_float
func.func @normalization(%x: tensor<1x8xf32>, %b: none) -> tensor<1x8xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<8x8xf32>}> : () -> tensor<8x8xf32> loc("w")
  %axis = "tfl.pseudo_const"() <{value = dense<1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %a = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x8xf32>, tensor<8x8xf32>, none) -> tensor<1x8xf32> loc("before")
  %s = "tfl.square"(%a) : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("squares")
  %m = "tfl.mean"(%s, %axis) <{keep_dims = true}> : (tensor<1x8xf32>, tensor<1xi32>) -> tensor<1x1xf32> loc("mean")
  %r = "tfl.rsqrt"(%m) : (tensor<1x1xf32>) -> tensor<1x1xf32> loc("root")
  %y = "tfl.mul"(%a, %r) <{fused_activation_function = "NONE"}> : (tensor<1x8xf32>, tensor<1x1xf32>) -> tensor<1x8xf32> loc("normal")
  func.return %y : tensor<1x8xf32>
}

// The products of attention have no constant weights; what moves elements belongs to the region.
// CHECK-LABEL: func.func @attention
// CHECK-COUNT-5: tfl.keep_float
// CHECK-NOT: tfl.keep_float
// ONE-LABEL: func.func @attention
// ONE-NOT: tfl.keep_float
func.func @attention(%q: tensor<1x4x8xf32>, %k: tensor<1x8x4xf32>, %v: tensor<1x4x8xf32>) -> tensor<4x8xf32> {
  %shape = "tfl.pseudo_const"() <{value = dense<[4, 8]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %scale = "tfl.pseudo_const"() <{value = dense<0.5> : tensor<f32>}> : () -> tensor<f32>
  %p = "tfl.batch_matmul"(%q, %k) <{adj_x = false, adj_y = false, asymmetric_quantize_inputs = false}> : (tensor<1x4x8xf32>, tensor<1x8x4xf32>) -> tensor<1x4x4xf32> loc("scores")
  %h = "tfl.mul"(%p, %scale) <{fused_activation_function = "NONE"}> : (tensor<1x4x4xf32>, tensor<f32>) -> tensor<1x4x4xf32> loc("scaled")
  %s = "tfl.softmax"(%h) <{beta = 1.0 : f32}> : (tensor<1x4x4xf32>) -> tensor<1x4x4xf32> loc("shares")
  %z = "tfl.batch_matmul"(%s, %v) <{adj_x = false, adj_y = false, asymmetric_quantize_inputs = false}> : (tensor<1x4x4xf32>, tensor<1x4x8xf32>) -> tensor<1x4x8xf32> loc("mixed")
  %y = "tfl.reshape"(%z, %shape) : (tensor<1x4x8xf32>, tensor<2xi32>) -> tensor<4x8xf32> loc("rows")
  func.return %y : tensor<4x8xf32>
}

// Sums of residuals and a last softmax are no region.
// CHECK-LABEL: func.func @residual
// CHECK-NOT: tfl.keep_float
func.func @residual(%x: tensor<1x8xf32>, %y: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %a = "tfl.add"(%x, %y) <{fused_activation_function = "NONE"}> : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32> loc("a")
  %s = "tfl.softmax"(%a) <{beta = 1.0 : f32}> : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("s")
  func.return %s : tensor<1x8xf32>
}
