// RUN: tflir-opt %s -p tfl-choose-kinds | filecheck %s
// RUN: tflir-opt %s -p 'tfl-choose-kinds{optimize-for=accuracy}' | filecheck %s --check-prefix=ACCURACY
// RUN: tflir-opt %s -p 'tfl-choose-kinds{optimize-for=size}' | filecheck %s --check-prefix=SIZE

// The delegate has no hybrid depthwise convolution: its float kernel reads the weights through a dequantize.
// CHECK-LABEL: func.func @depthwise
// CHECK: [[Q:%.*]] = "tfl.pseudo_qconst"
// CHECK-NEXT: [[W:%.*]] = "tfl.dequantize"([[Q]])
// CHECK: "tfl.depthwise_conv_2d"(%x, [[W]],
// SIZE-LABEL: func.func @depthwise
// SIZE-NOT: tfl.dequantize
func.func @depthwise(%x: tensor<1x4x4x2xf32> loc("x")) -> tensor<1x4x4x2xf32> {
  %q = "tfl.pseudo_qconst"() <{qtype = tensor<1x1x2x2x!quant.uniform<i8:f32:3, {0.5,0.25}>>, value = dense<3> : tensor<1x1x2x2xi8>}> : () -> tensor<1x1x2x2x!quant.uniform<i8:f32:3, {0.5,0.25}>> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %y = "tfl.depthwise_conv_2d"(%x, %q, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, depth_multiplier = 1 : i32, fused_activation_function = "NONE", dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32}> : (tensor<1x4x4x2xf32>, tensor<1x1x2x2x!quant.uniform<i8:f32:3, {0.5,0.25}>>, tensor<2xf32>) -> tensor<1x4x4x2xf32> loc("y")
  func.return %y : tensor<1x4x4x2xf32>
}

// It has a hybrid fully connected kernel, which rounds the activations: only accuracy asks for the float one.
// CHECK-LABEL: func.func @fully_connected
// CHECK-NOT: tfl.dequantize
// CHECK: tfl.fully_connected
// ACCURACY-LABEL: func.func @fully_connected
// ACCURACY: [[W:%.*]] = "tfl.dequantize"
// ACCURACY: "tfl.fully_connected"(%x, [[W]],
func.func @fully_connected(%x: tensor<1x4xf32> loc("x")) -> tensor<1x2xf32> {
  %q = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i8:f32:0, {0.5,0.25}>>, value = dense<3> : tensor<2x4xi8>}> : () -> tensor<2x4x!quant.uniform<i8:f32:0, {0.5,0.25}>> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %y = "tfl.fully_connected"(%x, %q, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false, asymmetric_quantize_inputs = true}> : (tensor<1x4xf32>, tensor<2x4x!quant.uniform<i8:f32:0, {0.5,0.25}>>, tensor<2xf32>) -> tensor<1x2xf32> loc("y")
  func.return %y : tensor<1x2xf32>
}
