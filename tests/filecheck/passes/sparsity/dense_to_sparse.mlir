// RUN: tflir-opt %s -p tfl-dense-to-sparse --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p 'tfl-dense-to-sparse{target=latency cpu=avx2}' --print-debuginfo | filecheck %s --check-prefix=FAST
// RUN: not tflir-opt %s -p 'tfl-dense-to-sparse{target=fast}' 2>&1 | filecheck %s --check-prefix=TARGET
// RUN: not tflir-opt %s -p 'tfl-dense-to-sparse{cpu=z80}' 2>&1 | filecheck %s --check-prefix=CPU

// TARGET: error: pass tfl-dense-to-sparse: 'fast' is no target: use balanced, size, latency
// CPU: error: pass tfl-dense-to-sparse: 'z80' is no cpu: use any, avx2, avx512

// The constant keeps its name; its dense form is named after it.
// CHECK-LABEL: func.func @convolution
func.func @convolution(%x: tensor<1x8x8x64xf32>) -> tensor<1x8x8x32xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  // CHECK: [[S:%.*]] = "tfl.pseudo_sparse_const"() <{{{.*}}s_param = #tfl.sparsity_parameter<{{.*}}compressed_data = dense<{{.*}} -> tensor<32x1x1x64xf32> loc("w")
  // CHECK-NEXT: [[D:%.*]] = "tfl.densify"([[S]]) : (tensor<32x1x1x64xf32>) -> tensor<32x1x1x64xf32> loc("w_densify")
  // CHECK-NEXT: "tfl.conv_2d"(%{{.*}}, [[D]], %{{.*}})
  %w = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<32x1x1x64xf32>}> : () -> tensor<32x1x1x64xf32> loc("w")
  %y = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x8x8x64xf32>, tensor<32x1x1x64xf32>, tensor<32xf32>) -> tensor<1x8x8x32xf32>
  func.return %y : tensor<1x8x8x32xf32>
}

// A fully connected op reads the sparse constant itself where that is faster.
// FAST-LABEL: func.func @fully_connected
func.func @fully_connected(%x: tensor<1x132xf32>) -> tensor<1x64xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  // FAST: [[S:%.*]] = "tfl.pseudo_sparse_const"() {{.*}}block_map = [1]{{.*}}<format = DENSE, dense_size = 4{{.*}} loc("w")
  // FAST-NEXT: "tfl.fully_connected"(%{{.*}}, [[S]], %{{.*}})
  %w = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<64x132xf32>}> : () -> tensor<64x132xf32> loc("w")
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x132xf32>, tensor<64x132xf32>, none) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}

// A DENSIFY comes before the dequantize of float16 weights.
// CHECK-LABEL: func.func @half
func.func @half(%x: tensor<1x128xf32>) -> tensor<1x64xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  // CHECK: [[S:%.*]] = "tfl.pseudo_sparse_const"() {{.*}} -> tensor<64x128xf16>
  // CHECK-NEXT: [[D:%.*]] = "tfl.densify"([[S]])
  // CHECK-NEXT: [[W:%.*]] = "tfl.dequantize"([[D]]) : (tensor<64x128xf16>) -> tensor<64x128xf32>
  // CHECK-NEXT: "tfl.fully_connected"(%{{.*}}, [[W]], %{{.*}})
  %h = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<64x128xf16>}> : () -> tensor<64x128xf16>
  %w = "tfl.dequantize"(%h) : (tensor<64x128xf16>) -> tensor<64x128xf32>
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x128xf32>, tensor<64x128xf32>, none) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}

// What must be dense, what is returned, and what is too small to gain stays.
// CHECK-LABEL: func.func @dense
// CHECK-NOT: sparse
// CHECK: func.return
func.func @dense(%x: tensor<1x4xf32>, %i: tensor<1x130xf32>) -> (tensor<1x4xf32>, tensor<64x130xf32>, tensor<1x64xf32>) {
  %n = "tfl.no_value"() <{value}> : () -> none
  %w = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<4x4xf32>}> : () -> tensor<4x4xf32>
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<4x4xf32>, none) -> tensor<1x4xf32>
  %v = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<64x130xf32>}> : () -> tensor<64x130xf32>
  %z = "tfl.fully_connected"(%i, %v, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x130xf32>, tensor<64x130xf32>, none) -> tensor<1x64xf32>
  func.return %y, %v, %z : tensor<1x4xf32>, tensor<64x130xf32>, tensor<1x64xf32>
}
