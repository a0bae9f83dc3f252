// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=4},tfl-quantize' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=4 per-channel=false},tfl-quantize' | filecheck %s --check-prefix=TENSOR
// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=4 per-channel=false},tfl-quantize{tf-compat=true}' | filecheck %s --check-prefix=COMPAT

// CHECK-LABEL: func.func @hybrid
func.func @hybrid(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, -63.5], [0.5, 254.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  // CHECK: [[Q:%.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {1.000000e+00,2.000000e+00}>>, value = dense<{{\[\[}}127, -64], [0, 127]]> : tensor<2x2xi8>}>
  // CHECK: "tfl.fully_connected"(%{{.*}}, [[Q]], %{{.*}}) <
  %y = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// The float kernel of a depthwise convolution is faster than the hybrid one: the weights stay behind a dequantize.
// CHECK-LABEL: func.func @depthwise
// TENSOR-LABEL: func.func @depthwise
// COMPAT-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>}> : () -> tensor<1x1x2x2xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  // CHECK: [[Q:%.*]] = "tfl.pseudo_qconst"
  // CHECK-NEXT: [[D:%.*]] = "tfl.dequantize"([[Q]])
  // CHECK: "tfl.depthwise_conv_2d"(%{{.*}}, [[D]],
  // TENSOR: [[Q:%.*]] = "tfl.pseudo_qconst"
  // TENSOR-NEXT: [[D:%.*]] = "tfl.dequantize"([[Q]])
  // TENSOR: "tfl.depthwise_conv_2d"(%{{.*}}, [[D]],
  // COMPAT: [[Q:%.*]] = "tfl.pseudo_qconst"
  // COMPAT: "tfl.depthwise_conv_2d"(%{{.*}}, [[Q]],
  %y = "tfl.depthwise_conv_2d"(%x, %w, %none) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, depth_multiplier = 1 : i32, fused_activation_function = "NONE", dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32}> : (tensor<1x4x4x2xf32>, tensor<1x1x2x2xf32>, none) -> tensor<1x4x4x2xf32>
  func.return %y : tensor<1x4x4x2xf32>
}

// No kernel gathers into float from int8: weight-only.
// CHECK-LABEL: func.func @gather
func.func @gather(%i: tensor<3xi32>) -> tensor<3x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  // CHECK: [[D:%.*]] = "tfl.dequantize"
  // CHECK: "tfl.gather"([[D]],
  %y = "tfl.gather"(%w, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<2x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
  func.return %y : tensor<3x2xf32>
}
