// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s

// CHECK-LABEL: func.func @pack
// CHECK: [[ALL:%.*]] = "tfl.concatenation"(%a, %b) <{axis = 1 : i32{{.*}} -> tensor<2x6xf32>
// CHECK: %y = "tfl.reshape"([[ALL]], {{.*}}) : {{.*}} -> tensor<2x2x3xf32>
func.func @pack(%a: tensor<2x3xf32> loc("a"), %b: tensor<2x3xf32> loc("b")) -> tensor<2x2x3xf32> {
  %y = "tfl.pack"(%a, %b) <{values_count = 2 : i32, axis = 1 : i32}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2x3xf32> loc("y")
  func.return %y : tensor<2x2x3xf32>
}

// CHECK-LABEL: func.func @pack_last
// CHECK: "tfl.reshape"(%a, {{.*}}) : {{.*}} -> tensor<2x1xf32>
// CHECK: "tfl.reshape"(%b, {{.*}}) : {{.*}} -> tensor<2x1xf32>
// CHECK: %y = "tfl.concatenation"({{.*}}) <{axis = 1 : i32{{.*}} -> tensor<2x2xf32>
func.func @pack_last(%a: tensor<2xf32> loc("a"), %b: tensor<2xf32> loc("b")) -> tensor<2x2xf32> {
  %y = "tfl.pack"(%a, %b) <{values_count = 2 : i32, axis = -1 : i32}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2x2xf32> loc("y")
  func.return %y : tensor<2x2xf32>
}

// Nothing is made for a result that nothing reads.
// CHECK-LABEL: func.func @unpack
// CHECK: [[ROW:%.*]] = "tfl.reshape"(%x, {{.*}}) : {{.*}} -> tensor<9xf32>
// CHECK: %y = "tfl.slice"([[ROW]]
// CHECK: %z = "tfl.slice"([[ROW]]
// CHECK: func.return %y, %z
func.func @unpack(%x: tensor<3x3xf32> loc("x")) -> (tensor<3xf32>, tensor<3xf32>) {
  %y, %unread, %z = "tfl.unpack"(%x) <{num = 3 : i32, axis = 0 : i32}> : (tensor<3x3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) loc(fused["y", "unread", "z"])
  func.return %y, %z : tensor<3xf32>, tensor<3xf32>
}

// CHECK-LABEL: func.func @split
// CHECK-COUNT-5: "tfl.slice"(%x, {{.*}}) : {{.*}} -> tensor<2xf32>
func.func @split(%x: tensor<10xf32> loc("x")) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %d = "tfl.pseudo_const"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %y:5 = "tfl.split"(%d, %x) <{num_splits = 5 : i32}> : (tensor<i32>, tensor<10xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>)
  func.return %y#0, %y#1, %y#2, %y#3, %y#4 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @few
