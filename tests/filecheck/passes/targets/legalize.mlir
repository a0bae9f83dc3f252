// RUN: tflir-opt %s -p tfl-legalize | filecheck %s

// The built-in kernel reads the int4 number -8 as 8; int8 integers of the same scale stand for the same numbers.
// CHECK-LABEL: func.func @lowest
// CHECK: [[Q:%.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i8<-8:7>:f32, 5.000000e-01>>, value = dense<-8> : tensor<2x4xi8>}>
// CHECK: "tfl.fully_connected"(%x, [[Q]],
func.func @lowest(%x: tensor<1x4xf32> loc("x")) -> tensor<1x2xf32> {
  %q = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i4:f32, 0.5>>, value = dense<-8> : tensor<2x4xi4>}> : () -> tensor<2x4x!quant.uniform<i4:f32, 0.5>> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %y = "tfl.fully_connected"(%x, %q, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false, asymmetric_quantize_inputs = true}> : (tensor<1x4xf32>, tensor<2x4x!quant.uniform<i4:f32, 0.5>>, tensor<2xf32>) -> tensor<1x2xf32> loc("y")
  func.return %y : tensor<1x2xf32>
}

// Without -8 both kernels agree.
// CHECK-LABEL: func.func @narrow
// CHECK: value = dense<-7> : tensor<2x4xi4>
func.func @narrow(%x: tensor<1x4xf32> loc("x")) -> tensor<1x2xf32> {
  %q = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i4:f32, 0.5>>, value = dense<-7> : tensor<2x4xi4>}> : () -> tensor<2x4x!quant.uniform<i4:f32, 0.5>> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %y = "tfl.fully_connected"(%x, %q, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false, asymmetric_quantize_inputs = true}> : (tensor<1x4xf32>, tensor<2x4x!quant.uniform<i4:f32, 0.5>>, tensor<2xf32>) -> tensor<1x2xf32> loc("y")
  func.return %y : tensor<1x2xf32>
}

// No hybrid depthwise kernel loads int4: the integers are widened.
// CHECK-LABEL: func.func @depthwise
// CHECK: "tfl.pseudo_qconst"() <{qtype = tensor<1x1x2x2x!quant.uniform<i8<-8:7>:f32:3,
// CHECK: tfl.depthwise_conv_2d
func.func @depthwise(%x: tensor<1x4x4x2xf32> loc("x")) -> tensor<1x4x4x2xf32> {
  %q = "tfl.pseudo_qconst"() <{qtype = tensor<1x1x2x2x!quant.uniform<i4:f32:3, {0.5,0.25}>>, value = dense<3> : tensor<1x1x2x2xi4>}> : () -> tensor<1x1x2x2x!quant.uniform<i4:f32:3, {0.5,0.25}>> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32> loc("b")
  %y = "tfl.depthwise_conv_2d"(%x, %q, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, depth_multiplier = 1 : i32, fused_activation_function = "NONE", dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32}> : (tensor<1x4x4x2xf32>, tensor<1x1x2x2x!quant.uniform<i4:f32:3, {0.5,0.25}>>, tensor<2xf32>) -> tensor<1x4x4x2xf32> loc("y")
  func.return %y : tensor<1x4x4x2xf32>
}
