// RUN: tflir-opt %s -p tfl-post-quantize | filecheck %s

// CHECK-LABEL: func.func @leftovers
// CHECK-NEXT: "tfl.relu"
// CHECK-NEXT: func.return
func.func @leftovers(%x: tensor<2xf32>) -> tensor<2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %q = "tfl.quantize"(%w) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0>>}> : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %d = "tfl.dequantize"(%q) : (tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2xf32>
  %y = "tfl.relu"(%x) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// What is read, or has an effect, stays.
// CHECK-LABEL: func.func @kept
// CHECK: "tfl.pseudo_const"
// CHECK: "tfl.assign_variable"
func.func @kept() {
  %h = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>
  %w = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  "tfl.assign_variable"(%h, %w) : (tensor<!tf_type.resource>, tensor<2xf32>) -> ()
  func.return
}
