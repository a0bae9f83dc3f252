// RUN: tflir-opt %s -p tfl-select-ops,tfl-prepare-quantize | filecheck %s
// RUN: tflir-opt %s -p tfl-prepare-quantize{tf-compat=true} | filecheck %s --check-prefix=COMPAT

// Its kernel fills with integer 0, so 0 must stand for 0.0: scale = max|range| / 127 for all that it shares a scale with.
// CHECK-LABEL: func.func @scatters
// CHECK: "tfl.quantize"(%x) {{.*}}i8:f32, 2.000000e+00>
// CHECK: tfl.reshape
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 2.000000e+00>
// CHECK: tfl.scatter_nd
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 2.000000e+00>
// COMPAT-LABEL: func.func @scatters
// COMPAT: "tfl.quantize"(%x) {{.*}}i8:f32, 0.99607{{[0-9]+}}:-128>
func.func @scatters(%x: tensor<2x1xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 254.0>}}}) -> tensor<5xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[2]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %0 = "tfl.reshape"(%x, %s) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 254.0>}}} : (tensor<2x1xf32>, tensor<1xi32>) -> tensor<2xf32>
  %i = "tfl.pseudo_const"() <{value = dense<[[1], [3]]> : tensor<2x1xi32>}> : () -> tensor<2x1xi32>
  %n = "tfl.pseudo_const"() <{value = dense<[5]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %1 = "tfl.scatter_nd"(%i, %0, %n) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 254.0>}}} : (tensor<2x1xi32>, tensor<2xf32>, tensor<1xi32>) -> tensor<5xf32>
  func.return %1 : tensor<5xf32>
}

// Ops whose kernels copy integers share one scale, though the dialect does not say so of them.
// CHECK-LABEL: func.func @copies
// CHECK: tfl.reverse_v2
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 1.000000e+00:-128>
// COMPAT-LABEL: func.func @copies
// COMPAT: tfl.reverse_v2
// COMPAT-NEXT: "tfl.quantize"({{.*}}i8:f32, 2.000000e+00:-128>
func.func @copies(%x: tensor<4xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<4xf32> {
  %a = "tfl.pseudo_const"() <{value = dense<[0]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %0 = "tfl.reverse_v2"(%x, %a) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<4xf32>, tensor<1xi32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
