// RUN: tflir-opt %s -p 'tfl-prepare-quantize-float16{min-elements=2},tfl-post-quantize' | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[h:.*]] = "tfl.pseudo_const"() <{value = dense<[1.000000e+00, {{.*}}]> : tensor<2xf16>}> : () -> tensor<2xf16>
// CHECK-NEXT: %[[d:.*]] = "tfl.dequantize"(%[[h]]) : (tensor<2xf16>) -> tensor<2xf32>
// CHECK: "tfl.add"(%x, %[[d]])
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[1.0, 0.1]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %0 = "tfl.add"(%x, %w) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}
