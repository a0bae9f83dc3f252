// RUN: tflir-opt %s -p tfl-lower-fake-quant | filecheck %s
// RUN: tflir-opt %s -p 'tfl-lower-fake-quant,tfl-prepare-quantize,tfl-quantize{hybrid=false legacy-float-scale=true},tfl-post-quantize,tfl-post-quantize-remove-qdq' | filecheck %s --check-prefix=INT8
// RUN: not tflir-opt %s -p 'tfl-prepare-quantize,tfl-lower-fake-quant{bits=8}' 2>&1 | filecheck %s --check-prefix=OPTION

// OPTION: error: pass tfl-lower-fake-quant has no option 'bits'

// Ties of a constant round up, as in training: 63.5 to 64, -63.5 to -63. The range of an activation is taken as it is.
// CHECK: "tfl.quantize"(%x) {{.*}}i8:f32, 1.000000e+00:-128>
// CHECK: "tfl.pseudo_qconst"() {{.*}}i8<-127:127>:f32, 5.000000e-01>>, value = dense<{{\[\[}}-127, 64], [-63, 127]]> : tensor<2x2xi8>
// CHECK: "tfl.pseudo_qconst"() {{.*}}i4:f32, 1.000000e+00>>, value = dense<{{\[\[}}-8, 7], [1, 3]]> : tensor<2x2xi4>
// INT8: %[[h:.*]] = "tfl.fully_connected"({{.*}}-> tensor<1x2x!quant.uniform<i8:f32, 2.000000e+00:-128>>
// INT8: "tfl.fully_connected"(%[[h]]
func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %xf = "tfl.fake_quant"(%x) <{min = 0.0 : f32, max = 255.0 : f32, num_bits = 8 : i32, narrow_range = false}> : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %w = "tfl.pseudo_const"() <{value = dense<[[-100.0, 31.75], [-31.75, 63.5]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %wf = "tfl.fake_quant"(%w) <{min = -63.5 : f32, max = 63.5 : f32, num_bits = 8 : i32, narrow_range = true}> : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %none = "tfl.no_value"() <{value}> : () -> none
  %0 = "tfl.fully_connected"(%xf, %wf, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  %hf = "tfl.fake_quant"(%0) <{min = 0.0 : f32, max = 510.0 : f32, num_bits = 8 : i32, narrow_range = false}> : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %v = "tfl.pseudo_const"() <{value = dense<[[-9.0, 8.0], [0.5, 3.0]]> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %vf = "tfl.fake_quant"(%v) <{min = -8.0 : f32, max = 7.0 : f32, num_bits = 4 : i32, narrow_range = false}> : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = "tfl.fully_connected"(%hf, %vf, %none) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x2xf32>, tensor<2x2xf32>, none) -> tensor<1x2xf32>
  %yf = "tfl.fake_quant"(%1) <{min = -128.0 : f32, max = 127.0 : f32, num_bits = 8 : i32, narrow_range = false}> : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %yf : tensor<1x2xf32>
}
