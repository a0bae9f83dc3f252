// RUN: tflir-opt %s -p tfl-canonicalize | filecheck %s

// Sums of constants are computed; what would be larger is not.
// CHECK-LABEL: func.func @main
// CHECK-DAG: dense<[4, 6]> : tensor<2xi32>
// CHECK-DAG: "tfl.broadcast_to"
// CHECK-NOT: tfl.add %c
func.func @main(%x: tensor<2xi32>, %z: tensor<64x64xf32>) -> (tensor<2xi32>, tensor<64x64xf32>) {
  %c = "tfl.pseudo_const"() <{value = dense<[1, 2]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %d = "tfl.pseudo_const"() <{value = dense<[3, 4]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %e = tfl.add %c, %d {fused_activation_function = "NONE"} : tensor<2xi32>
  %y = tfl.add %x, %e {fused_activation_function = "NONE"} : tensor<2xi32>
  %f = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %s = "tfl.pseudo_const"() <{value = dense<64> : tensor<2xi32>}> : () -> tensor<2xi32>
  %g = "tfl.broadcast_to"(%f, %s) : (tensor<1xf32>, tensor<2xi32>) -> tensor<64x64xf32>
  %h = tfl.mul %z, %g {fused_activation_function = "NONE"} : tensor<64x64xf32>
  func.return %y, %h : tensor<2xi32>, tensor<64x64xf32>
}
