// RUN: tflir-opt %s -p tfl-optimize | filecheck %s

// The op takes the activation's name, range and type.
// CHECK-LABEL: func.func @fuses
// CHECK: tfl.add %x, %x {fused_activation_function = "RELU6", tfl.tensor = {quantization = {min = array<f32: 0.000000e+00>, max = array<f32: 6.000000e+00>}}}
// CHECK-NOT: tfl.relu6
func.func @fuses(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = "tfl.add"(%x, %x) <{fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: -9.0>, max = array<f32: 9.0>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.relu6"(%0) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 6.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}

// What others read too, or has an activation, is left.
// CHECK-LABEL: func.func @leaves
// CHECK-COUNT-2: "tfl.relu"
func.func @leaves(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = "tfl.add"(%x, %x) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.relu"(%0) : (tensor<2xf32>) -> tensor<2xf32>
  %2 = "tfl.mul"(%x, %x) <{fused_activation_function = "RELU_N1_TO_1"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %3 = "tfl.relu"(%2) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %0, %1, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @slices
// CHECK: %[[s:.*]] = "tfl.pseudo_const"() <{value = dense<[1, 2]>
// CHECK: "tfl.slice"(%x, {{.*}}, %[[s]])
// CHECK: tfl.strided_slice
func.func @slices(%x: tensor<4x4xf32>) -> (tensor<1x2xf32>, tensor<2x2xf32>) {
  %b = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %e = "tfl.pseudo_const"() <{value = dense<[2, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %0 = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<4x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<1x2xf32>
  %1 = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 1 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<4x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x2xf32>
  func.return %0, %1 : tensor<1x2xf32>, tensor<2x2xf32>
}

// A slice can't end beyond its operand, and has a begin for each dimension.
// CHECK-LABEL: func.func @slices_beyond
// CHECK-NOT: "tfl.slice"
// CHECK: tfl.strided_slice
// CHECK: tfl.strided_slice
func.func @slices_beyond(%x: tensor<4x4xf32>) -> (tensor<3x2xf32>, tensor<2x4xf32>) {
  %b = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %e = "tfl.pseudo_const"() <{value = dense<[9, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %0 = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<4x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<3x2xf32>
  %c = "tfl.pseudo_const"() <{value = dense<1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %d = "tfl.pseudo_const"() <{value = dense<3> : tensor<1xi32>}> : () -> tensor<1xi32>
  %1 = "tfl.strided_slice"(%x, %c, %d, %c) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<4x4xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<2x4xf32>
  func.return %0, %1 : tensor<3x2xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: return %y
func.func @nothing(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %0 = "tfl.sub"(%x, %x) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.add"(%0, %y) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
