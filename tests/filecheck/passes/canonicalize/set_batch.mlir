// RUN: tflir-opt %s -p tfl-set-batch,tfl-canonicalize | filecheck %s
// RUN: not tflir-opt %s -p 'tfl-set-batch{n=0}' 2>&1 | filecheck %s --check-prefix=NONE

// NONE: n=0 is no number of samples
// CHECK: func.func @main(%x: tensor<1x8xf32>) -> tensor<1x4x2xf32>
// CHECK-NOT: tfl.shape
// CHECK: "tfl.reshape"({{.*}}) : (tensor<1x8xf32>, tensor<3xi32>) -> tensor<1x4x2xf32>
func.func @main(%x: tensor<?x8xf32>) -> tensor<?x4x2xf32> {
  %zero = "tfl.pseudo_const"() <{value = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %one = "tfl.pseudo_const"() <{value = dense<1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %four = "tfl.pseudo_const"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
  %two = "tfl.pseudo_const"() <{value = dense<2> : tensor<i32>}> : () -> tensor<i32>
  %s = "tfl.shape"(%x) <{out_type = "INT32"}> : (tensor<?x8xf32>) -> tensor<2xi32>
  %b = "tfl.strided_slice"(%s, %zero, %one, %one) <{begin_mask = 0 : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32, shrink_axis_mask = 1 : i32, offset = false}> : (tensor<2xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<i32>
  %t = "tfl.pack"(%b, %four, %two) <{values_count = 3 : i32, axis = 0 : i32}> : (tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<3xi32>
  %a = "tfl.abs"(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = "tfl.reshape"(%a, %t) : (tensor<?x8xf32>, tensor<3xi32>) -> tensor<?x4x2xf32>
  func.return %y : tensor<?x4x2xf32>
}
