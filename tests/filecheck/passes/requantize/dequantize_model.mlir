// RUN: tflir-opt %s -p tfl-dequantize-model{ranges=true} | filecheck %s

// Scales of blocks, scales of an axis with zero points, and a type that starts at 0.
// CHECK-LABEL: func.func @layer(%x: tensor<1x4xf32>
// CHECK-SAME: max = array<f32: 1.270000e+02>
// CHECK: "tfl.pseudo_const"() <{value = dense<{{\[\[}}-4.000000e+00, 3.500000e+00, 2.000000e+00, -2.000000e+00]]> : tensor<1x4xf32>}>
// CHECK: "tfl.fully_connected"({{.*}}fused_activation_function = "RELU"
// CHECK-SAME: max = array<f32: 2.550000e+02>
// CHECK-SAME: -> tensor<1x1xf32>
func.func @layer(%x: tensor<1x4x!quant.uniform<i8:f32, 1.0>>) -> tensor<1x1x!quant.uniform<i8:f32, 1.0:-128>> {
  %w = "tfl.pseudo_qconst"() <{qtype = tensor<1x4x!quant.uniform<i4:f32:{0:1,1:2}, {{0.5, 2.0}}>>, value = dense<[[-8, 7, 1, -1]]> : tensor<1x4xi4>}> : () -> tensor<1x4x!quant.uniform<i4:f32:{0:1,1:2}, {{0.5, 2.0}}>>
  %n = "tfl.no_value"() <{value}> : () -> none
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4x!quant.uniform<i8:f32, 1.0>>, tensor<1x4x!quant.uniform<i4:f32:{0:1,1:2}, {{0.5, 2.0}}>>, none) -> tensor<1x1x!quant.uniform<i8:f32, 1.0:-128>>
  func.return %y : tensor<1x1x!quant.uniform<i8:f32, 1.0:-128>>
}

// What reads integers as such keeps them.
// CHECK-LABEL: func.func @bits
// CHECK: [[Q:%.*]] = "tfl.quantize"(%x)
// CHECK: "tfl.cast"([[Q]]) : (tensor<2x!quant.uniform<u8:f32, 5.000000e-01:8>>) -> tensor<2xf32>
func.func @bits(%x: tensor<2x!quant.uniform<u8:f32, 0.5:8>>) -> tensor<2xf32> {
  %y = "tfl.cast"(%x) : (tensor<2x!quant.uniform<u8:f32, 0.5:8>>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// A requantization to a type that ends sooner is a limit.
// CHECK-LABEL: func.func @limit
// CHECK-NOT: tfl.quantize
// CHECK: "tfl.relu"
func.func @limit(%x: tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2x!quant.uniform<i8:f32, 0.5:-128>> {
  %a = "tfl.abs"(%x) : (tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %b = "tfl.add"(%x, %a) <{fused_activation_function = "NONE"}> : (tensor<2x!quant.uniform<i8:f32, 1.0>>, tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %s = "tfl.pseudo_const"() <{value = dense<[2]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %c = "tfl.reshape"(%b, %s) : (tensor<2x!quant.uniform<i8:f32, 1.0>>, tensor<1xi32>) -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %q = "tfl.quantize"(%c) <{qtype = tensor<2x!quant.uniform<i8:f32, 0.5:-128>>}> : (tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2x!quant.uniform<i8:f32, 0.5:-128>>
  func.return %q : tensor<2x!quant.uniform<i8:f32, 0.5:-128>>
}
