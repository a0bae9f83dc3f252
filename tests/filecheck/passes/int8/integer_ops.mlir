// RUN: tflir-opt %s -p 'tfl-quantize{hybrid=false legacy-float-scale=true}' | filecheck %s
// RUN: tflir-opt %s -p 'tfl-quantize{hybrid=false legacy-float-scale=true tf-compat=true}' | filecheck %s --check-prefix=COMPAT
// RUN: tflir-opt %s -p 'tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=CLEAN

// An op between pairs reads and makes the integers; its constants become integers.
// CHECK-LABEL: func.func @forms
// CHECK: %[[c:.*]] = "tfl.pseudo_qconst"() <{{.*}}value = dense<[-128, 127]> : tensor<2xi8>
// CHECK: %[[q:.*]] = "tfl.quantize"(%x)
// CHECK: tfl.add{{[ (]}}%[[q]], %[[c]]{{.*}}-> tensor<2x!quant.uniform<i8:f32, 2.000000e+00:-128>>
// CLEAN-LABEL: func.func @forms
// CLEAN-COUNT-1: tfl.dequantize
// CLEAN-NEXT: return
func.func @forms(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<[0.0, 255.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %cq = "tfl.quantize"(%c) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %cd = "tfl.dequantize"(%cq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %xq = "tfl.quantize"(%x) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %xd = "tfl.dequantize"(%xq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %0 = "tfl.add"(%xd, %cd) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %yq = "tfl.quantize"(%0) <{qtype = tensor<2x!quant.uniform<i8:f32, 2.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
  %yd = "tfl.dequantize"(%yq) : (tensor<2x!quant.uniform<i8:f32, 2.0:-128>>) -> tensor<2xf32>
  func.return %yd : tensor<2xf32>
}

// TensorFlow's search stops at a reader that stays float, the last reader first: arg_max before sin is missed.
// CHECK-LABEL: func.func @order
// CHECK: "tfl.arg_max"({{.*}}!quant.uniform
// COMPAT-LABEL: func.func @order
// COMPAT: "tfl.arg_max"({{.*}}(tensor<2xf32>, tensor<i32>)
// CLEAN-LABEL: func.func @order
// CLEAN: "tfl.sin"(%x) : (tensor<2xf32>)
func.func @order(%x: tensor<2xf32>) -> (tensor<i32>, tensor<2xf32>) {
  %xq = "tfl.quantize"(%x) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %xd = "tfl.dequantize"(%xq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %d = "tfl.pseudo_const"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %0 = "tfl.arg_max"(%xd, %d) {output_type = "INT32"} : (tensor<2xf32>, tensor<i32>) -> tensor<i32>
  %1 = "tfl.sin"(%xd) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %0, %1 : tensor<i32>, tensor<2xf32>
}

// Without a range for its result an op stays float, and so does its constant.
// CLEAN-LABEL: func.func @stays
// CLEAN: %[[c:.*]] = "tfl.pseudo_const"() <{value = dense<[0.000000e+00, 2.550000e+02]>
// CLEAN-NEXT: tfl.add %x, %[[c]] {{.*}} : tensor<2xf32>
func.func @stays(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<[0.0, 255.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %cq = "tfl.quantize"(%c) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %cd = "tfl.dequantize"(%cq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %xq = "tfl.quantize"(%x) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> {volatile} : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %xd = "tfl.dequantize"(%xq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %0 = "tfl.add"(%xd, %cd) <{fused_activation_function = "NONE"}> : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// A pair that the model itself has is no volatile one: it stays.
// CLEAN-LABEL: func.func @trained
// CLEAN: tfl.quantize
// CLEAN: tfl.dequantize
// CLEAN: tfl.sin
func.func @trained(%x: tensor<2xf32>) -> tensor<2xf32> {
  %xq = "tfl.quantize"(%x) <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0:-128>>}> : (tensor<2xf32>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %xd = "tfl.dequantize"(%xq) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  %0 = "tfl.sin"(%xd) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// A requantization after an op that can make the new scale itself goes into the op; after one that can't it stays.
// CLEAN-LABEL: func.func @requantized
// CLEAN: "tfl.abs"({{.*}}-> tensor<2x!quant.uniform<i8:f32, 2.000000e+00:-128>>
// CLEAN-NOT: tfl.quantize
// CLEAN: "tfl.tanh"({{.*}}-> tensor<2x!quant.uniform<i8:f32, 7.812500e-03>>
// CLEAN-NEXT: "tfl.quantize"({{.*}}-> tensor<2x!quant.uniform<i8:f32, 2.000000e+00:-128>>
func.func @requantized(%x: tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> (tensor<2x!quant.uniform<i8:f32, 2.0:-128>>, tensor<2x!quant.uniform<i8:f32, 2.0:-128>>) {
  %0 = "tfl.abs"(%x) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %1 = "tfl.quantize"(%0) <{qtype = tensor<2x!quant.uniform<i8:f32, 2.0:-128>>}> {tfl.requantizes} : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
  %2 = "tfl.tanh"(%x) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 0.0078125>>
  %3 = "tfl.quantize"(%2) <{qtype = tensor<2x!quant.uniform<i8:f32, 2.0:-128>>}> : (tensor<2x!quant.uniform<i8:f32, 0.0078125>>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
  func.return %1, %3 : tensor<2x!quant.uniform<i8:f32, 2.0:-128>>, tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
}

// A requantization of the model's own stays: the parameters before it may saturate.
// CLEAN-LABEL: func.func @own
// CLEAN: "tfl.abs"({{.*}}-> tensor<2x!quant.uniform<i8:f32, 1.000000e+00:-128>>
// CLEAN-NEXT: "tfl.quantize"
func.func @own(%x: tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>> {
  %0 = "tfl.abs"(%x) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %1 = "tfl.quantize"(%0) <{qtype = tensor<2x!quant.uniform<i8:f32, 2.0:-128>>}> : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
  func.return %1 : tensor<2x!quant.uniform<i8:f32, 2.0:-128>>
}
