// RUN: tflir-opt %s -p tfl-fully-connected-to-conv-2d --print-debuginfo | filecheck %s

!x = tensor<2x500x!quant.uniform<i8:f32, 0.5>>
!w = tensor<64x500x!quant.uniform<i8:f32, 0.25>>
!b = tensor<64x!quant.uniform<i32:f32, 0.125>>
!y = tensor<2x64x!quant.uniform<i8:f32, 1.0>>

// CHECK-LABEL: func.func @integers
func.func @integers(%x: !x) -> !y {
  %b = "tfl.pseudo_qconst"() <{qtype = !b, value = dense<3> : tensor<64xi32>}> : () -> !b
  // CHECK: [[W:%.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<64x1x2x250x!quant.uniform<i8:f32, 2.500000e-01>>, {{.*}} loc("w")
  %w = "tfl.pseudo_qconst"() <{qtype = !w, value = dense<0> : tensor<64x500xi8>}> : () -> !w loc("w")
  // CHECK: [[I:%.*]] = "tfl.reshape"(%x, %{{.*}}) {{{.*}}new_shape = array<i32: 2, 1, 2, 250>} {{.*}} loc("y_rows")
  // CHECK: [[C:%.*]] = "tfl.conv_2d"([[I]], [[W]], %{{.*}}) <{{{.*}}padding = "VALID"{{.*}}fused_activation_function = "RELU"{{.*}} -> tensor<2x1x1x64x!quant.uniform<i8:f32, 1.000000e+00>> loc("y_conv_2d")
  // CHECK: "tfl.reshape"([[C]], %{{.*}}) {{{.*}}new_shape = array<i32: 2, 64>} {{.*}} loc("y")
  %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "RELU", weights_format = "DEFAULT", keep_num_dims = false}> : (!x, !w, !b) -> !y loc("y")
  func.return %y : !y
}

// A reshape before it goes; a bias is made where there is none.
// CHECK-LABEL: func.func @reshaped
func.func @reshaped(%i: tensor<2x5x10x10x!quant.uniform<i8:f32, 0.5>>) -> !y {
  %n = "tfl.no_value"() <{value}> : () -> none
  %w = "tfl.pseudo_qconst"() <{qtype = !w, value = dense<0> : tensor<64x500xi8>}> : () -> !w
  // CHECK: "tfl.reshape"(%i, %{{.*}}) {{{.*}}new_shape = array<i32: 2, 1, 2, 250>}
  // CHECK: "tfl.pseudo_qconst"() <{qtype = tensor<64x!quant.uniform<i32:f32, 1.250000e-01>>
  // CHECK: "tfl.conv_2d"
  // CHECK: "tfl.reshape"
  // CHECK-NOT: "tfl.reshape"
  // CHECK: func.return
  %x = "tfl.reshape"(%i, %n) <{new_shape = array<i32: 2, 500>}> {tfl.operand_count = 1 : i32} : (tensor<2x5x10x10x!quant.uniform<i8:f32, 0.5>>, none) -> !x
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (!x, !w, none) -> !y
  func.return %y : !y
}

// Float layers read a DENSIFY themselves.
// CHECK-LABEL: func.func @floats
// CHECK-NOT: "tfl.conv_2d"
func.func @floats(%x: tensor<1x500xf32>) -> tensor<1x64xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  %w = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<64x500xf32>}> : () -> tensor<64x500xf32>
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x500xf32>, tensor<64x500xf32>, none) -> tensor<1x64xf32>
  func.return %y : tensor<1x64xf32>
}
