// RUN: tflir-opt %s | filecheck %s
// RUN: tflir-opt %s --print-resources | filecheck %s --check-prefix=BYTES

// BYTES: dense_resource<w> : tensor<8x8xf32>
// BYTES: {-#
// BYTES: w: "0x100000000000803f
// BYTES: #-}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK-NEXT: "tfl.pseudo_const"() <{value = dense_resource<__elided__> : tensor<8x8xf32>}>
  %w = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<8x8xf32>}> : () -> tensor<8x8xf32> loc("w")
  // CHECK-NEXT: %[[none:.*]] = "tfl.no_value"() <{value}> : () -> none
  %none = "tfl.no_value"() <{value}> : () -> none
  // CHECK-NEXT: "tfl.fully_connected"(%x, %w, %[[none]]) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}>
  %0 = "tfl.fully_connected"(%x, %w, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x8xf32>, tensor<8x8xf32>, none) -> tensor<1x8xf32>
  func.return %0 : tensor<1x8xf32>
}
// CHECK-NOT: {-#
