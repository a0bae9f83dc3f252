// RUN: tflir-opt %s -p tfl-prepare-quantize | filecheck %s
// RUN: tflir-opt %s -p tfl-prepare-quantize{everywhere=true} | filecheck %s --check-prefix=EVERYWHERE

// A result of fixed range keeps it for all its readers but the merge that wants another, which gets a requantized one.
// CHECK-LABEL: func.func @fixed_then_merged
// CHECK: tfl.logistic
// CHECK-NEXT: %[[own:.*]] = "tfl.quantize"({{.*}}i8:f32, 3.906250e-03:-128>
// CHECK-NEXT: %[[back:.*]] = "tfl.dequantize"(%[[own]])
// CHECK-NEXT: "tfl.quantize"(%[[own]]) {{.*}}i8:f32, 3.125000e-02:-128>
// CHECK: return %{{.*}}, %[[back]]
func.func @fixed_then_merged(%x: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 7.96875>}}}) -> (tensor<4xf32>, tensor<2xf32>) {
  %0 = "tfl.logistic"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.5>, max = array<f32: 1.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.concatenation"(%0, %x) <{axis = 0 : i32, fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 7.96875>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  func.return %1, %0 : tensor<4xf32>, tensor<2xf32>
}

// Weights per channel, symmetric; a bias of the product of the scales (here 1 and 1, 2).
// CHECK-LABEL: func.func @layer
// CHECK-DAG: "tfl.quantize"(%w) {{.*}}i8<-127:127>:f32:0, {1.000000e+00,2.000000e+00}>
// CHECK-DAG: "tfl.quantize"(%b) {{.*}}i32:f32:0, {1.000000e+00,2.000000e+00}>
func.func @layer(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, 1.0], [-254.0, 3.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<[3.0, 4.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// A bias beyond 2^30 steps makes the scales of its channel coarser: 2^30 - 1 steps for it, the weight's along.
// CHECK-LABEL: func.func @large_bias
// CHECK-DAG: "tfl.quantize"(%w) {{.*}}i8<-127:127>:f32:0, {2.000000{{[0-9]+}},1.000000e+00}>
// CHECK-DAG: "tfl.quantize"(%b) {{.*}}i32:f32:0, {2.000000{{[0-9]+}},1.000000e+00}>
func.func @large_bias(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, 1.0], [-127.0, 3.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<[2147483646.0, 4.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %0 : tensor<1x2xf32>
}

// A constant that several ops read as bias is copied, one for each; as an operand it decides for itself, all of int8.
// CHECK-LABEL: func.func @constants
// CHECK-COUNT-2: "tfl.pseudo_const"() <{value = dense<[0.000000e+00, 2.550000e+02]>
// CHECK-DAG: {{.*}}i32:f32:0, {1.000000e+00,1.000000e+00}>
// CHECK-DAG: {{.*}}i8:f32, 1.000000e+00:-128>
func.func @constants(%x: tensor<1x2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[127.0, 1.0], [-127.0, 3.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %b = "tfl.pseudo_const"() <{value = dense<[0.0, 255.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %0 = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %1 = "tfl.add"(%0, %b) <{fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}

// What a float op makes for a merge has no range left: the merge stays float, or all is quantized on demand.
// CHECK-LABEL: func.func @float_operand
// CHECK: tfl.sin
// CHECK-NEXT: tfl.concatenation
// EVERYWHERE-LABEL: func.func @float_operand
// EVERYWHERE: tfl.sin
// EVERYWHERE-NEXT: tfl.quantize
func.func @float_operand(%x: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 7.96875>}}}) -> tensor<4xf32> {
  %0 = "tfl.sin"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 1.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.concatenation"(%0, %x) <{axis = 0 : i32, fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 7.96875>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
