// RUN: tflir-opt %s -p 'tfl-modify-io-nodes{input-type=int8 output-type=int8},tfl-post-quantize-remove-qdq' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-modify-io-nodes{input-type=uint8 output-type=uint8},tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=UINT8
// RUN: tflir-opt %s -p 'tfl-modify-io-nodes{output-type=int8},tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=OUTPUT
// RUN: not tflir-opt %s -p 'tfl-modify-io-nodes{input-type=int4}' 2>&1 | filecheck %s --check-prefix=BAD

// BAD: error: {{.*}}can't be int4: use float32, int8, uint8

// An input without a scale keeps its type; one that a float op reads too is dequantized for it.
// CHECK: func.func @main(%x: tensor<2x!quant.uniform<i8:f32, 1.000000e+00:-128>>, %i: tensor<1xi32>, %f: tensor<2xf32>) -> (tensor<2x!quant.uniform<i8:f32, 2.000000e+00:-128>>, tensor<1xi32>, tensor<2x!quant.uniform<i8:f32, 5.000000e-01>>)
// CHECK-NOT: tfl.quantize
// CHECK: %[[d:.*]] = "tfl.dequantize"(%x)
// CHECK: %[[y:.*]] = "tfl.abs"(%x)
// CHECK: %[[s:.*]] = "tfl.sin"(%[[d]])
// CHECK: %[[q:.*]] = "tfl.quantize"(%[[s]])
// CHECK: return %[[y]], %i, %[[q]]
// UINT8: func.func @main(%x: tensor<2x!quant.uniform<u8:f32, 1.000000e+00>>, %i: tensor<1xi32>, %f: tensor<2xf32>) -> (tensor<2x!quant.uniform<u8:f32, 2.000000e+00>>, tensor<1xi32>, tensor<2x!quant.uniform<u8:f32, 5.000000e-01:128>>)
// UINT8: %[[x:.*]] = "tfl.quantize"(%x) {{.*}}i8:f32, 1.000000e+00:-128>
// UINT8: %[[y:.*]] = "tfl.abs"(%[[x]])
// UINT8: "tfl.quantize"(%[[y]]) {{.*}}u8:f32, 2.000000e+00>
// OUTPUT: func.func @main(%x: tensor<2xf32>, %i: tensor<1xi32>, %f: tensor<2xf32>) -> (tensor<2x!quant.uniform<i8:f32, 2.000000e+00:-128>>
// OUTPUT: "tfl.sin"(%x)
func.func @main(%x: tensor<2xf32>, %i: tensor<1xi32>, %f: tensor<2xf32>) -> (tensor<2xf32>, tensor<1xi32>, tensor<2xf32>) {
  %q = "tfl.quantize"(%x) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %d = "tfl.dequantize"(%q) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %0 = "tfl.abs"(%q) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
  %y = "tfl.dequantize"(%0) : (tensor<2x!quant.uniform<i8:f32, 2.0:-128>>) -> tensor<2xf32>
  %1 = "tfl.sin"(%d) : (tensor<2xf32>) -> tensor<2xf32>
  %2 = "tfl.quantize"(%1) <{qtype = tensor<2x!quant.uniform<i8:f32, 0.5>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 0.5>>
  %z = "tfl.dequantize"(%2) : (tensor<2x!quant.uniform<i8:f32, 0.5>>) -> tensor<2xf32>
  %unused = "tfl.cos"(%f) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y, %i, %z : tensor<2xf32>, tensor<1xi32>, tensor<2xf32>
}
