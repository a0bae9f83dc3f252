// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s

// CHECK-LABEL: func.func @broadcast
// CHECK: [[ONES:%.*]] = "tfl.pseudo_const"() <{value = dense<1.000000e+00> : tensor<1x8x8x1xf32>}>
// CHECK: %y = tfl.mul(%x, [[ONES]]) {{.*}} -> tensor<1x8x8x16xf32>
func.func @broadcast(%x: tensor<1x1x1x16xf32> loc("x")) -> tensor<1x8x8x16xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[1, 8, 8, 16]> : tensor<4xi32>}> : () -> tensor<4xi32>
  %y = "tfl.broadcast_to"(%x, %s) : (tensor<1x1x1x16xf32>, tensor<4xi32>) -> tensor<1x8x8x16xf32> loc("y")
  func.return %y : tensor<1x8x8x16xf32>
}

// Many elements of ones become one axis after another.
// CHECK-LABEL: func.func @wide
// CHECK: dense<1.000000e+00> : tensor<300x1xf32>
// CHECK: tfl.mul(%x, {{.*}}) {{.*}} -> tensor<300x1xf32>
// CHECK: dense<1.000000e+00> : tensor<1x300xf32>
// CHECK: %y = tfl.mul
func.func @wide(%x: tensor<1xf32> loc("x")) -> tensor<300x300xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[300, 300]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.broadcast_to"(%x, %s) : (tensor<1xf32>, tensor<2xi32>) -> tensor<300x300xf32> loc("y")
  func.return %y : tensor<300x300xf32>
}

// Ones of a scale of 1 leave integers as they are.
// CHECK-LABEL: func.func @integers
// CHECK: value = dense<1> : tensor<8x1xui8>
// CHECK-SAME: tensor<8x1x!quant.uniform<u8:f32, 1.000000e+00>>
// CHECK: %y = tfl.mul{{.*}} -> tensor<8x4x!quant.uniform<u8:f32, 5.000000e-01:3>>
func.func @integers(%x: tensor<1x4x!quant.uniform<u8:f32, 0.5:3>> loc("x")) -> tensor<8x4x!quant.uniform<u8:f32, 0.5:3>> {
  %s = "tfl.pseudo_const"() <{value = dense<[8, 4]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.broadcast_to"(%x, %s) : (tensor<1x4x!quant.uniform<u8:f32, 0.5:3>>, tensor<2xi32>) -> tensor<8x4x!quant.uniform<u8:f32, 0.5:3>> loc("y")
  func.return %y : tensor<8x4x!quant.uniform<u8:f32, 0.5:3>>
}

// Few copies are joined, many are a product.
// CHECK-LABEL: func.func @tile
// CHECK: [[ROWS:%.*]] = "tfl.reshape"(%x, {{.*}}) : {{.*}} -> tensor<1x8xf32>
// CHECK: [[TWICE:%.*]] = "tfl.concatenation"([[ROWS]], [[ROWS]]) <{axis = 1 : i32
// CHECK: [[CELLS:%.*]] = "tfl.reshape"([[TWICE]], {{.*}}) : {{.*}} -> tensor<4x1x4xf32>
// CHECK: [[MANY:%.*]] = tfl.mul([[CELLS]], {{.*}}) {{.*}} -> tensor<4x6x4xf32>
// CHECK: %y = "tfl.reshape"([[MANY]], {{.*}}) : {{.*}} -> tensor<4x24xf32>
func.func @tile(%x: tensor<2x4xf32> loc("x")) -> tensor<4x24xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[2, 6]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.tile"(%x, %s) : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<4x24xf32> loc("y")
  func.return %y : tensor<4x24xf32>
}

// CHECK-LABEL: func.func @nearest
// CHECK: "tfl.concatenation"({{.*}}) {{.*}} -> tensor<6x6xf32>
// CHECK: "tfl.concatenation"({{.*}}) {{.*}} -> tensor<2x36xf32>
// CHECK: %y = "tfl.reshape"({{.*}}) : {{.*}} -> tensor<1x4x6x3xf32>
func.func @nearest(%x: tensor<1x2x3x3xf32> loc("x")) -> tensor<1x4x6x3xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[4, 6]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.resize_nearest_neighbor"(%x, %s) <{align_corners = false, half_pixel_centers = true}> : (tensor<1x2x3x3xf32>, tensor<2xi32>) -> tensor<1x4x6x3xf32> loc("y")
  func.return %y : tensor<1x4x6x3xf32>
}

// CHECK-LABEL: func.func @uneven
// CHECK: tfl.resize_nearest_neighbor
func.func @uneven(%x: tensor<1x2x2x3xf32>) -> tensor<1x3x3x3xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[3, 3]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.resize_nearest_neighbor"(%x, %s) <{align_corners = false, half_pixel_centers = false}> : (tensor<1x2x2x3xf32>, tensor<2xi32>) -> tensor<1x3x3x3xf32>
  func.return %y : tensor<1x3x3x3xf32>
}

// What reads it broadcasts by itself.
// CHECK-LABEL: func.func @reader
// CHECK-NOT: tfl.mul
// CHECK: %y = tfl.add(%x, %z)
func.func @reader(%x: tensor<1x4xf32> loc("x"), %z: tensor<8x4xf32> loc("z")) -> tensor<8x4xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[8, 4]> : tensor<2xi32>}> : () -> tensor<2xi32>
  %b = "tfl.broadcast_to"(%x, %s) : (tensor<1x4xf32>, tensor<2xi32>) -> tensor<8x4xf32> loc("b")
  %y = tfl.add(%b, %z) {fused_activation_function = "NONE"} : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32> loc("y")
  func.return %y : tensor<8x4xf32>
}
