// RUN: tflir-opt %s -p tfl-equalize-channels | filecheck %s
// RUN: tflir-opt %s -p 'tfl-equalize-channels{alpha=1.0}' | filecheck %s --check-prefix=ALONE
// RUN: tflir-opt %s -p tfl-equalize-channels --pass-statistics 2>&1 | filecheck %s --check-prefix=SAID

// Scales are 4 and 1: roots of what was recorded, since both columns have the whole of their row's range. The slope of
// PRELU stays, the constant that is added is divided. The range of %a is that of its channels, -1 to 0.5 and 0 to 4; that
// of %p, whose channels were not recorded, is removed.
// CHECK-LABEL: func.func @recorded
// CHECK: dense<{{\[\[}}2.000000e+00], [5.000000e-01]]>
// CHECK: dense<1.000000e+00> : tensor<2xf32>
// CHECK: dense<2.000000e-01> : tensor<2xf32>
// CHECK: dense<[2.000000e+00, 8.000000e+00]>
// CHECK: dense<{{\[\[}}4.000000e+00, 1.000000e+00]]>
// CHECK-NOT: tfl.channel_ranges
// CHECK: {tfl.tensor = {quantization = {min = array<f32: -1.000000e+00>, max = array<f32: 4.000000e+00>}}}
// CHECK-NOT: tfl.channel_ranges
// CHECK-NOT: min = array
// CHECK: func.return
// ALONE-LABEL: func.func @recorded
// ALONE: dense<5.000000e-01> : tensor<2x1xf32>
func.func @recorded(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[8.0], [0.5]]> : tensor<2x1xf32>}> : () -> tensor<2x1xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<[4.0, 1.0]> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %s = "tfl.pseudo_const"() <{value = dense<[0.2, 0.2]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %k = "tfl.pseudo_const"() <{value = dense<[8.0, 8.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[1.0, 1.0]]> : tensor<1x2xf32>}> : () -> tensor<1x2xf32> loc("v")
  %n = "tfl.no_value"() <{value}> : () -> none
  %a = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.channel_ranges = dense<[[0.0, -1.0], [16.0, 0.5]]> : tensor<2x2xf32>, tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 16.0>}}} : (tensor<1x1xf32>, tensor<2x1xf32>, tensor<2xf32>) -> tensor<1x2xf32> loc("a")
  %p = "tfl.prelu"(%a, %s) {tfl.tensor = {quantization = {min = array<f32: -0.2>, max = array<f32: 16.0>}}} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %c = "tfl.add"(%p, %k) <{fused_activation_function = "RELU"}> : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %y = "tfl.fully_connected"(%c, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<1x2xf32>, none) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// Without records the largest weights of the rows stand for them: 16 and 1. The shares of the columns are 1 and 1/4.
// CHECK-LABEL: func.func @of_weights
// CHECK: dense<{{\[\[}}4.000000e+00], [5.000000e-01]]>
// CHECK: dense<{{\[\[}}4.000000e+00, 5.000000e-01], [4.000000e+00, 2.000000e-01]]>
// CHECK: func.return
func.func @of_weights(%x: tensor<1x1xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[16.0], [1.0]]> : tensor<2x1xf32>}> : () -> tensor<2x1xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[1.0, 0.25], [1.0, 0.1]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %n = "tfl.no_value"() <{value}> : () -> none
  %a = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "RELU", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x1xf32>, tensor<2x1xf32>, none) -> tensor<1x2xf32>
  %y = "tfl.fully_connected"(%a, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// A depthwise convolution takes any scale in and gives any out: where it alone reads, channels get the same range.
// CHECK-LABEL: func.func @depthwise
// CHECK: dense<1.000000e+00> : tensor<2x1x1x1xf32>
// CHECK: dense<{{\[\[\[\[}}4.000000e+00, 1.000000e+00]]]]>
// CHECK: dense<{{\[\[\[\[}}2.000000e+00, 1.000000e+00]]]]>
// CHECK: func.return
func.func @depthwise(%x: tensor<1x4x4x1xf32>) -> tensor<1x4x4x1xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[[[8.0]]], [[[1.0]]]]> : tensor<2x1x1x1xf32>}> : () -> tensor<2x1x1x1xf32>
  %d = "tfl.pseudo_const"() <{value = dense<[[[[1.0, 1.0]]]]> : tensor<1x1x1x2xf32>}> : () -> tensor<1x1x1x2xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[[[1.0, 1.0]]]]> : tensor<1x1x1x2xf32>}> : () -> tensor<1x1x1x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32>
  %n = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %a = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, fused_activation_function = "RELU"}> {tfl.channel_ranges = dense<[[0.0, 0.0], [8.0, 1.0]]> : tensor<2x2xf32>} : (tensor<1x4x4x1xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %c = "tfl.depthwise_conv_2d"(%a, %d, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, depth_multiplier = 1 : i32, fused_activation_function = "RELU"}> {tfl.channel_ranges = dense<[[0.0, 0.0], [4.0, 1.0]]> : tensor<2x2xf32>} : (tensor<1x4x4x2xf32>, tensor<1x1x1x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %y = "tfl.conv_2d"(%c, %v, %n) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x4x4x2xf32>, tensor<1x1x1x2xf32>, tensor<1xf32>) -> tensor<1x4x4x1xf32>
  func.return %y : tensor<1x4x4x1xf32>
}

// What is clamped at 6, read by another kind of op, or shared keeps its values.
// CHECK-LABEL: func.func @stays
// CHECK: dense<{{\[\[}}1.600000e+01], [1.000000e+00]]>
// CHECK: func.return
// SAID: an activation that is not proportional to its input follows
// SAID: its channels are tied to a tfl.tanh
func.func @stays(%x: tensor<1x1xf32>) -> (tensor<1x1xf32>, tensor<1x2xf32>) {
  %w = "tfl.pseudo_const"() <{value = dense<[[16.0], [1.0]]> : tensor<2x1xf32>}> : () -> tensor<2x1xf32>
  %u = "tfl.pseudo_const"() <{value = dense<[[16.0], [1.0]]> : tensor<2x1xf32>}> : () -> tensor<2x1xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[1.0, 1.0]]> : tensor<1x2xf32>}> : () -> tensor<1x2xf32>
  %n = "tfl.no_value"() <{value}> : () -> none
  %a = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "RELU6", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x1xf32>, tensor<2x1xf32>, none) -> tensor<1x2xf32>
  %y = "tfl.fully_connected"(%a, %v, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x2xf32>, tensor<1x2xf32>, none) -> tensor<1x1xf32>
  %c = "tfl.fully_connected"(%x, %u, %n) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> : (tensor<1x1xf32>, tensor<2x1xf32>, none) -> tensor<1x2xf32>
  %t = "tfl.tanh"(%c) : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %y, %t : tensor<1x1xf32>, tensor<1x2xf32>
}
