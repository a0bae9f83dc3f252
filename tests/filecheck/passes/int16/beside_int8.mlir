// RUN: tflir-opt %s -p 'tfl-choose-activations{mixed=true},tfl-prepare-quantize,tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s

// Each op computes in its own width. Between integer ops integers are requantized; float values are quantized for each width.
// CHECK-LABEL: func.func @main
// CHECK-DAG: [[X8:%.*]] = "tfl.quantize"(%x) {{.*}} -> tensor<1x4x!quant.uniform<i8:f32, 2.000000e+00:-1>>
// CHECK-DAG: [[X16:%.*]] = "tfl.quantize"(%x) {{.*}} -> tensor<1x4x!quant.uniform<i16:f32, {{.*}}>>
// CHECK: [[N:%.*]] = "tfl.abs"([[X16]]) {{.*}} -> tensor<1x4x!quant.uniform<i16:f32, {{.*}}>>
// CHECK: [[N8:%.*]] = "tfl.quantize"([[N]]) {{.*}} -> tensor<1x4x!quant.uniform<i8:f32, 1.000000e+00:-128>>
// CHECK: [[R:%.*]] = tfl.add([[X8]], [[N8]]) {{.*}} -> tensor<1x4x!quant.uniform<i8:f32, 2.000000e+00:-1>>
// CHECK: [[R16:%.*]] = "tfl.quantize"([[R]]) {{.*}} -> tensor<1x4x!quant.uniform<i16:f32, {{.*}}>>
// CHECK: [[M:%.*]] = tfl.mul([[R16]], [[N]])
// CHECK: [[F:%.*]] = "tfl.dequantize"([[M]])
// CHECK: "tfl.sin"([[F]])
func.func @main(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -254.0>, max = array<f32: 256.0>}}}) -> tensor<1x4xf32> {
  %n = "tfl.abs"(%x) {tfl.activations = "int16", tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = "tfl.add"(%x, %n) <{fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: -254.0>, max = array<f32: 256.0>}}} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %m = "tfl.mul"(%r, %n) <{fused_activation_function = "NONE"}> {tfl.activations = "int16", tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %s = "tfl.sin"(%m) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %s : tensor<1x4xf32>
}

// What an int8 op merges is requantized once, from the integers that the int16 op made.
// CHECK-LABEL: func.func @merged
// CHECK: [[A:%.*]] = "tfl.abs"{{.*}} -> tensor<1x4x!quant.uniform<i16:f32, {{.*}}>>
// CHECK: [[A8:%.*]] = "tfl.quantize"([[A]]) {{.*}} -> tensor<1x4x!quant.uniform<i8:f32, 2.000000e+00:-1>>
// CHECK-NOT: "tfl.quantize"
// CHECK: "tfl.concatenation"({{%.*}}, [[A8]])
// CHECK: "tfl.shape"([[A]])
func.func @merged(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -254.0>, max = array<f32: 256.0>}}}) -> (tensor<1x8xf32>, tensor<2xi32>) {
  %a = "tfl.abs"(%x) {tfl.activations = "int16", tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %c = "tfl.concatenation"(%x, %a) <{axis = 1 : i32, fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: -254.0>, max = array<f32: 256.0>}}} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x8xf32>
  %s = "tfl.shape"(%a) : (tensor<1x4xf32>) -> tensor<2xi32>
  func.return %c, %s : tensor<1x8xf32>, tensor<2xi32>
}
