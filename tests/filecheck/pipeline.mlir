// RUN: tflir-opt %s -p "canonicalize, tfl-post-quantize" --print-ir-before-all --print-ir-after tfl-post-quantize --timing --pass-statistics 2>&1 | filecheck %s
// RUN: not tflir-opt %s -p tfl-post-quantise 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not tflir-opt %s -p tfl-quantize{tf-compatible} 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not tflir-opt %s -p canonicalize --print-ir-after cse 2>&1 | filecheck %s --check-prefix=ABSENT

// NAME: error: no pass is called 'tfl-post-quantise'; did you mean 'tfl-post-quantize'
// OPTION: error: pass tfl-quantize has no option 'tf-compatible'; did you mean 'tf-compat'?: it has integer, hybrid, legacy-float-scale, tf-compat
// ABSENT: error: the pipeline has no pass 'cse'

// CHECK: IR Dump Before canonicalize
// CHECK: IR Dump Before tfl-post-quantize
// CHECK: IR Dump After tfl-post-quantize
// CHECK: tfl-post-quantize:
// CHECK: builtin.module
// CHECK-NOT: tfl.pseudo_const
// CHECK: seconds
// CHECK: 100.0%  in all
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %unused = "tfl.pseudo_const"() <{value = dense<1> : tensor<4xi32>}> : () -> tensor<4xi32>
  func.return %x : tensor<4xf32>
}
