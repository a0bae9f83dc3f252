// RUN: tflir-opt %s | filecheck %s
// RUN: tflir-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// The spellings of MLIR's printer read as well as the generic form.
// CHECK-LABEL: func.func @arithmetic
// GENERIC: "func.func"() <{sym_name = "arithmetic", function_type = (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>}>
func.func @arithmetic(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xi1> {
  // CHECK: %0 = tfl.add %a, %b {fused_activation_function = "RELU"} : tensor<4xf32>
  %0 = tfl.add %a, %b {fused_activation_function = "RELU"} : tensor<4xf32>
  // What MLIR's dialect does not model stands among the other attributes, and is read from there.
  // CHECK: tfl.sub %0, %b {fused_activation_function = "NONE", pot_scale_int16 = false} : tensor<4xf32>
  %1 = "tfl.sub"(%0, %b) <{fused_activation_function = "NONE", pot_scale_int16 = false}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: "tfl.cast"(%{{.*}}) : (tensor<4xf32>) -> tensor<4xi32>
  %2 = "tfl.cast"(%1) : (tensor<4xf32>) -> tensor<4xi32>
  // CHECK: "tfl.pseudo_const"() <{value = dense<[1, 2, 3, 4]> : tensor<4xi32>}>
  %3 = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  // CHECK: tfl.greater(%2, %3) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  %4 = tfl.greater(%2, %3) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  // CHECK: func.return
  return %4 : tensor<4xi1>
}
