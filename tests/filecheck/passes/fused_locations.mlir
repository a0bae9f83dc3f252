// RUN: tflir-opt %s -p tfl-optimize --print-debuginfo | filecheck %s

// The result has the name of the activation, and its location says which ops it was made of; the range is that of the
// activation, and the version is worked out anew.

// CHECK-LABEL: func.func @main
// CHECK-NEXT:    %y = tfl.add %x, %x
// CHECK-SAME:      {fused_activation_function = "RELU", tfl.tensor = {quantization = {min = array<f32: 0.000000e+00>, max = array<f32: 6.000000e+00>}
// CHECK-SAME:      : tensor<4xf32> loc("y"(fused["a", "y"]))
func.func @main(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %a = "tfl.add"(%x, %x) <{fused_activation_function = "NONE"}> {tfl.version = 9 : i32, tfl.tensor = {quantization = {min = array<f32: -9.0>, max = array<f32: 9.0>}}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("a")
  %y = "tfl.relu"(%a) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 6.0>}}} : (tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}
