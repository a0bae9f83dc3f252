// RUN: tflir-opt %s -p tfl-insert-range-outputs | filecheck %s

// Each float value is reduced to its largest and smallest element; one that only reorders another's elements shares its
// place. What can make NaN has a place that says so.
// CHECK-LABEL: func.func @main(%x: tensor<2x2xf32>, %i: tensor<2xi32>) -> (tensor<4xf32>, tensor<4xf32>)
// CHECK: %[[h0:.*]] = "tfl.reduce_max"(%x
// CHECK: %[[l0:.*]] = "tfl.reduce_min"(%x
// CHECK: %[[r:.*]] = "tfl.reshape"(%x
// CHECK-NEXT: %[[a:.*]] = "tfl.abs"(%[[r]])
// CHECK-NEXT: %[[h1:.*]] = "tfl.reduce_max"(%[[a]]
// CHECK-NEXT: %[[l1:.*]] = "tfl.reduce_min"(%[[a]]
// CHECK-NEXT: %[[s:.*]] = "tfl.sqrt"(%[[a]])
// CHECK-NEXT: %[[h2:.*]] = "tfl.reduce_max"(%[[s]]
// CHECK: tfl.not_equal{{[ (]}}%[[s]], %[[s]]
// CHECK: %[[n:.*]] = "tfl.reduce_max"
// CHECK: %[[high:.*]] = "tfl.pack"(%[[h0]], %[[h1]], %[[h2]], %[[n]])
// CHECK: %[[low:.*]] = "tfl.pack"
// CHECK: return %[[high]], %[[low]]
func.func @main(%x: tensor<2x2xf32>, %i: tensor<2xi32>) -> (tensor<4xf32>, tensor<2xi32>) {
  %n = "tfl.pseudo_const"() <{value = dense<[4]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %0 = "tfl.reshape"(%x, %n) : (tensor<2x2xf32>, tensor<1xi32>) -> tensor<4xf32>
  %1 = "tfl.abs"(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "tfl.sqrt"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %2, %i : tensor<4xf32>, tensor<2xi32>
}
