// RUN: tflir-opt %s --print-debuginfo | filecheck %s
// RUN: tflir-opt %s | filecheck %s --check-prefix=WITHOUT

// WITHOUT-NOT: loc(
// CHECK: func.func @main(%serving_default_x_0: tensor<4xf32> loc("serving_default_x:0"))
func.func @main(%x: tensor<4xf32> loc("serving_default_x:0")) -> tensor<4xf32> {
  // CHECK-NEXT: "tfl.relu"({{.*}} loc("größe \22\0A\FF")
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("gr\C3\B6\C3\9Fe \22\n\FF")
  // CHECK-NEXT: "tfl.relu"({{.*}} loc("")
  %1 = "tfl.relu"(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("")
  // CHECK-NEXT: "tfl.relu"({{.*}} loc(unknown)
  %2 = "tfl.relu"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK-NEXT: "tfl.relu"({{.*}} loc("behind")
  %3 = "tfl.relu"(%2) : (tensor<4xf32>) -> tensor<4xf32> loc(#loc)
  func.return %3 : tensor<4xf32>
}
#loc = loc("behind")
