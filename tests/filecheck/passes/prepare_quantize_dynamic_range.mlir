// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=4}' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-prepare-quantize-dynamic-range{min-elements=4 per-channel=false}' | filecheck %s --check-prefix=TENSOR

// CHECK-LABEL: func.func @fully_connected
// TENSOR-LABEL: func.func @fully_connected
func.func @fully_connected(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.27, -0.5], [2.54, 0.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
  %b = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  // CHECK: [[W:%.*]] = "tfl.pseudo_const"() <{value = dense<{{\[\[}}1.27
  // CHECK-NEXT: [[Q:%.*]] = "tfl.quantize"([[W]]) <{qtype = tensor<2x2x!quant.uniform<i8<-127:127>:f32:0, {0.0{{1|0999}}{{[0-9]*}},0.0{{2|1999}}{{[0-9]*}}}>>}>
  // CHECK-NEXT: [[D:%.*]] = "tfl.dequantize"([[Q]])
  // CHECK: "tfl.fully_connected"(%{{.*}}, [[D]], %{{.*}}) <{{{.*}}asymmetric_quantize_inputs = true
  // TENSOR: !quant.uniform<i8<-127:127>:f32, 0.0{{2|1999}}{{[0-9]*}}>
  %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// The channels of a depthwise filter are its last axis; a bias is no weight.
// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>}> : () -> tensor<1x1x2x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  // CHECK: "tfl.quantize"(%{{.*}}) <{qtype = tensor<1x1x2x2x!quant.uniform<i8<-127:127>:f32:3,
  // CHECK-NOT: "tfl.quantize"
  // CHECK-NOT: asymmetric_quantize_inputs
  // CHECK: func.return
  %y = "tfl.depthwise_conv_2d"(%x, %w, %b) <{padding = "SAME", stride_w = 1 : i32, stride_h = 1 : i32, depth_multiplier = 1 : i32, fused_activation_function = "NONE", dilation_w_factor = 1 : i32, dilation_h_factor = 1 : i32}> : (tensor<1x4x4x2xf32>, tensor<1x1x2x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  func.return %y : tensor<1x4x4x2xf32>
}

// Only the right operand of a batch_matmul, and never an elementwise constant.
// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: "tfl.quantize"
func.func @left_alone(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %a = "tfl.add"(%x, %w) <{fused_activation_function = "NONE"}> : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = "tfl.batch_matmul"(%w, %a) <{adj_x = false, adj_y = false}> : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  func.return %y : tensor<2x2xf32>
}
