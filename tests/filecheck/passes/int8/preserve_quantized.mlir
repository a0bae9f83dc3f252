// RUN: tflir-opt %s -p tfl-preserve-quantized | filecheck %s
// RUN: tflir-opt %s -p "tfl-preserve-quantized{keep-float=false}" | filecheck %s --check-prefix=MARKS
// RUN: tflir-opt %s -p tfl-preserve-quantized,tfl-clear-marks | filecheck %s --check-prefix=CLEAR
// CLEAR-NOT: tfl.keep_float
// CLEAR-NOT: tfl.model_quantized

// A float op between integer ones stays float, and so do the conversions around it.
// CHECK-LABEL: func.func @island
// CHECK: "tfl.quantize"(%x) {{.*}}{tfl.model_quantized}
// CHECK: "tfl.dequantize"{{.*}}{tfl.model_quantized}
// CHECK: "tfl.sqrt"{{.*}}{tfl.keep_float = "it lies beside integer parts that the model came with"}
// CHECK: "tfl.quantize"{{.*}}{tfl.model_quantized}
// CHECK: "tfl.dequantize"{{.*}}{tfl.model_quantized}
// MARKS-LABEL: func.func @island
// MARKS: tfl.model_quantized
// MARKS-NOT: tfl.keep_float
func.func @island(%x: tensor<4xf32>) -> tensor<4xf32> {
  %q = "tfl.quantize"(%x) <{qtype = tensor<4x!quant.uniform<i8:f32, 0.5>>}> : (tensor<4xf32>) -> tensor<4x!quant.uniform<i8:f32, 0.5>>
  %a = "tfl.abs"(%q) : (tensor<4x!quant.uniform<i8:f32, 0.5>>) -> tensor<4x!quant.uniform<i8:f32, 0.5>>
  %d = "tfl.dequantize"(%a) : (tensor<4x!quant.uniform<i8:f32, 0.5>>) -> tensor<4xf32>
  %s = "tfl.sqrt"(%d) : (tensor<4xf32>) -> tensor<4xf32>
  %r = "tfl.quantize"(%s) <{qtype = tensor<4x!quant.uniform<i8:f32, 0.1>>}> : (tensor<4xf32>) -> tensor<4x!quant.uniform<i8:f32, 0.1>>
  %b = "tfl.abs"(%r) : (tensor<4x!quant.uniform<i8:f32, 0.1>>) -> tensor<4x!quant.uniform<i8:f32, 0.1>>
  %y = "tfl.dequantize"(%b) : (tensor<4x!quant.uniform<i8:f32, 0.1>>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// A pair on a float value is an instruction: nothing of it is marked.
// CHECK-LABEL: func.func @pair
// CHECK-NOT: tfl.model_quantized
// CHECK: func.return
func.func @pair(%x: tensor<4xf32>) -> tensor<4xf32> {
  %q = "tfl.quantize"(%x) <{qtype = tensor<4x!quant.uniform<i8:f32, 0.5>>}> : (tensor<4xf32>) -> tensor<4x!quant.uniform<i8:f32, 0.5>>
  %d = "tfl.dequantize"(%q) : (tensor<4x!quant.uniform<i8:f32, 0.5>>) -> tensor<4xf32>
  %s = "tfl.sqrt"(%d) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %s : tensor<4xf32>
}

// Rows of a constant table are no computed integers: what reads them in float may be quantized.
// CHECK-LABEL: func.func @table
// CHECK-NOT: tfl.model_quantized
// CHECK: func.return
func.func @table(%i: tensor<2xi32>) -> tensor<2x4xf32> {
  %t = "tfl.pseudo_qconst"() <{qtype = tensor<3x4x!quant.uniform<i8:f32, 0.5>>, value = dense<1> : tensor<3x4xi8>}> : () -> tensor<3x4x!quant.uniform<i8:f32, 0.5>>
  %g = "tfl.gather"(%t, %i) <{axis = 0 : i32, batch_dims = 0 : i32}> : (tensor<3x4x!quant.uniform<i8:f32, 0.5>>, tensor<2xi32>) -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  %d = "tfl.dequantize"(%g) : (tensor<2x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<2x4xf32>
  %s = "tfl.sqrt"(%d) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %s : tensor<2x4xf32>
}
