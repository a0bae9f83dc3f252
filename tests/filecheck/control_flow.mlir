// RUN: tflir-opt %s | filecheck %s

// CHECK-LABEL: func.func @main
func.func @main(%n: tensor<i32>) -> tensor<i32> {
  // CHECK: %[[r:.*]] = "tfl.while"(%n) <{is_stateless = false}> ({
  // CHECK-NEXT: ^{{.*}}(%[[x:.*]]: tensor<i32>):
  // CHECK-NEXT: %[[c:.*]] = func.call @cond(%[[x]]) : (tensor<i32>) -> tensor<i1>
  // CHECK-NEXT: "tfl.yield"(%[[c]]) : (tensor<i1>) -> ()
  // CHECK-NEXT: }, {
  // CHECK: }) : (tensor<i32>) -> tensor<i32>
  %0 = "tfl.while"(%n) <{is_stateless = false}> ({
  ^bb0(%x: tensor<i32>):
    %c = func.call @cond(%x) : (tensor<i32>) -> tensor<i1>
    "tfl.yield"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%x: tensor<i32>):
    %y = func.call @body(%x) : (tensor<i32>) -> tensor<i32>
    "tfl.yield"(%y) : (tensor<i32>) -> ()
  }) : (tensor<i32>) -> tensor<i32>
  %p = func.call @cond(%0) : (tensor<i32>) -> tensor<i1>
  // CHECK: "tfl.if"(%p) ({
  %1 = "tfl.if"(%p) ({
    %t = func.call @body(%0) : (tensor<i32>) -> tensor<i32>
    "tfl.yield"(%t) : (tensor<i32>) -> ()
  }, {
    // A region sees the values around it.
    "tfl.yield"(%n) : (tensor<i32>) -> ()
  }) : (tensor<i1>) -> tensor<i32>
  func.return %1 : tensor<i32>
}
func.func private @cond(%x: tensor<i32>) -> tensor<i1> {
  %0 = "tfl.pseudo_const"() <{value = dense<true> : tensor<i1>}> : () -> tensor<i1>
  func.return %0 : tensor<i1>
}
func.func private @body(%x: tensor<i32>) -> tensor<i32> { func.return %x : tensor<i32> }
