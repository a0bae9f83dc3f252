// RUN: tflir-opt %s -p tfl-integer-tables | filecheck %s

// CHECK-LABEL: func.func @sine
// CHECK: [[T:%.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<256x!quant.uniform<i8:f32, 1.000000e-02:1>>
// CHECK: [[I:%.*]] = "tfl.cast"(%q)
// CHECK: [[J:%.*]] = tfl.add([[I]],
// CHECK: "tfl.gather"([[T]], [[J]])
func.func @sine(%q: tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2x!quant.uniform<i8:f32, 0.01:1>> {
  %d = "tfl.dequantize"(%q) : (tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2xf32>
  %y = "tfl.sin"(%d) : (tensor<2xf32>) -> tensor<2xf32>
  %r = "tfl.quantize"(%y) <{qtype = tensor<2x!quant.uniform<i8:f32, 0.01:1>>}> : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 0.01:1>>
  func.return %r : tensor<2x!quant.uniform<i8:f32, 0.01:1>>
}

// CHECK-LABEL: func.func @whole
// CHECK: "tfl.pseudo_const"() <{value = dense_resource<{{.*}}> : tensor<256xi32>}>
// CHECK: "tfl.gather"
func.func @whole(%q: tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2xi32> {
  %d = "tfl.dequantize"(%q) : (tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2xf32>
  %y = "tfl.cast"(%d) : (tensor<2xf32>) -> tensor<2xi32>
  func.return %y : tensor<2xi32>
}

// The runtime has a kernel.
// CHECK-LABEL: func.func @exponential
// CHECK: "tfl.elu"(%q) : (tensor<2x!quant.uniform<i8:f32, 1.000000e-01:3>>) -> tensor<2x!quant.uniform<i8:f32, 1.000000e-02:1>>
func.func @exponential(%q: tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2x!quant.uniform<i8:f32, 0.01:1>> {
  %d = "tfl.dequantize"(%q) : (tensor<2x!quant.uniform<i8:f32, 0.1:3>>) -> tensor<2xf32>
  %y = "tfl.elu"(%d) : (tensor<2xf32>) -> tensor<2xf32>
  %r = "tfl.quantize"(%y) <{qtype = tensor<2x!quant.uniform<i8:f32, 0.01:1>>}> : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 0.01:1>>
  func.return %r : tensor<2x!quant.uniform<i8:f32, 0.01:1>>
}
