// RUN: tflir-opt %s -p tfl-integer-forms | filecheck %s
// RUN: tflir-opt %s -p tfl-integer-forms{int16=true} | filecheck %s --check-prefix=INT16

// CHECK-LABEL: func.func @square
// CHECK: tfl.mul{{[ (]}}%x, %x
// CHECK-SAME: max = array<f32: 4.000000e+00>
// INT16: tfl.mul{{[ (]}}%x, %x
func.func @square(%x: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: -2.0>, max = array<f32: 1.0>}}}) -> tensor<2xf32> {
  %y = "tfl.square"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 4.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// Parts of a sum have the range that follows from their operands'.
// CHECK-LABEL: func.func @sum
// CHECK: [[A:%.*]] = tfl.add{{[ (]}}%x, %x
// CHECK-SAME: min = array<f32: -4.000000e+00>, max = array<f32: 2.000000e+00>
// CHECK: tfl.add{{[ (]}}[[A]], %x
func.func @sum(%x: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: -2.0>, max = array<f32: 1.0>}}}) -> tensor<2xf32> {
  %y = "tfl.add_n"(%x, %x, %x) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// int16 has a kernel for it, int8 none that heeds the zero point.
// CHECK-LABEL: func.func @negative
// CHECK: tfl.mul
// INT16-LABEL: func.func @negative
// INT16: "tfl.neg"
func.func @negative(%x: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: -2.0>, max = array<f32: 1.0>}}}) -> tensor<2xf32> {
  %y = "tfl.neg"(%x) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// CHECK-LABEL: func.func @unknown
// CHECK: "tfl.square"
func.func @unknown(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = "tfl.square"(%x) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
