// RUN: tflir-opt %s -p tfl-mend-xnnpack{always=true} | filecheck %s
// RUN: tflir-opt %s -p tfl-mend-xnnpack | filecheck %s --check-prefix=FASTER

// CHECK-LABEL: func.func @function
// CHECK: [[X:%.*]] = "tfl.dequantize"(%x) {volatile} : {{.*}} -> tensor<64x64xf32>
// CHECK: [[Y:%.*]] = "tfl.hard_swish"([[X]]) : (tensor<64x64xf32>) -> tensor<64x64xf32>
// CHECK: %y = "tfl.quantize"([[Y]]) {{.*}} {volatile} : {{.*}} -> tensor<64x64x!quant.uniform<i8:f32, 3.000000e-02:-3>>
// FASTER-LABEL: func.func @function
// FASTER: tfl.dequantize
func.func @function(%x: tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("x")) -> tensor<64x64x!quant.uniform<i8:f32, 0.03:-3>> {
  %y = "tfl.hard_swish"(%x) : (tensor<64x64x!quant.uniform<i8:f32, 0.05>>) -> tensor<64x64x!quant.uniform<i8:f32, 0.03:-3>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<i8:f32, 0.03:-3>>
}

// The slope becomes float numbers.
// CHECK-LABEL: func.func @slope
// CHECK: [[X:%.*]] = "tfl.dequantize"(%x)
// CHECK: dense<[2.500000e-01]> : tensor<1xf32>
// CHECK: "tfl.prelu"([[X]], {{.*}}) : (tensor<64x64xf32>, tensor<1xf32>) -> tensor<64x64xf32>
// CHECK: %y = "tfl.quantize"
func.func @slope(%x: tensor<64x64x!quant.uniform<u8:f32, 0.05:128>> loc("x")) -> tensor<64x64x!quant.uniform<u8:f32, 0.05:128>> {
  %a = "tfl.pseudo_qconst"() <{qtype = tensor<1x!quant.uniform<u8:f32, 0.25:3>>, value = dense<4> : tensor<1xui8>}> : () -> tensor<1x!quant.uniform<u8:f32, 0.25:3>>
  %y = "tfl.prelu"(%x, %a) : (tensor<64x64x!quant.uniform<u8:f32, 0.05:128>>, tensor<1x!quant.uniform<u8:f32, 0.25:3>>) -> tensor<64x64x!quant.uniform<u8:f32, 0.05:128>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<u8:f32, 0.05:128>>
}

// The built-in kernel is fast: float would not be faster.
// CHECK-LABEL: func.func @maximum
// CHECK-COUNT-2: tfl.dequantize
// CHECK: tfl.maximum
// FASTER-LABEL: func.func @maximum
// FASTER-NOT: tfl.dequantize
// FASTER: tfl.maximum
func.func @maximum(%x: tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("x"), %z: tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("z")) -> tensor<64x64x!quant.uniform<i8:f32, 0.05>> {
  %y = "tfl.maximum"(%x, %z) : (tensor<64x64x!quant.uniform<i8:f32, 0.05>>, tensor<64x64x!quant.uniform<i8:f32, 0.05>>) -> tensor<64x64x!quant.uniform<i8:f32, 0.05>> loc("y")
  func.return %y : tensor<64x64x!quant.uniform<i8:f32, 0.05>>
}

// Float stays as it is.
// CHECK-LABEL: func.func @float
// CHECK-NOT: tfl.dequantize
// CHECK: func.return
func.func @float(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = "tfl.hard_swish"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
