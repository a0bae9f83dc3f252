// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false headroom=1},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s
// RUN: not tflir-opt %s -p 'tfl-prepare-quantize{headroom=9}' 2>&1 | filecheck %s --check-prefix=MOST

// MOST: headroom=9: a number of bits from 0 to 8

// With one bit for values beyond the range, its end is the integer 16383 instead of 32767. The constant's elements are
// known, so they have all the integers.
// CHECK-LABEL: func.func @beyond
// CHECK-DAG: "tfl.quantize"(%{{.*}}) {{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 1.000000e+00>>
// CHECK-DAG: "tfl.pseudo_qconst"() {{.*}}dense<32767>{{.*}} -> tensor<2x!quant.uniform<i16:f32, 2.000000e+00>>
// CHECK: tfl.mul{{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 2.000000e+00>>
func.func @beyond(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -16383.0>, max = array<f32: 1.0>}}}) -> tensor<1x2xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<65534.0> : tensor<2xf32>}> : () -> tensor<2xf32>
  %y = "tfl.mul"(%x, %c) <{fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 32766.0>}}} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// A fixed scale is what it was.
// CHECK-LABEL: func.func @fixed
// CHECK: "tfl.tanh"{{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 3.0517578125e-05>>
func.func @fixed(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}}) -> tensor<1x2xf32> {
  %y = "tfl.tanh"(%x) : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
