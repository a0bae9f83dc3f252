// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s

// What does nothing stays where the output would lose its name.
// CHECK-LABEL: func.func @output_of_an_input
// CHECK: %y = "tfl.tile"(%x
func.func @output_of_an_input(%x: tensor<2x4xf32> loc("x")) -> tensor<2x4xf32> {
  %n = "tfl.pseudo_const"() <{value = dense<1> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.tile"(%x, %n) : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32> loc("y")
  func.return %y : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @quantized_output_of_an_input
// CHECK: %y_i8 = "tfl.tile"
func.func @quantized_output_of_an_input(%x: tensor<2x4xf32> loc("x")) -> tensor<2x4xf32> {
  %n = "tfl.pseudo_const"() <{value = dense<1> : tensor<2xi32>}> : () -> tensor<2xi32>
  %q = "tfl.quantize"(%x) <{qtype = tensor<2x4x!quant.uniform<i8:f32, 0.1>>}> {volatile} : (tensor<2x4xf32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.1>> loc("q")
  %t = "tfl.tile"(%q, %n) : (tensor<2x4x!quant.uniform<i8:f32, 0.1>>, tensor<2xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.1>> loc("y_i8")
  %y = "tfl.dequantize"(%t) {volatile} : (tensor<2x4x!quant.uniform<i8:f32, 0.1>>) -> tensor<2x4xf32> loc("y")
  func.return %y : tensor<2x4xf32>
}
