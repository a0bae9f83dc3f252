// RUN: tflir-opt %s -p tfl-canonicalize | filecheck %s

// A chain of two transposes around a reshape is a reshape where the order is that of the source.
// CHECK-LABEL: func.func @chain
// CHECK-NOT: tfl.transpose
// CHECK: "tfl.reshape"(%x, {{.*}}) : (tensor<1x8x8x4xf32>, tensor<3xi32>) -> tensor<8x8x4xf32>
// CHECK-NOT: tfl.transpose
func.func @chain(%x: tensor<1x8x8x4xf32>) -> tensor<8x8x4xf32> {
  %p = "tfl.pseudo_const"() <{value = dense<[0, 3, 1, 2]> : tensor<4xi32>}> : () -> tensor<4xi32>
  %s = "tfl.pseudo_const"() <{value = dense<[4, 8, 8]> : tensor<3xi32>}> : () -> tensor<3xi32>
  %q = "tfl.pseudo_const"() <{value = dense<[1, 2, 0]> : tensor<3xi32>}> : () -> tensor<3xi32>
  %a = "tfl.transpose"(%x, %p) : (tensor<1x8x8x4xf32>, tensor<4xi32>) -> tensor<1x4x8x8xf32>
  %b = "tfl.reshape"(%a, %s) : (tensor<1x4x8x8xf32>, tensor<3xi32>) -> tensor<4x8x8xf32>
  %y = "tfl.transpose"(%b, %q) : (tensor<4x8x8xf32>, tensor<3xi32>) -> tensor<8x8x4xf32>
  func.return %y : tensor<8x8x4xf32>
}

// What reads the middle of a chain keeps it, and the pair behind it is removed.
// CHECK-LABEL: func.func @shared
// CHECK: %[[t:.*]] = "tfl.transpose"(%x
// CHECK: "tfl.abs"(%[[t]])
// CHECK: "tfl.neg"(%x)
// CHECK-NOT: tfl.transpose
func.func @shared(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
  %p = "tfl.pseudo_const"() <{value = dense<[1, 0]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %a = "tfl.transpose"(%x, %p) : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<3x2xf32>
  %b = "tfl.abs"(%a) : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %c = "tfl.transpose"(%a, %p) : (tensor<3x2xf32>, tensor<2xi32>) -> tensor<2x3xf32>
  %d = "tfl.neg"(%c) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %b, %d : tensor<3x2xf32>, tensor<2x3xf32>
}

// An output keeps its name: the op before takes it; an input can't.
// CHECK-LABEL: func.func @outputs
// CHECK: %[[y:.*]] = "tfl.abs"(%x)
// CHECK: %[[z:.*]] = "tfl.reshape"(%x
// CHECK: func.return %[[y]], %[[z]]
func.func @outputs(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %s = "tfl.pseudo_const"() <{value = dense<[2, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %a = "tfl.abs"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = "tfl.reshape"(%a, %s) : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2x3xf32>
  %z = "tfl.reshape"(%x, %s) : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2x3xf32>
  func.return %y, %z : tensor<2x3xf32>, tensor<2x3xf32>
}

// x * 1 and x - 0 are x; x + 0 is not where x is -0.
// CHECK-LABEL: func.func @neutral
// CHECK: tfl.add
// CHECK-NOT: tfl.mul
// CHECK-NOT: tfl.sub
func.func @neutral(%x: tensor<2xf32>) -> tensor<2xf32> {
  %one = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<f32>}> : () -> tensor<f32>
  %zero = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %a = "tfl.mul"(%x, %one) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %b = "tfl.sub"(%a, %zero) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %c = "tfl.add"(%b, %zero) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  func.return %c : tensor<2xf32>
}

// Equal ops of equal constants are computed once; ops that nothing reads are removed.
// CHECK-LABEL: func.func @common
// CHECK-COUNT-1: tfl.mul
// CHECK-NOT: tfl.mul
// CHECK-NOT: tfl.exp
func.func @common(%x: tensor<2xf32>) -> tensor<2xf32> {
  %m = "tfl.pseudo_const"() <{value = dense<3.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "tfl.pseudo_const"() <{value = dense<3.0> : tensor<f32>}> : () -> tensor<f32>
  %a = "tfl.mul"(%x, %m) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %b = "tfl.mul"(%x, %n) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %c = "tfl.exp"(%b) : (tensor<2xf32>) -> tensor<2xf32>
  %d = "tfl.add"(%a, %b) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %d : tensor<2xf32>
}

// A constant whose data was left out of the text is known to nobody.
// CHECK-LABEL: func.func @elided
// CHECK: tfl.mul %x
// CHECK: "tfl.pad"
func.func @elided(%x: tensor<64xf32>) -> tensor<64xf32> {
  %c = "tfl.pseudo_const"() <{value = dense_resource<__elided__> : tensor<64xf32>}> : () -> tensor<64xf32>
  %p = "tfl.pseudo_const"() <{value = dense_resource<__elided__> : tensor<1x2xi32>}> : () -> tensor<1x2xi32>
  %a = tfl.mul %x, %c {fused_activation_function = "NONE"} : tensor<64xf32>
  %y = "tfl.pad"(%a, %p) : (tensor<64xf32>, tensor<1x2xi32>) -> tensor<64xf32>
  func.return %y : tensor<64xf32>
}

// CHECK-NOT: @unused
func.func private @unused(%x: tensor<2xf32>) -> tensor<2xf32> {
  func.return %x : tensor<2xf32>
}