// CHECK: tfl.split
func.func @few(%x: tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %d = "tfl.pseudo_const"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %y:2 = "tfl.split"(%d, %x) <{num_splits = 2 : i32}> : (tensor<i32>, tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  func.return %y#0, %y#1 : tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @split_v
// CHECK: [[AT:%.*]] = "tfl.pseudo_const"() <{value = dense<[0, 1]>
// CHECK: "tfl.slice"(%x, [[AT]], {{.*}}) : {{.*}} -> tensor<2x3xf32>
func.func @split_v(%x: tensor<2x4xf32> loc("x")) -> (tensor<2x1xf32>, tensor<2x3xf32>) {
  %s = "tfl.pseudo_const"() <{value = dense<[1, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %d = "tfl.pseudo_const"() <{value = dense<-1> : tensor<i32>}> : () -> tensor<i32>
  %y, %z = "tfl.split_v"(%x, %s, %d) <{num_splits = 2 : i32}> : (tensor<2x4xf32>, tensor<2xi32>, tensor<i32>) -> (tensor<2x1xf32>, tensor<2x3xf32>)
  func.return %y, %z : tensor<2x1xf32>, tensor<2x3xf32>
}

// The two neighbours that are least are joined first.
// CHECK-LABEL: func.func @many
// CHECK: [[TWO:%.*]] = "tfl.concatenation"(%b, %b) <{axis = 0 : i32
// CHECK: %y = "tfl.concatenation"(%a, %a, %a, %a, [[TWO]]) <{axis = 0 : i32
func.func @many(%a: tensor<4xf32> loc("a"), %b: tensor<1xf32> loc("b")) -> tensor<18xf32> {
  %y = "tfl.concatenation"(%a, %a, %a, %a, %b, %b) <{axis = 0 : i32, fused_activation_function = "NONE"}> : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<18xf32> loc("y")
  func.return %y : tensor<18xf32>
}

// CHECK-LABEL: func.func @ones
// CHECK: [[WITH:%.*]] = "tfl.reshape"(%x, {{.*}}) : {{.*}} -> tensor<2x1x3xf32>
// CHECK: %y = "tfl.reshape"([[WITH]], {{.*}}) : {{.*}} -> tensor<2x3xf32>
func.func @ones(%x: tensor<2x3xf32> loc("x")) -> tensor<2x3xf32> {
  %d = "tfl.pseudo_const"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
  %e = "tfl.expand_dims"(%x, %d) : (tensor<2x3xf32>, tensor<i32>) -> tensor<2x1x3xf32> loc("e")
  %y = "tfl.squeeze"(%e) <{squeeze_dims = [1 : i64]}> : (tensor<2x1x3xf32>) -> tensor<2x3xf32> loc("y")
  func.return %y : tensor<2x3xf32>
}

// The shape follows from the types: what computed it goes.
// CHECK-LABEL: func.func @flat
// CHECK-NEXT: [[SHAPE:%.*]] = "tfl.pseudo_const"() <{value = dense<[-1, 12]>
// CHECK-NEXT: %y = "tfl.reshape"(%x, [[SHAPE]])
func.func @flat(%x: tensor<?x3x4xf32> loc("x")) -> tensor<?x12xf32> {
  %s = "tfl.shape"(%x) : (tensor<?x3x4xf32>) -> tensor<3xi32>
  %b = "tfl.pseudo_const"() <{value = dense<0> : tensor<1xi32>}> : () -> tensor<1xi32>
  %n = "tfl.pseudo_const"() <{value = dense<1> : tensor<1xi32>}> : () -> tensor<1xi32>
  %c = "tfl.slice"(%s, %b, %n) : (tensor<3xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
  %r = "tfl.pseudo_const"() <{value = dense<12> : tensor<1xi32>}> : () -> tensor<1xi32>
  %t = "tfl.concatenation"(%c, %r) <{axis = 0 : i32, fused_activation_function = "NONE"}> : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %y = "tfl.reshape"(%x, %t) : (tensor<?x3x4xf32>, tensor<2xi32>) -> tensor<?x12xf32> loc("y")
  func.return %y : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @scales
// CHECK: [[B:%.*]] = "tfl.quantize"(%b) {{.*}} -> tensor<2x!quant.uniform<u8:f32, 5.000000e-01>>
// CHECK: %y = "tfl.concatenation"(%a, [[B]])
func.func @scales(%a: tensor<2x!quant.uniform<u8:f32, 0.5>> loc("a"), %b: tensor<2x!quant.uniform<u8:f32, 0.25:9>> loc("b")) -> tensor<4x!quant.uniform<u8:f32, 0.5>> {
  %y = "tfl.concatenation"(%a, %b) <{axis = 0 : i32, fused_activation_function = "NONE"}> : (tensor<2x!quant.uniform<u8:f32, 0.5>>, tensor<2x!quant.uniform<u8:f32, 0.25:9>>) -> tensor<4x!quant.uniform<u8:f32, 0.5>> loc("y")
  func.return %y : tensor<4x!quant.uniform<u8:f32, 0.5>>
}
