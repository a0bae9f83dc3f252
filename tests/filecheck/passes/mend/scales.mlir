// RUN: tflir-opt %s -p tfl-mend-xnnpack | filecheck %s

// 5 * 1e-7 is nothing beside steps of 0.05.
// CHECK-LABEL: func.func @nothing
// CHECK-NOT: pseudo_qconst
// CHECK: %y = tfl.add %x, %x
func.func @nothing(%x: tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("x")) -> tensor<64x64x!quant.uniform<i8:f32, 0.05>> {
  %c = "tfl.pseudo_qconst"() <{qtype = tensor<!quant.uniform<i8:f32, 1.0e-7>>, value = dense<5> : tensor<i8>}> : () -> tensor<!quant.uniform<i8:f32, 1.0e-7>>
  %a = tfl.add(%x, %c) {fused_activation_function = "NONE"} : (tensor<64x64x!quant.uniform<i8:f32, 0.05>>, tensor<!quant.uniform<i8:f32, 1.0e-7>>) -> tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("a")
  %y = tfl.add %a, %a {fused_activation_function = "NONE"} : tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<i8:f32, 0.05>>
}

// 100 * 1e-4 in steps of 20 / 512 is 0.
// CHECK-LABEL: func.func @tiny
// CHECK: "tfl.pseudo_qconst"() <{qtype = tensor<!quant.uniform<i8:f32, 3.906250e-02>>, value = dense<0> : tensor<i8>}>
// CHECK: %y = tfl.add(%x, {{.*}})
func.func @tiny(%x: tensor<64x64x!quant.uniform<i8:f32, 10.0>> loc("x")) -> tensor<64x64x!quant.uniform<i8:f32, 20.0>> {
  %c = "tfl.pseudo_qconst"() <{qtype = tensor<!quant.uniform<i8:f32, 1.0e-4>>, value = dense<100> : tensor<i8>}> : () -> tensor<!quant.uniform<i8:f32, 1.0e-4>>
  %y = tfl.add(%x, %c) {fused_activation_function = "NONE"} : (tensor<64x64x!quant.uniform<i8:f32, 10.0>>, tensor<!quant.uniform<i8:f32, 1.0e-4>>) -> tensor<64x64x!quant.uniform<i8:f32, 20.0>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<i8:f32, 20.0>>
}

// CHECK-LABEL: func.func @far
// CHECK-COUNT-2: tfl.dequantize
// CHECK: tfl.mul{{.*}} : tensor<64x64xf32>
// CHECK: %y = "tfl.quantize"
func.func @far(%x: tensor<64x64x!quant.uniform<i8:f32, 0.001>> loc("x"), %z: tensor<64x64x!quant.uniform<i8:f32, 0.001>> loc("z")) -> tensor<64x64x!quant.uniform<i8:f32, 10.0>> {
  %y = tfl.mul(%x, %z) {fused_activation_function = "NONE"} : (tensor<64x64x!quant.uniform<i8:f32, 0.001>>, tensor<64x64x!quant.uniform<i8:f32, 0.001>>) -> tensor<64x64x!quant.uniform<i8:f32, 10.0>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<i8:f32, 10.0>>
}

// Such a resize does not load, so that it is mended whatever its time.
// CHECK-LABEL: func.func @resize
// CHECK: [[SAME:%.*]] = "tfl.resize_bilinear"(%x, {{.*}}) {{.*}} -> tensor<1x2x2x1x!quant.uniform<u8:f32, 5.000000e-02:3>>
// CHECK: %y = "tfl.quantize"([[SAME]]) {{.*}} -> tensor<1x2x2x1x!quant.uniform<u8:f32, 4.000000e-02:3>>
func.func @resize(%x: tensor<1x1x1x1x!quant.uniform<u8:f32, 0.05:3>> loc("x")) -> tensor<1x2x2x1x!quant.uniform<u8:f32, 0.04:3>> {
  %s = "tfl.pseudo_const"() <{value = dense<2> : tensor<2xi32>}> : () -> tensor<2xi32>
  %y = "tfl.resize_bilinear"(%x, %s) <{align_corners = false, half_pixel_centers = false}> : (tensor<1x1x1x1x!quant.uniform<u8:f32, 0.05:3>>, tensor<2xi32>) -> tensor<1x2x2x1x!quant.uniform<u8:f32, 0.04:3>> loc("y")
  func.return %y : tensor<1x2x2x1x!quant.uniform<u8:f32, 0.04:3>>
}
