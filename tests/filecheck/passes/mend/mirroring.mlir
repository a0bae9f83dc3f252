// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s

// REFLECT leaves the edge out: row 2, row 1, all rows, and the last but one.
// CHECK-LABEL: func.func @reflect
// CHECK: [[AT2:%.*]] = "tfl.pseudo_const"() <{value = dense<[0, 2, 0, 0]>
// CHECK: [[HEAD:%.*]] = "tfl.slice"(%x, [[AT2]], {{.*}}) : {{.*}} -> tensor<1x1x3x2xf32>
// CHECK: [[AT1:%.*]] = "tfl.pseudo_const"() <{value = dense<[0, 1, 0, 0]>
// CHECK: [[NEXT:%.*]] = "tfl.slice"(%x, [[AT1]], {{.*}}) : {{.*}} -> tensor<1x1x3x2xf32>
// CHECK: [[BOTH:%.*]] = "tfl.concatenation"([[HEAD]], [[NEXT]]) <{axis = 1 : i32
// CHECK: [[TAIL:%.*]] = "tfl.slice"(%x, [[AT2]], {{.*}}) : {{.*}} -> tensor<1x1x3x2xf32>
// CHECK: %y = "tfl.concatenation"([[BOTH]], %x, [[TAIL]]) <{axis = 1 : i32{{.*}} -> tensor<1x7x3x2xf32>
func.func @reflect(%x: tensor<1x4x3x2xf32> loc("x")) -> tensor<1x7x3x2xf32> {
  %p = "tfl.pseudo_const"() <{value = dense<[[0, 0], [2, 1], [0, 0], [0, 0]]> : tensor<4x2xi32>}> : () -> tensor<4x2xi32>
  %y = "tfl.mirror_pad"(%x, %p) <{mode = #tfl<mirror_pad_attr REFLECT>}> : (tensor<1x4x3x2xf32>, tensor<4x2xi32>) -> tensor<1x7x3x2xf32> loc("y")
  func.return %y : tensor<1x7x3x2xf32>
}

// SYMMETRIC repeats the edge; a batch that is not known is sliced whole.
// CHECK-LABEL: func.func @symmetric
// CHECK: "tfl.strided_slice"(%x, {{.*}}) <{begin_mask = 1 : i32, end_mask = 1 : i32
// CHECK-SAME: -> tensor<?x1x!quant.uniform<i8:f32, 5.000000e-01>>
// CHECK: %y = "tfl.concatenation"({{.*}}) {{.*}} -> tensor<?x5x!quant.uniform<i8:f32, 5.000000e-01>>
func.func @symmetric(%x: tensor<?x4x!quant.uniform<i8:f32, 0.5>> loc("x")) -> tensor<?x5x!quant.uniform<i8:f32, 0.5>> {
  %p = "tfl.pseudo_const"() <{value = dense<[[0, 0], [1, 0]]> : tensor<2x2xi32>}> : () -> tensor<2x2xi32>
  %y = "tfl.mirror_pad"(%x, %p) <{mode = #tfl<mirror_pad_attr SYMMETRIC>}> : (tensor<?x4x!quant.uniform<i8:f32, 0.5>>, tensor<2x2xi32>) -> tensor<?x5x!quant.uniform<i8:f32, 0.5>> loc("y")
  func.return %y : tensor<?x5x!quant.uniform<i8:f32, 0.5>>
}

// Integers without a scale are none of the delegate's.
// CHECK-LABEL: func.func @integers
// CHECK: tfl.mirror_pad
func.func @integers(%x: tensor<4xi32>) -> tensor<5xi32> {
  %p = "tfl.pseudo_const"() <{value = dense<[[1, 0]]> : tensor<1x2xi32>}> : () -> tensor<1x2xi32>
  %y = "tfl.mirror_pad"(%x, %p) <{mode = #tfl<mirror_pad_attr REFLECT>}> : (tensor<4xi32>, tensor<1x2xi32>) -> tensor<5xi32>
  func.return %y : tensor<5xi32>
}
