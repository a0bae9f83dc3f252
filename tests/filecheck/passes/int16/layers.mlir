// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false per-channel=false bias-bits=32},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=TENSOR

// int8 weights with a scale for each channel, biases of 64 bits that have the product of the scales.
// CHECK-LABEL: func.func @main
// CHECK-DAG: "tfl.pseudo_qconst"() <{{.*}}value = dense<[[127, 0], [-64, 127]]> : tensor<2x2xi8>{{.*}} -> tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {1.000000e+00,2.000000e+00}>>
// CHECK-DAG: "tfl.pseudo_const"() <{value = dense<[8, -4]> : tensor<2xi64>}> {tfl.tensor = {quantization = {scale = array<f32: 1.000000e+00, 2.000000e+00>, zero_point = array<i64: 0, 0>}}}
// CHECK: "tfl.fully_connected"{{.*}}quantized_bias_type = "INT64"
// TENSOR-LABEL: func.func @main
// TENSOR-DAG: value = dense<[[64, 0], [-64, 127]]> : tensor<2x2xi8>{{.*}} -> tensor<2x2x!quant.uniform<i8<-127:127>:f32, 2.000000e+00>>
// TENSOR-DAG: value = dense<[4, -4]> : tensor<2xi32>{{.*}} -> tensor<2x!quant.uniform<i32:f32, 2.000000e+00>>
// TENSOR: "tfl.fully_connected"{{.*}}quantized_bias_type = "INT32"
func.func @main(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, 0.0], [-127.0, 254.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<[8.0, -8.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
