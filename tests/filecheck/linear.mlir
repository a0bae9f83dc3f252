// RUN: tflir-opt %s | filecheck %s
// RUN: tflir-opt %s --print-resources | filecheck %s --check-prefix=BYTES

// BYTES: dense<1.000000e+00> : tensor<8x8xf32>
// BYTES: dense_resource<w> : tensor<36xi32>
// BYTES: {-#
// BYTES: w: "0x100000000100000002000000
// BYTES: #-}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK-NEXT: "tfl.pseudo_const"() <{value = dense<1.000000e+00> : tensor<8x8xf32>}>
  %w = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<8x8xf32>}> : () -> tensor<8x8xf32> loc("w")
  // CHECK-NEXT: dense_resource<__elided__> : tensor<36xi32>
  %l = "tfl.pseudo_const"() <{value = dense<[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36]> : tensor<36xi32>}> : () -> tensor<36xi32> loc("w")
  // CHECK-NEXT: %[[none:.*]] = "tfl.no_value"() <{value}> : () -> none
  %none = "tfl.no_value"() <{value}> : () -> none
  // CHECK-NEXT: "tfl.fully_connected"(%x, %w, %[[none]]) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}>
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x8xf32>, tensor<8x8xf32>, none) -> tensor<1x8xf32>
  func.return %0 : tensor<1x8xf32>
}
// CHECK-NOT: {-#
