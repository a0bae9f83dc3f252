// RUN: tflir-opt %s -p 'tfl-prepare-quantize-float16{min-elements=2},tfl-post-quantize' --print-debuginfo | filecheck %s
// RUN: tflir-opt %s -p 'tfl-prepare-quantize-float16{min-elements=0 clamp=true variables=true},tfl-post-quantize' | filecheck %s --check-prefix=COMPAT

// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: [[H:%.*]] = "tfl.pseudo_const"() <{value = dense<[1.000000e+00, 1.000977e+00]> : tensor<2xf16>}> : () -> tensor<2xf16> loc("w")
  // CHECK-NEXT: [[W:%.*]] = "tfl.dequantize"([[H]]) : (tensor<2xf16>) -> tensor<2xf32> loc("w_dequantize")
  // CHECK-NEXT: tfl.add{{[ (]}}%{{.*}}, [[W]]
  // CHECK-NEXT: tfl.mul{{[ (]}}%{{.*}}, [[W]]
  %w = "tfl.pseudo_const"() <{value = dense<[1.0001, 1.001]> : tensor<2xf32>}> : () -> tensor<2xf32> loc("w")
  %a = "tfl.add"(%x, %w) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %y = "tfl.mul"(%a, %w) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// CHECK-LABEL: func.func @too_large
// COMPAT-LABEL: func.func @too_large
func.func @too_large(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: dense<[1.000000e+05, 1.000000e+00]> : tensor<2xf32>
  // COMPAT: dense<[6.550400e+04, 1.000000e+00]> : tensor<2xf16>
  %w = "tfl.pseudo_const"() <{value = dense<[1.0e5, 1.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %a = "tfl.add"(%x, %w) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %a : tensor<2xf32>
}

// CHECK-LABEL: func.func @only_returned
// CHECK-NOT: f16
// CHECK: func.return
func.func @only_returned() -> tensor<2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  func.return %w : tensor<2xf32>
}
