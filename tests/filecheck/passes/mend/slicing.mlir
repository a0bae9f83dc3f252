// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s

// CHECK-LABEL: func.func @to_the_end
// CHECK: [[SIZE:%.*]] = "tfl.pseudo_const"() <{value = dense<[2, 3]>
// CHECK: %y = "tfl.slice"(%x, {{.*}}, [[SIZE]])
func.func @to_the_end(%x: tensor<3x4xf32> loc("x")) -> tensor<2x3xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[-1, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.slice"(%x, %b, %s) : (tensor<3x4xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x3xf32> loc("y")
  func.return %y : tensor<2x3xf32>
}

// A stride that divides: every second column is the first of each pair.
// CHECK-LABEL: func.func @strided
// CHECK: [[PAIRS:%.*]] = "tfl.reshape"(%x, {{.*}}) : {{.*}} -> tensor<3x2x2xf32>
// CHECK: [[AT:%.*]] = "tfl.pseudo_const"() <{value = dense<[0, 0, 1]>
// CHECK: [[ONE:%.*]] = "tfl.slice"([[PAIRS]], [[AT]], {{.*}}) : {{.*}} -> tensor<3x2x1xf32>
// CHECK: %y = "tfl.reshape"([[ONE]], {{.*}}) : {{.*}} -> tensor<3x2xf32>
func.func @strided(%x: tensor<3x4xf32> loc("x")) -> tensor<3x2xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<[0, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %e = "tfl.pseudo_const"() <{value = dense<[3, 4]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[1, 2]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<3x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<3x2xf32> loc("y")
  func.return %y : tensor<3x2xf32>
}

// What no whole number of rows holds is padded.
// CHECK-LABEL: func.func @padded
// CHECK: "tfl.pad"(%x, {{.*}}) : {{.*}} -> tensor<6xf32>
// CHECK: "tfl.reshape"({{.*}}) : {{.*}} -> tensor<3x2xf32>
// CHECK: "tfl.slice"({{.*}}) : {{.*}} -> tensor<3x1xf32>
// CHECK: %y = "tfl.reshape"({{.*}}) : {{.*}} -> tensor<3xf32>
func.func @padded(%x: tensor<5xf32> loc("x")) -> tensor<3xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %e = "tfl.pseudo_const"() <{value = dense<5> : tensor<1xi32>}> : () -> tensor<1xi32>
  %s = "tfl.pseudo_const"() <{value = dense<2> : tensor<1xi32>}> : () -> tensor<1xi32>
  %y = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<5xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<3xf32> loc("y")
  func.return %y : tensor<3xf32>
}

// A dimension that goes.
// CHECK-LABEL: func.func @shrink
// CHECK: [[ROW:%.*]] = "tfl.slice"(%x, {{.*}}) : {{.*}} -> tensor<1x4xf32>
// CHECK: %y = "tfl.reshape"([[ROW]], {{.*}}) : {{.*}} -> tensor<4xf32>
func.func @shrink(%x: tensor<3x4xf32> loc("x")) -> tensor<4xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<[-1, 0]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %e = "tfl.pseudo_const"() <{value = dense<[0, 0]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[1, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.strided_slice"(%x, %b, %e, %s) <{begin_mask = 2 : i32, end_mask = 2 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 1 : i32, offset = false}> : (tensor<3x4xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @backwards
// CHECK: tfl.strided_slice
func.func @backwards(%x: tensor<4xf32>) -> tensor<4xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %s = "tfl.pseudo_const"() <{value = dense<-1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %y = "tfl.strided_slice"(%x, %b, %b, %s) <{begin_mask = 1 : i32, end_mask = 1 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 0 : i32, offset = false}> : (tensor<4xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// CHECK-LABEL: func.func @gather
// CHECK: "tfl.slice"(%x, {{.*}}) : {{.*}} -> tensor<2x1xf32>
// CHECK: %y = "tfl.reshape"
func.func @gather(%x: tensor<2x4xf32> loc("x")) -> tensor<2xf32> {
  %i = "tfl.pseudo_const"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
  %y = "tfl.gather"(%x, %i) <{axis = 1 : i32, batch_dims = 0 : i32}> : (tensor<2x4xf32>, tensor<i32>) -> tensor<2xf32> loc("y")
  func.return %y : tensor<2xf32>
}

// CHECK-LABEL: func.func @out_of_order
// CHECK: tfl.gather
func.func @out_of_order(%x: tensor<4xf32>) -> tensor<3xf32> {
  %i = "tfl.pseudo_const"() <{value = dense<[0, 3, 1]> : tensor<3xi32>}> : () -> tensor<3xi32>
  %y = "tfl.gather"(%x, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<4xf32>, tensor<3xi32>) -> tensor<3xf32>
  func.return %y : tensor<3xf32>
}
