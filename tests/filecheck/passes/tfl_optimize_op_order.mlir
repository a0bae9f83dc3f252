// RUN: tflir-opt %s -p tfl-optimize-op-order | filecheck %s

// What is gathered is dequantized, not the whole table.
// CHECK-LABEL: func.func @shrinks
// CHECK: %[[g:.*]] = "tfl.gather"(%table, %i) {{.*}} -> tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01>>
// CHECK-NEXT: "tfl.dequantize"(%[[g]]) : (tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01>>) -> tensor<2x4xf32>
func.func @shrinks(%table: tensor<64x4x!quant.uniform<i8:f32, 0.5>>, %i: tensor<2xi32>) -> tensor<2x4xf32> {
  %d = "tfl.dequantize"(%table) : (tensor<64x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<64x4xf32>
  %0 = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<64x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @grows
// CHECK-NEXT: "tfl.dequantize"(%table)
func.func @grows(%table: tensor<1x4x!quant.uniform<i8:f32, 0.5>>, %i: tensor<2xi32>) -> tensor<2x4xf32> {
  %d = "tfl.dequantize"(%table) : (tensor<1x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<1x4xf32>
  %0 = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<1x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  func.return %0 : tensor<2x4xf32>
}
