// RUN: not tflir-opt %s -p tfl-require-integer 2>&1 | filecheck %s
// RUN: not tflir-opt %s -p 'tfl-select-ops{skip="ABS"},tfl-require-integer' 2>&1 | filecheck %s --check-prefix=SKIPPED

// CHECK: error: {{.*}}3 ops can't be integer: SIN 'sine' (it has no int8 kernel); ABS 'size' (no range was recorded for one of its values); custom op mine 'made' (it has no int8 kernel): add TFLITE_BUILTINS
// SKIPPED: ABS 'size' (skipped)
func.func @main(%x: tensor<2xf32>, %q: tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = "tfl.sin"(%x) : (tensor<2xf32>) -> tensor<2xf32> loc("sine")
  %1 = "tfl.abs"(%0) : (tensor<2xf32>) -> tensor<2xf32> loc("size")
  %2 = "tfl.custom"(%1) <{custom_code = "mine", custom_option = #tfl<const_bytes : "0x">}> : (tensor<2xf32>) -> tensor<2xf32> loc("made")
  %3 = "tfl.relu"(%q) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2x!quant.uniform<i8:f32, 1.0:-128>>
  %4 = "tfl.dequantize"(%3) : (tensor<2x!quant.uniform<i8:f32, 1.0:-128>>) -> tensor<2xf32>
  func.return %2, %4 : tensor<2xf32>, tensor<2xf32>
}
