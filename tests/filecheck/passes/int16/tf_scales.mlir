// RUN: tflir-opt %s -p 'tfl-choose-activations{tf-compat=true},tfl-convert-int16-as-tensorflow' | filecheck %s

// TensorFlow gives a sum the scale of its operand,
// CHECK-LABEL: func.func @sum
// CHECK: "tfl.sum"{{.*}} -> tensor<1x!quant.uniform<i16:f32, 1.000000e+00>>
func.func @sum(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1xf32> {
  %axis = "tfl.pseudo_const"() <{value = dense<1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %y = "tfl.sum"(%x, %axis) <{keep_dims = false}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x4xf32>, tensor<1xi32>) -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}

// and quantizes twice what another scale is wanted for: the tensor, and the constant in place.
// CHECK-LABEL: func.func @together
// CHECK-DAG: [[X:%.*]] = "tfl.quantize"(%{{.*}}) {{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 1.000000e+00>>
// CHECK-DAG: "tfl.quantize"([[X]]) {{.*}} -> tensor<1x2x!quant.uniform<i16:f32, 2.000000e+00>>
// CHECK-DAG: "tfl.pseudo_qconst"() {{.*}}value = dense<[50, -50]> : tensor<2xi16>
// CHECK: "tfl.maximum"
func.func @together(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> tensor<1x2xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<[100.0, -100.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %y = "tfl.maximum"(%x, %c) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// A float op before the first int16 one reads int16, too.
// CHECK-LABEL: func.func @before
// CHECK: [[X:%.*]] = "tfl.quantize"
// CHECK: tfl.greater([[X]]
// CHECK: "tfl.abs"([[X]])
// CHECK: [[D:%.*]] = "tfl.dequantize"([[X]])
// CHECK: tfl.greater([[D]]
func.func @before(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}}) -> (tensor<1x2xi1>, tensor<1x2xf32>, tensor<1x2xi1>) {
  %c = "tfl.pseudo_const"() <{value = dense<[100.0, -100.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %a = "tfl.greater"(%x, %c) : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xi1>
  %y = "tfl.abs"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %b = "tfl.greater"(%x, %c) : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xi1>
  func.return %a, %y, %b : tensor<1x2xi1>, tensor<1x2xf32>, tensor<1x2xi1>
}
