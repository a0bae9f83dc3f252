// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s

// A result has the scale of its own range: 32767 steps to the larger side, 0 in the middle.
// CHECK-LABEL: func.func @own
// CHECK: "tfl.quantize"(%{{.*}}) {{.*}} -> tensor<1x4x!quant.uniform<i16:f32, 1.000000e+00>>
// CHECK-NEXT: "tfl.abs"(%{{.*}}) : {{.*}} -> tensor<1x4x!quant.uniform<i16:f32, 2.000000e+00>>
// CHECK-NEXT: "tfl.dequantize"
// CHECK-NEXT: func.return
func.func @own(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1x4xf32> {
  %y = "tfl.abs"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}

// What only moves elements has its operand's, whatever was recorded.
// CHECK-LABEL: func.func @moved
// CHECK: "tfl.reshape"{{.*}} -> tensor<4x!quant.uniform<i16:f32, 1.000000e+00>>
func.func @moved(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<4xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<4> : tensor<1xi32>}> : () -> tensor<1xi32>
  %y = "tfl.reshape"(%x, %s) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x4xf32>, tensor<1xi32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// What lies in [-1, 1] has 2^-15.
// CHECK-LABEL: func.func @fixed
// CHECK: "tfl.tanh"{{.*}} -> tensor<1x4x!quant.uniform<i16:f32, 3.0517578125e-05>>
func.func @fixed(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1x4xf32> {
  %y = "tfl.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}

// What brings tensors together has its own for all of them; a constant is made in it.
// CHECK-LABEL: func.func @together
// CHECK-DAG: "tfl.quantize"(%{{.*}}) {{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 2.000000e+00>>
// CHECK-DAG: "tfl.pseudo_qconst"() {{.*}}value = dense<[50, -50]> : tensor<2xi16>{{.*}} -> tensor<2x!quant.uniform<i16:f32, 2.000000e+00>>
// CHECK: "tfl.maximum"{{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 2.000000e+00>>
func.func @together(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1x2xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<[100.0, -100.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %y = "tfl.maximum"(%x, %c) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
