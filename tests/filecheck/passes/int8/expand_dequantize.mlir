// RUN: tflir-opt %s -p tfl-expand-dequantize | filecheck %s

// CHECK: %[[i:.*]] = "tfl.pseudo_const"() <{value = dense<[-128, 127]> : tensor<2xi8>}>
// CHECK: %[[f:.*]] = "tfl.cast"(%[[i]])
// CHECK: %[[z:.*]] = "tfl.pseudo_const"() <{value = dense<3.000000e+00>
// CHECK: %[[d:.*]] = tfl.sub{{[ (]}}%[[f]], %[[z]]
// CHECK: %[[s:.*]] = "tfl.pseudo_const"() <{value = dense<5.000000e-01>
// CHECK: tfl.mul{{[ (]}}%[[d]], %[[s]]
// CHECK: "tfl.dequantize"
func.func @main() -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = "tfl.pseudo_qconst"() <{qtype = tensor<2x!quant.uniform<i8:f32, 0.5:3>>, value = dense<[-128, 127]> : tensor<2xi8>}> {volatile} : () -> tensor<2x!quant.uniform<i8:f32, 0.5:3>>
  %1 = "tfl.dequantize"(%0) : (tensor<2x!quant.uniform<i8:f32, 0.5:3>>) -> tensor<2xf32>
  %2 = "tfl.pseudo_qconst"() <{qtype = tensor<2x!quant.uniform<i8:f32, 0.5:3>>, value = dense<[-128, 127]> : tensor<2xi8>}> : () -> tensor<2x!quant.uniform<i8:f32, 0.5:3>>
  %3 = "tfl.dequantize"(%2) : (tensor<2x!quant.uniform<i8:f32, 0.5:3>>) -> tensor<2xf32>
  func.return %1, %3 : tensor<2xf32>, tensor<2xf32>
}
