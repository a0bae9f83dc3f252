// RUN: tflir-opt %s -p tfl-dequantize-hybrid-convolutions --print-debuginfo | filecheck %s

!w = tensor<64x1x1x64x!quant.uniform<i8:f32, 0.25>>
!v = tensor<48x1x1x64x!quant.uniform<i8:f32, 0.25>>

// CHECK-LABEL: func.func @zeros
func.func @zeros(%x: tensor<1x8x8x64xf32>, %d: tensor<64xf32>) -> tensor<1x8x8x64xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<64xf32>}> : () -> tensor<64xf32>
  // CHECK: [[Q:%.*]] = "tfl.pseudo_qconst"() {{.*}} loc("w")
  // CHECK-NEXT: [[W:%.*]] = "tfl.dequantize"([[Q]]) : (tensor<64x1x1x64x!quant.uniform<i8:f32, 2.500000e-01>>) -> tensor<64x1x1x64xf32> loc("w_dequantize")
  // CHECK-NEXT: "tfl.conv_2d"(%{{.*}}, [[W]], %{{.*}})
  %w = "tfl.pseudo_qconst"() <{qtype = !w, value = dense<0> : tensor<64x1x1x64xi8>}> : () -> !w loc("w")
  %y = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x8x8x64xf32>, !w, tensor<64xf32>) -> tensor<1x8x8x64xf32>
  func.return %y : tensor<1x8x8x64xf32>
}

// Nothing is gained without zeros; an op that the delegate leaves alone could not read what it folds.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: "tfl.dequantize"
func.func @left_alone(%x: tensor<1x8x8x64xf32>, %d: tensor<48xf32>) -> tensor<1x8x8x48xf32> {
  %b = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<64xf32>}> : () -> tensor<64xf32>
  %w = "tfl.pseudo_qconst"() <{qtype = !w, value = dense<1> : tensor<64x1x1x64xi8>}> : () -> !w
  %y = "tfl.conv_2d"(%x, %w, %b) <{padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x8x8x64xf32>, !w, tensor<64xf32>) -> tensor<1x8x8x64xf32>
  %v = "tfl.pseudo_qconst"() <{qtype = !v, value = dense<0> : tensor<48x1x1x64xi8>}> : () -> !v
  %z = "tfl.conv_2d"(%y, %v, %d) <{padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32, fused_activation_function = "NONE"}> : (tensor<1x8x8x64xf32>, !v, tensor<48xf32>) -> tensor<1x8x8x48xf32>
  func.return %z : tensor<1x8x8x48xf32>
}
