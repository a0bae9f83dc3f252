// RUN: tflir-opt %s -p 'tfl-prune{sparsity=0.5 min-elements=1}' --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p 'tfl-prune{sparsity=0.5 structure=1x4 min-elements=1}' | filecheck %s --check-prefix=BLOCK
// RUN: tflir-opt %s -p 'tfl-prune{structure=2:4 min-elements=1}' | filecheck %s --check-prefix=FINE
// RUN: tflir-opt %s -p 'tfl-prune{sparsity=0.5 structure=channel min-elements=1}' | filecheck %s --check-prefix=CHANNEL
// RUN: not tflir-opt %s -p 'tfl-prune{sparsity=1.0}' 2>&1 | filecheck %s --check-prefix=RANGE

// RANGE: pass tfl-prune: sparsity 1.0 is out of range: give 0 <= sparsity < 1

// CHECK-LABEL: func.func @dense
// BLOCK-LABEL: func.func @dense
// FINE-LABEL: func.func @dense
// CHANNEL-LABEL: func.func @dense
func.func @dense(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  // CHECK: dense<{{\[\[}}0.000000e+00, -2.000000e+00, 0.000000e+00, 0.000000e+00], [0.000000e+00, 5.000000e+00, -6.000000e+00, 7.000000e+00]]> : tensor<2x4xf32>{{.*}}loc("w")
  // BLOCK: dense<{{\[\[}}0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [1.000000e+00, 5.000000e+00, -6.000000e+00, 7.000000e+00]]>
  // FINE: dense<{{\[\[}}0.000000e+00, -2.000000e+00, 0.000000e+00, 1.500000e+00], [0.000000e+00, 0.000000e+00, -6.000000e+00, 7.000000e+00]]>
  // CHANNEL: dense<{{\[\[}}0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [1.000000e+00, 5.000000e+00, -6.000000e+00, 7.000000e+00]]>
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, -2.0, 0.5, 1.5], [1.0, 5.0, -6.0, 7.0]]> : tensor<2x4xf32>}> : () -> tensor<2x4xf32> loc("w")
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// The scale of the second channel makes its 1 greater than the 2 of the first.
// CHECK-LABEL: func.func @int8
func.func @int8(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: value = dense<{{\[\[}}0, 0], [1, -3]]> : tensor<2x2xi8>
  %w = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.1,1.0}>>, value = dense<[[2, -4], [1, -3]]> : tensor<2x2xi8>}> : () -> tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.1,1.0}>>
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.1,1.0}>>, none) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @returned
func.func @returned(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<2x2xf32>) {
  // CHECK: dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]>
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  func.return %0, %w : tensor<1x2xf32>, tensor<2x2xf32>
}
