// RUN: tflir-opt %s -p 'tfl-quantize-weights' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-quantize-weights{every=true algorithm=mse}' | filecheck %s --check-prefix=EVERY

// CHECK-LABEL: func.func @narrow
// EVERY-LABEL: func.func @narrow
func.func @narrow(%x: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  // CHECK: %w = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i4<-7:7>:f32:0, {{.*}}value = dense<{{\[\[}}7, 2], [-7, 0]]> : tensor<2x2xi4>
  // CHECK-NEXT: %{{.*}} = "tfl.dequantize"{{.*}}{tfl.stored_weights} :
  %w = "tfl.pseudo_const"() <{value = dense<[[0.7, 0.21], [-1.4, 0.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
  // CHECK: !quant.uniform<i8<-127:127>:f32, {{.*}}dense<{{\[\[}}127, 64], [0, -127]]> : tensor<2x2xi8>
  // CHECK: "tfl.dequantize"{{.*}}{tfl.stored_weights, tfl.weight_only}
  %v = "tfl.pseudo_const"() <{value = dense<[[1.27, 0.64], [0.0, -1.27]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("v")
  // The quantizer of the mode gives this kind on its own.
  // CHECK: %u = "tfl.pseudo_const"
  // EVERY: %u = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i8<-127:127>
  %u = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("u")
  %b = "tfl.no_value"() <{value}> : () -> none
  // CHECK-NOT: tfl.weight_kind
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  %1 = "tfl.fully_connected"(%x, %v, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 8 : i32, granularity = "tensor", form = "dequantize"}} : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  %2 = "tfl.fully_connected"(%x, %u, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 8 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  func.return %0, %1, %2 : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// A gather selects rows of integers; the whole table is never made float.
// CHECK-LABEL: func.func @table
func.func @table(%i: tensor<1xi32>) -> tensor<1x2xf32> {
  // CHECK: "tfl.pseudo_qconst"{{.*}}!quant.uniform<i4<-7:7>:f32, 0.10000000149011612>
  // CHECK-NOT: tfl.stored_weights
  %t = "tfl.pseudo_const"() <{value = dense<[[0.7, 0.2], [0.1, -0.3]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("table")
  // CHECK: %row_integers = "tfl.gather"{{.*}} -> tensor<1x2x!quant.uniform<i4<-7:7>
  // CHECK-NEXT: %row = "tfl.dequantize"{{.*}} -> tensor<1x2xf32>
  %0 = "tfl.gather"(%t, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> {tfl.weight_kind = {bits = 4 : i32, granularity = "tensor", form = "hybrid"}} : (tensor<2x2xf32>, tensor<1xi32>) -> tensor<1x2xf32> loc("row")
  func.return %0 : tensor<1x2xf32>
}

// 16 bits are float16, and the mode leaves the op as it is. So it does an op with several weights behind a dequantize.
// CHECK-LABEL: func.func @left_by_the_mode
func.func @left_by_the_mode(%x: tensor<1x2xf32>, %s: tensor<1x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  // CHECK: %w = "tfl.pseudo_const"() <{value = dense<{{.*}}> : tensor<2x2xf16>}>
  // CHECK-NEXT: "tfl.dequantize"(%w) : (tensor<2x2xf16>) -> tensor<2x2xf32>
  %w = "tfl.pseudo_const"() <{value = dense<[[0.5, 0.25], [-1.5, 0.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
  // CHECK: %f = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i4<-7:7>:f32:0, {
  %f = "tfl.pseudo_const"() <{value = dense<[[0.7, 0.2], [0.1, -0.3]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("f")
  // CHECK: %t = "tfl.pseudo_qconst"() <{qtype = tensor<2x1x!quant.uniform<i4<-7:7>:f32:0, {
  %t = "tfl.pseudo_const"() <{value = dense<[[0.7], [0.1]]> : tensor<2x1xf32>}> : () -> tensor<2x1xf32> loc("t")
  %b = "tfl.no_value"() <{value}> : () -> none
  // CHECK: "tfl.fully_connected"{{.*}} {tfl.left_out}
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 16 : i32, granularity = "tensor", form = "dequantize"}} : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  // CHECK: "tfl.svdf"{{.*}} {tfl.left_out}
  %1 = "tfl.svdf"(%x, %f, %t, %b, %s) <{fused_activation_function = "NONE", rank = 1 : i32}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "dequantize"}} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x1xf32>, none, tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %0, %1 : tensor<1x2xf32>, tensor<1x2xf32>
}

// Asymmetric weights: the integers from -8 to 7 cover what is between 0 and the largest.
// CHECK-LABEL: func.func @zero_points
func.func @zero_points(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: %w = "tfl.pseudo_qconst"() <{qtype = tensor<2x2x!quant.uniform<i4:f32:0, {0.10000000149011612:-8,0.20000000298023224:2}>>, value = dense<{{\[\[}}7, -8], [-8, 7]]> : tensor<2x2xi4>
  %w = "tfl.pseudo_const"() <{value = dense<[[1.5, 0.0], [-2.0, 1.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32> loc("w")
  %b = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "dequantize", symmetric = false}} : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}
