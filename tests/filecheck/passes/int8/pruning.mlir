// RUN: tflir-opt %s -p tfl-prepare-quantize | filecheck %s
// RUN: tflir-opt %s -p tfl-prepare-quantize{tf-compat=true} | filecheck %s --check-prefix=COMPAT

// An op that moves elements takes its operand's range, not its own.
// CHECK-LABEL: func.func @moves
// CHECK: %[[x:.*]] = "tfl.quantize"(%x) {{.*}}i8:f32, 1.000000e+00:-128>
// CHECK: tfl.reshape
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 1.000000e+00:-128>
func.func @moves(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<4xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<[4]> : tensor<1xi32>}> : () -> tensor<1xi32>
  %0 = "tfl.reshape"(%x, %s) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 127.5>}}} : (tensor<1x4xf32>, tensor<1xi32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// An op that merges imposes the range of its result. What others read too keeps its own where that is finer, and is
// requantized; TensorFlow makes all its readers coarser.
// CHECK-LABEL: func.func @merges
// CHECK-DAG: %[[a:.*]] = "tfl.quantize"(%a) {{.*}}i8:f32, 5.000000e-01:-128>
// CHECK-DAG: "tfl.quantize"(%[[a]]) {{.*}}i8:f32, 2.000000e+00:-128>
// CHECK-DAG: "tfl.quantize"(%b) {{.*}}i8:f32, 2.000000e+00:-128>
// CHECK: tfl.concatenation
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 2.000000e+00:-128>
// COMPAT-LABEL: func.func @merges
// COMPAT-NOT: 5.000000e-01:-128
// COMPAT-DAG: "tfl.quantize"(%a) {{.*}}i8:f32, 2.000000e+00:-128>
// COMPAT-DAG: "tfl.quantize"(%b) {{.*}}i8:f32, 2.000000e+00:-128>
// COMPAT: tfl.concatenation
func.func @merges(%a: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 127.5>}}}, %b: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> (tensor<4xf32>, tensor<2xf32>) {
  %0 = "tfl.concatenation"(%a, %b) <{axis = 0 : i32, fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  %1 = "tfl.exp"(%a) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<2xf32>
}

// What only the merge reads needs no parameters of its own: no requantization.
// CHECK-LABEL: func.func @merges_alone
// CHECK: "tfl.quantize"(%a) {{.*}}i8:f32, 2.000000e+00:-128>
// CHECK-NOT: 5.000000e-01:-128
// CHECK: tfl.maximum
func.func @merges_alone(%a: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 127.5>}}}, %b: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}}) -> tensor<2xf32> {
  %0 = "tfl.maximum"(%a, %b) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// A fixed result has no use for the range recorded of it.
// CHECK-LABEL: func.func @fixed
// CHECK: tfl.softmax
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 3.906250e-03:-128>
// CHECK-NEXT: "tfl.dequantize"
// CHECK-NEXT: func.return
func.func @fixed(%x: tensor<1x4xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}}) -> tensor<1x4xf32> {
  %0 = "tfl.softmax"(%x) <{beta = 1.0 : f32}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %0 : tensor<1x4xf32>
}

// Without a range nothing happens; a range that float32 can't make a scale of is none.
// CHECK-LABEL: func.func @without
// CHECK-NOT: quantize
func.func @without(%x: tensor<4xf32> {tfl.tensor = {quantization = {min = array<f32: -3.0e38>, max = array<f32: 3.0e38>}}}) -> tensor<4xf32> {
  %0 = "tfl.abs"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// A chain of merges: what lies between takes the range that the last imposes, not the finer one of the first operand,
// which could not hold it.
// CHECK-LABEL: func.func @chain
// CHECK: tfl.maximum
// CHECK-NEXT: "tfl.quantize"({{.*}}i8:f32, 2.000000e+00:-128>
func.func @chain(%a: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 127.5>}}}, %b: tensor<2xf32> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}}) -> (tensor<4xf32>, tensor<2xf32>) {
  %0 = "tfl.maximum"(%a, %b) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.concatenation"(%0, %b) <{axis = 0 : i32, fused_activation_function = "NONE"}> {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 510.0>}}} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  %2 = "tfl.exp"(%a) {tfl.tensor = {quantization = {min = array<f32: 0.0>, max = array<f32: 255.0>}}} : (tensor<2xf32>) -> tensor<2xf32>
  func.return %1, %2 : tensor<4xf32>, tensor<2xf32>
}
