// RUN: tflir-opt %s -p tfl-choose-activations | filecheck %s
// RUN: tflir-opt %s -p 'tfl-choose-activations{mixed=true}' | filecheck %s --check-prefix=MIXED

// What an int16 kernel computes well is marked; the rest stays float and says why.
// CHECK-LABEL: func.func @main
// CHECK: "tfl.abs"{{.*}}tfl.activations = "int16"
// CHECK: "tfl.logistic"{{.*}}tfl.activations = "int16"
// CHECK: "tfl.sin"{{.*}}tfl.keep_float = "no kernel computes it in int16"
// CHECK: "tfl.relu"{{.*}}tfl.keep_float = "the range of a value was not recorded"

// Beside int8, only what a recipe marked is concerned, and what can't be int16 is left to int8.
// MIXED-LABEL: func.func @main
// MIXED: "tfl.abs"(%{{.*}}) {tfl.tensor
// MIXED: "tfl.logistic"{{.*}}tfl.activations = "int16"
// MIXED: "tfl.sin"{{.*}}tfl.activations = "int8"
// MIXED-NOT: tfl.keep_float
func.func @main(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}}, %u: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %a = "tfl.abs"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 1.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %n = "tfl.logistic"(%a) {tfl.activations = "int16", tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 1.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = "tfl.sin"(%n) {tfl.activations = "int16"} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = "tfl.relu"(%u) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %s, %r : tensor<1x4xf32>, tensor<1x4xf32>
}
