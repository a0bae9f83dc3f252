// RUN: tflir-opt %s -p tfl-optimize-op-order --print-debuginfo | filecheck %s

!table = tensor<4x2x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>>

// CHECK-LABEL: func.func @shrinks
func.func @shrinks(%t: !table, %i: tensor<1xi32>) -> tensor<1x2xf32> {
  // CHECK: [[G:%.*]] = "tfl.gather"(%{{.*}}, %{{.*}}) {{.*}} -> tensor<1x2x!quant.uniform<i8<-127:127>:f32, 5.000000e-01>> loc("rows_quantized")
  // CHECK-NEXT: [[D:%.*]] = "tfl.dequantize"([[G]]) : {{.*}} -> tensor<1x2xf32> loc("rows")
  // CHECK-NEXT: func.return [[D]]
  %d = "tfl.dequantize"(%t) : (!table) -> tensor<4x2xf32>
  %y = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<4x2xf32>, tensor<1xi32>) -> tensor<1x2xf32> loc("rows")
  func.return %y : tensor<1x2xf32>
}

// What the file says of the float tensor stays with it.
// CHECK-LABEL: func.func @described
func.func @described(%t: !table, %i: tensor<1xi32>) -> tensor<1x2xf32> {
  // CHECK: [[G:%.*]] = "tfl.gather"(%{{.*}}, %{{.*}}) <{axis = 0 : i32, batch_dims = 0 : i32}> {tfl.debug_metadata_index = 3 : i32} :
  // CHECK-NEXT: "tfl.dequantize"([[G]]) {tfl.tensor = {quantization = {min = array<f32: -1.000000e+00>, max = array<f32: 2.000000e+00>}}} : {{.*}} loc("rows")
  %d = "tfl.dequantize"(%t) : (!table) -> tensor<4x2xf32>
  %y = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> {tfl.debug_metadata_index = 3 : i32, tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 2.0>}}} : (tensor<4x2xf32>, tensor<1xi32>) -> tensor<1x2xf32> loc("rows")
  func.return %y : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @grows
// CHECK: "tfl.dequantize"
// CHECK-NEXT: "tfl.gather"
func.func @grows(%t: !table, %i: tensor<9xi32>) -> tensor<9x2xf32> {
  %d = "tfl.dequantize"(%t) : (!table) -> tensor<4x2xf32>
  %y = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<4x2xf32>, tensor<9xi32>) -> tensor<9x2xf32>
  func.return %y : tensor<9x2xf32>
}

// CHECK-LABEL: func.func @read_twice
// CHECK: "tfl.dequantize"
// CHECK-NEXT: "tfl.gather"
func.func @read_twice(%t: !table, %i: tensor<1xi32>) -> (tensor<1x2xf32>, tensor<4x2xf32>) {
  %d = "tfl.dequantize"(%t) : (!table) -> tensor<4x2xf32>
  %y = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<4x2xf32>, tensor<1xi32>) -> tensor<1x2xf32>
  func.return %y, %d : tensor<1x2xf32>, tensor<4x2xf32>
}

// Float16 constants are widened where they stand.
// CHECK-LABEL: func.func @half
// CHECK: "tfl.dequantize"
// CHECK-NEXT: "tfl.gather"
func.func @half(%t: tensor<4x2xf16>, %i: tensor<1xi32>) -> tensor<1x2xf32> {
  %d = "tfl.dequantize"(%t) : (tensor<4x2xf16>) -> tensor<4x2xf32>
  %y = "tfl.gather"(%d, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<4x2xf32>, tensor<1xi32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
