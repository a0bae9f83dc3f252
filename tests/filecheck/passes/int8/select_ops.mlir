// RUN: tflir-opt %s -p tfl-select-ops | filecheck %s
// RUN: tflir-opt %s -p 'tfl-select-ops{skip="ABS"}' | filecheck %s --check-prefix=KIND
// RUN: tflir-opt %s -p 'tfl-select-ops{skip="^wei","tfl.one_hot" sound=false}' | filecheck %s --check-prefix=NAME
// RUN: tflir-opt %s -p 'tfl-select-ops{quantize-only="tfl.conv_2d"}' | filecheck %s --check-prefix=ONLY
// RUN: not tflir-opt %s -p 'tfl-select-ops{skip="ABSS"}' 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not tflir-opt %s -p 'tfl-select-ops{skip="("}' 2>&1 | filecheck %s --check-prefix=REGEX

// NONE: error: {{.*}}'ABSS' names no op of the model; did you mean 'ABS'
// REGEX: error: {{.*}}'(' is no regular expression

// CHECK: tfl.reverse_sequence{{.*}}tfl.keep_float = "the runtime has no int8 kernel"
// CHECK: tfl.one_hot{{.*}}tfl.shares_scale
// CHECK-NOT: keep_float
// CHECK: tfl.abs
// CHECK: tfl.conv_2d{{.*}}tfl.keep_float = "its weights are no constant
// KIND: tfl.abs{{.*}}tfl.keep_float = "skipped"
// NAME-NOT: tfl.reverse_sequence{{.*}}keep_float
// NAME: tfl.one_hot{{.*}}tfl.keep_float = "skipped"
// NAME: tfl.abs{{.*}}tfl.keep_float = "skipped"
// ONLY: tfl.reverse_sequence{{.*}}keep_float = "not among the ops to quantize"
// ONLY: tfl.abs{{.*}}keep_float = "not among the ops to quantize"
func.func @main(%x: tensor<1x4x4x2xf32>, %n: tensor<4xi32>, %i: tensor<3xi32>) -> (tensor<1x4x4x2xf32>, tensor<3x4xf32>, tensor<1x4x4x1xf32>) {
  %0 = "tfl.reverse_sequence"(%x, %n) <{seq_dim = 2 : i32, batch_dim = 1 : i32}> : (tensor<1x4x4x2xf32>, tensor<4xi32>) -> tensor<1x4x4x2xf32>
  %depth = "tfl.pseudo_const"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
  %on = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<f32>}> : () -> tensor<f32>
  %off = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %1 = "tfl.one_hot"(%i, %depth, %on, %off) <{axis = -1 : i32}> : (tensor<3xi32>, tensor<i32>, tensor<f32>, tensor<f32>) -> tensor<3x4xf32>
  %w = "tfl.abs"(%x) : (tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> loc("weights")
  %none = "tfl.no_value"() <{value}> : () -> none
  %2 = "tfl.conv_2d"(%x, %w, %none) <{padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x4x4x2xf32>, tensor<1x4x4x2xf32>, none) -> tensor<1x4x4x1xf32>
  func.return %0, %1, %2 : tensor<1x4x4x2xf32>, tensor<3x4xf32>, tensor<1x4x4x1xf32>
}
