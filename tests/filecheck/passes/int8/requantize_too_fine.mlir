// RUN: tflir-opt %s -p tfl-post-quantize | filecheck %s
// RUN: tflir-opt %s -p 'tfl-post-quantize{tf-compat=true}' | filecheck %s --check-prefix=COMPAT

// The kernel of squared_difference aborts if its result has far finer steps than the product of its operands' steps:
// such a requantization is not folded into it, though nothing else reads the first result.

// CHECK-LABEL: func.func @main
// CHECK: tfl.squared_difference(%x, %x)
// CHECK-SAME: -> tensor<4x!quant.uniform<i8:f32, 9.765625e-04>>
// CHECK: "tfl.quantize"
// CHECK-LABEL: func.func @coarse
// CHECK: tfl.squared_difference(%x, %x)
// CHECK-SAME: -> tensor<4x!quant.uniform<i8:f32, 1.953125e-03>>
// CHECK-NOT: "tfl.quantize"

// COMPAT-LABEL: func.func @main
// COMPAT: tfl.squared_difference(%x, %x)
// COMPAT-SAME: -> tensor<4x!quant.uniform<i8:f32, 9.313225746154785e-10>>
// COMPAT-NOT: "tfl.quantize"
// COMPAT-LABEL: func.func @coarse
func.func @main(%x: tensor<4x!quant.uniform<i8:f32, 0.0078125>>) -> tensor<4x!quant.uniform<i8:f32, 9.313225746154785e-10>> {
  %y = tfl.squared_difference(%x, %x) : (tensor<4x!quant.uniform<i8:f32, 0.0078125>>, tensor<4x!quant.uniform<i8:f32, 0.0078125>>) -> tensor<4x!quant.uniform<i8:f32, 9.765625e-04>>
  %z = "tfl.quantize"(%y) <{qtype = tensor<4x!quant.uniform<i8:f32, 9.313225746154785e-10>>}> {tfl.requantizes} : (tensor<4x!quant.uniform<i8:f32, 9.765625e-04>>) -> tensor<4x!quant.uniform<i8:f32, 9.313225746154785e-10>>
  func.return %z : tensor<4x!quant.uniform<i8:f32, 9.313225746154785e-10>>
}
func.func @coarse(%x: tensor<4x!quant.uniform<i8:f32, 0.0078125>>) -> tensor<4x!quant.uniform<i8:f32, 0.001953125>> {
  %y = tfl.squared_difference(%x, %x) : (tensor<4x!quant.uniform<i8:f32, 0.0078125>>, tensor<4x!quant.uniform<i8:f32, 0.0078125>>) -> tensor<4x!quant.uniform<i8:f32, 0.0009765625>>
  %z = "tfl.quantize"(%y) <{qtype = tensor<4x!quant.uniform<i8:f32, 0.001953125>>}> {tfl.requantizes} : (tensor<4x!quant.uniform<i8:f32, 0.0009765625>>) -> tensor<4x!quant.uniform<i8:f32, 0.001953125>>
  func.return %z : tensor<4x!quant.uniform<i8:f32, 0.001953125>>
}
