// RUN: tflir-opt %s -p tfl-densify-fold --print-debuginfo | filecheck %s

#s = #tfl.sparsity_parameter<traversal_order = [0, 1, 2], block_map = [1], dim_metadata = <format = DENSE, dense_size = 2, segments = [], indices = []>, <format = SPARSE_CSR, dense_size = 0, segments = [0, 1, 2], indices = [1, 0]>, <format = DENSE, dense_size = 2, segments = [], indices = []>>

// CHECK-LABEL: func.func @from_densify
// CHECK-NEXT: [[W:%.*]] = "tfl.pseudo_const"() <{value = dense<{{\[\[}}0.000000e+00, 0.000000e+00, 1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00, 0.000000e+00, 0.000000e+00]]> : tensor<2x4xf32>}> : () -> tensor<2x4xf32> loc("w")
// CHECK-NEXT: tfl.add{{[ (]}}%{{.*}}, [[W]]
func.func @from_densify(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = "tfl.pseudo_sparse_const"() <{value = dense<0.0> : tensor<2x4xf32>, s_param = #s, compressed_data = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>}> : () -> tensor<2x4xf32> loc("w")
  %d = "tfl.densify"(%s) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = "tfl.add"(%x, %d) <{fused_activation_function = "NONE"}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %y : tensor<2x4xf32>
}

// What reads it as it is reads it dense; quantized ones keep their type.
// CHECK-LABEL: func.func @read_directly
// CHECK: [[W:%.*]] = "tfl.pseudo_qconst"() <{qtype = tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01>>, value = dense<{{\[\[}}0, 0, 1, 2], [3, 4, 0, 0]]>
// CHECK-NEXT: "tfl.fully_connected"(%{{.*}}, [[W]], %{{.*}})
func.func @read_directly(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  %s = "tfl.pseudo_sparse_qconst"() <{qtype = tensor<2x4x!quant.uniform<i8:f32, 0.5>>, value = dense<0> : tensor<2x4xi8>, s_param = #s, compressed_data = dense<[1, 2, 3, 4]> : tensor<4xi8>}> : () -> tensor<2x4x!quant.uniform<i8:f32, 0.5>>
  %y = "tfl.fully_connected"(%x, %s, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<2x4x!quant.uniform<i8:f32, 0.5>>, none) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
