// RUN: tflir-opt %s -p tfl-float-islands | filecheck %s

// Between float ops an integer op computes in float, and nothing is converted.
// CHECK-LABEL: func.func @between
// CHECK: [[E:%.*]] = "tfl.exp"(%x)
// CHECK-NEXT: [[M:%.*]] = tfl.mul [[E]], [[E]]
// CHECK-NEXT: "tfl.rsqrt"([[M]])
func.func @between(%x: tensor<8xf32> loc("x")) -> tensor<8xf32> {
  %e = "tfl.exp"(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("e")
  %p = "tfl.quantize"(%e) <{qtype = tensor<8x!quant.uniform<i8:f32, 0.1>>}> {volatile} : (tensor<8xf32>) -> tensor<8x!quant.uniform<i8:f32, 0.1>> loc("p")
  %m = tfl.mul(%p, %p) <{fused_activation_function = "NONE"}> : (tensor<8x!quant.uniform<i8:f32, 0.1>>, tensor<8x!quant.uniform<i8:f32, 0.1>>) -> tensor<8x!quant.uniform<i8:f32, 0.5>> loc("m")
  %d = "tfl.dequantize"(%m) {volatile} : (tensor<8x!quant.uniform<i8:f32, 0.5>>) -> tensor<8xf32> loc("d")
  %y = "tfl.rsqrt"(%d) : (tensor<8xf32>) -> tensor<8xf32> loc("y")
  func.return %y : tensor<8xf32>
}

// Conversions that the model itself has are kept.
// CHECK-LABEL: func.func @own
// CHECK: tfl.quantize
// CHECK: tfl.mul
// CHECK: tfl.dequantize
func.func @own(%x: tensor<8xf32> loc("x")) -> tensor<8xf32> {
  %e = "tfl.exp"(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("e")
  %p = "tfl.quantize"(%e) <{qtype = tensor<8x!quant.uniform<i8:f32, 0.1>>}> : (tensor<8xf32>) -> tensor<8x!quant.uniform<i8:f32, 0.1>> loc("p")
  %m = tfl.mul(%p, %p) <{fused_activation_function = "NONE"}> : (tensor<8x!quant.uniform<i8:f32, 0.1>>, tensor<8x!quant.uniform<i8:f32, 0.1>>) -> tensor<8x!quant.uniform<i8:f32, 0.5>> loc("m")
  %d = "tfl.dequantize"(%m) : (tensor<8x!quant.uniform<i8:f32, 0.5>>) -> tensor<8xf32> loc("d")
  %y = "tfl.rsqrt"(%d) : (tensor<8xf32>) -> tensor<8xf32> loc("y")
  func.return %y : tensor<8xf32>
}

// The delegate has no such op, in float neither.
// CHECK-LABEL: func.func @no_kernel
// CHECK: tfl.quantize
// CHECK: tfl.log_softmax
// CHECK: tfl.dequantize
func.func @no_kernel(%x: tensor<1x8xf32> loc("x")) -> tensor<1x8xf32> {
  %e = "tfl.exp"(%x) : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("e")
  %p = "tfl.quantize"(%e) <{qtype = tensor<1x8x!quant.uniform<i8:f32, 0.1>>}> {volatile} : (tensor<1x8xf32>) -> tensor<1x8x!quant.uniform<i8:f32, 0.1>> loc("p")
  %m = "tfl.log_softmax"(%p) : (tensor<1x8x!quant.uniform<i8:f32, 0.1>>) -> tensor<1x8x!quant.uniform<i8:f32, 0.0625:127>> loc("m")
  %y = "tfl.dequantize"(%m) {volatile} : (tensor<1x8x!quant.uniform<i8:f32, 0.0625:127>>) -> tensor<1x8xf32> loc("y")
  func.return %y : tensor<1x8xf32>
}
