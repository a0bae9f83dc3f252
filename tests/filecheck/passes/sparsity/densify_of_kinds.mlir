// RUN: tflir-opt %s -p 'tfl-densify-fold{of-kinds=true}' | filecheck %s

#half = #tfl.sparsity_parameter<traversal_order = [0, 1, 2], block_map = [1], dim_metadata = <format = DENSE, dense_size = 2, segments = [], indices = []>, <format = SPARSE_CSR, dense_size = 0, segments = [0, 1, 2], indices = [1, 0]>, <format = DENSE, dense_size = 2, segments = [], indices = []>>
#one = #tfl.sparsity_parameter<traversal_order = [0, 1], block_map = [], dim_metadata = <format = DENSE, dense_size = 1, segments = [], indices = []>, <format = SPARSE_CSR, dense_size = 0, segments = [0, 1], indices = [5]>>

// As four bits, the weights take fewer bytes than now.
// CHECK-LABEL: func.func @narrow
// CHECK: "tfl.pseudo_const"() {{.*}} -> tensor<2x4xf32>
// CHECK: "tfl.fully_connected"{{.*}}tfl.weight_kind = {bits = 4
func.func @narrow(%x: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  %s = "tfl.pseudo_sparse_const"() <{value = dense<0.0> : tensor<2x4xf32>, s_param = #half, compressed_data = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>}> : () -> tensor<2x4xf32>
  %w = "tfl.densify"(%s) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// One element is stored: 256 integers of four bits would be more. The op stays float.
// CHECK-LABEL: func.func @sparser
// CHECK: tfl.pseudo_sparse_const
// CHECK: "tfl.fully_connected"{{.*}}tfl.keep_float = "its sparse weights take fewer bytes than dense int4 ones"}
func.func @sparser(%x: tensor<1x256xf32>) -> tensor<1x1xf32> {
  %n = "tfl.no_value"() <{value}> : () -> none
  %s = "tfl.pseudo_sparse_const"() <{value = dense<0.0> : tensor<1x256xf32>, s_param = #one, compressed_data = dense<[1.0]> : tensor<1xf32>}> : () -> tensor<1x256xf32>
  %w = "tfl.densify"(%s) : (tensor<1x256xf32>) -> tensor<1x256xf32>
  %y = "tfl.fully_connected"(%x, %w, %n) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> {tfl.weight_kind = {bits = 4 : i32, granularity = "channel", form = "hybrid"}} : (tensor<1x256xf32>, tensor<1x256xf32>, none) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// Nothing says how to store it.
// CHECK-LABEL: func.func @without_a_kind
// CHECK: tfl.pseudo_sparse_const
func.func @without_a_kind(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = "tfl.pseudo_sparse_const"() <{value = dense<0.0> : tensor<2x4xf32>, s_param = #half, compressed_data = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>}> : () -> tensor<2x4xf32>
  %d = "tfl.densify"(%s) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %y = "tfl.add"(%x, %d) <{fused_activation_function = "NONE"}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  func.return %y : tensor<2x4xf32>
}
