// RUN: tflir-opt %s -p tfl-post-quantize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[q:.*]] = "tfl.pseudo_qconst"()
// CHECK-NEXT: %[[d:.*]] = "tfl.dequantize"(%[[q]])
// CHECK-NEXT: func.return %[[d]]
func.func @main() -> tensor<2xf32> {
  %unused = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %q0 = "tfl.pseudo_qconst"() <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0>>, value = dense<[3, 4]> : tensor<2xi8>}> : () -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %d0 = "tfl.dequantize"(%q0) : (tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2xf32>
  %q1 = "tfl.pseudo_qconst"() <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0>>, value = dense<[1, 2]> : tensor<2xi8>}> : () -> tensor<2x!quant.uniform<i8:f32, 1.0>>
  %d1 = "tfl.dequantize"(%q1) : (tensor<2x!quant.uniform<i8:f32, 1.0>>) -> tensor<2xf32>
  func.return %d1 : tensor<2xf32>
}
