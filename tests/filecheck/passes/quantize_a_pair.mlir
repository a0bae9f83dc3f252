// RUN: tflir-opt %s -p tfl-quantize | filecheck %s
// RUN: tflir-opt %s -p tfl-quantize,tfl-post-quantize | filecheck %s --check-prefix=CLEAN

// The op reads the quantized weights, which are computed; the pair that is left goes with tfl-post-quantize.
// CHECK: %[[q:.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {1.000000e+00,2.000000e+00}>>, value = dense<{{.*}}127, -2, 0, 0], [2, 0, 0, -127]]> : tensor<2x4xi8>}>
// CHECK: "tfl.dequantize"(%[[q]])
// CHECK: "tfl.fully_connected"(%x, %[[q]], %none)
// CLEAN-NOT: tfl.dequantize
// CLEAN: tfl.fully_connected
func.func @main(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, -2.0, 0.25, 0.0], [4.0, 0.0, 0.0, -254.0]]> : tensor<2x4xf32>}> : () -> tensor<2x4xf32>
  %q = "tfl.quantize"(%w) <{qtype = tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,2.0}>>}> : (tensor<2x4xf32>) -> tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,2.0}>>
  %d = "tfl.dequantize"(%q) : (tensor<2x4x!quant.uniform<i8<-127:127>:f32:0, {1.0,2.0}>>) -> tensor<2x4xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %d, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}
