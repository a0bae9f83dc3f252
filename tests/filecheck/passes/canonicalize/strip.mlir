// RUN: tflir-opt %s -p tfl-strip --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p 'tfl-strip{kinds=metadata}' --print-debuginfo | filecheck %s --check-prefix=META

// CHECK-NOT: a description
// CHECK: loc("x")
// CHECK-NOT: loc("inside")
// CHECK: loc("y")
// META-NOT: a description
// META: loc("inside")
module attributes {tfl.description = "a description"} {
  func.func @main(%x: tensor<2xf32> loc("x")) -> tensor<2xf32> {
    %0 = "tfl.abs"(%x) : (tensor<2xf32>) -> tensor<2xf32> loc("inside")
    %1 = "tfl.neg"(%0) : (tensor<2xf32>) -> tensor<2xf32> loc("y")
    func.return %1 : tensor<2xf32>
  }
}
