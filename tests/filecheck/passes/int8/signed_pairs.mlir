// RUN: tflir-opt %s -p tfl-signed-pairs | filecheck %s

// CHECK-LABEL: func.func @pair
// CHECK: "tfl.quantize"(%x) {{.*}} -> tensor<4x!quant.uniform<i8:f32, 1.000000e-01>>
// CHECK-NEXT: "tfl.dequantize"({{.*}}tensor<4x!quant.uniform<i8:f32, 1.000000e-01>>
func.func @pair(%x: tensor<4xf32>) -> tensor<4xf32> {
  %q = "tfl.quantize"(%x) <{qtype = tensor<4x!quant.uniform<u8:f32, 0.1:128>>}> : (tensor<4xf32>) -> tensor<4x!quant.uniform<u8:f32, 0.1:128>>
  %y = "tfl.dequantize"(%q) : (tensor<4x!quant.uniform<u8:f32, 0.1:128>>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// The integers of a constant are less by 128, as their zero point is.
// CHECK-LABEL: func.func @constant
// CHECK: dense<[-128, 0, 72, 127]> : tensor<4xi8>
// CHECK-SAME: !quant.uniform<i8:f32, 1.000000e-01:72>
func.func @constant() -> tensor<4xf32> {
  %c = "tfl.pseudo_qconst"() <{qtype = tensor<4x!quant.uniform<u8:f32, 0.1:200>>, value = dense<[0, 128, 200, 255]> : tensor<4xui8>}> : () -> tensor<4x!quant.uniform<u8:f32, 0.1:200>>
  %y = "tfl.dequantize"(%c) : (tensor<4x!quant.uniform<u8:f32, 0.1:200>>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// An input keeps its type.
// CHECK-LABEL: func.func @input(%x: tensor<4x!quant.uniform<u8:f32, 1.000000e-01:128>>)
// CHECK-NEXT: "tfl.quantize"(%x) {{.*}} -> tensor<4x!quant.uniform<i8:f32, 1.000000e-01>>
func.func @input(%x: tensor<4x!quant.uniform<u8:f32, 0.1:128>>) -> tensor<4xf32> {
  %y = "tfl.dequantize"(%x) : (tensor<4x!quant.uniform<u8:f32, 0.1:128>>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
