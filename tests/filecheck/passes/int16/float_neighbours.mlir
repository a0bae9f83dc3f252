// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' --print-debuginfo | filecheck %s
// RUN: not tflir-opt %s -p 'tfl-choose-activations{strict=true}' 2>&1 | filecheck %s --check-prefix=STRICT
// RUN: tflir-opt %s -p 'tfl-choose-activations,tfl-prepare-quantize{int8=false},tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-modify-io-nodes{input-type=int16 output-type=int16},tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=INTEGER

// One conversion serves all who want it; the float tensors that come in and go out keep their names.
// CHECK-LABEL: func.func @main
// CHECK: [[X:%.*]] = "tfl.quantize"(%x) {{.*}} loc("x_i16")
// CHECK: [[A:%.*]] = "tfl.abs"([[X]]) {{.*}} loc("a_i16")
// CHECK-NEXT: [[F:%.*]] = "tfl.dequantize"([[A]]) {{.*}} loc("a")
// CHECK-NEXT: "tfl.round"([[F]])
// CHECK-NEXT: "tfl.elu"([[F]])
// CHECK-NEXT: "tfl.shape"([[A]])
// CHECK: func.return [[F]]
// STRICT: error: {{.*}}tfl-choose-activations: 3 ops can't be quantized to 16x8: no kernel computes it in int16: tfl.round 's', tfl.elu 'c'; the range
// INTEGER-LABEL: func.func @main
// INTEGER-SAME: tensor<1x4x!quant.uniform<i16:f32, 1.000000e+00>>{{.*}}) -> (tensor<1x4x!quant.uniform<i16:f32, 2.000000e+00>>, tensor<1x4xf32>
// INTEGER-NOT: "tfl.quantize"
// INTEGER: "tfl.abs"(%x)
func.func @main(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: -32767.0>, max = array<f32: 1.0>}}} loc("x")) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<2xi32>) {
  %a = "tfl.abs"(%x) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 65534.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("a")
  %s = "tfl.round"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("s")
  %c = "tfl.elu"(%a) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("c")
  %d = "tfl.shape"(%a) : (tensor<1x4xf32>) -> tensor<2xi32> loc("d")
  func.return %a, %s, %c, %d : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<2xi32>
}

// Without ranges nothing changes.
// CHECK-LABEL: func.func @unknown
// CHECK-NEXT: "tfl.abs"
// CHECK-NEXT: func.return
func.func @unknown(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %y = "tfl.abs"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %y : tensor<1x4xf32>
}
