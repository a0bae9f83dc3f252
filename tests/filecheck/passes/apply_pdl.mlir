// RUN: tflir-opt %s -p 'tfl-apply-pdl{file="%s"}' --print-debuginfo | filecheck %s

// The patterns stand in the file that they are applied to; the one of the greater benefit is tried first.

pdl.pattern @neg_of_neg : benefit(1) {
  %type = pdl.type
  %x = pdl.operand : %type
  %inner = pdl.operation "tfl.neg" (%x : !pdl.value) -> (%type : !pdl.type)
  %value = pdl.result 0 of %inner
  pdl.apply_native_constraint "has_one_use"(%value : !pdl.value)
  %outer = pdl.operation "tfl.neg" (%value : !pdl.value) -> (%type : !pdl.type)
  pdl.rewrite %outer {
    pdl.replace %outer with (%x : !pdl.value)
  }
}

pdl.pattern @twice : benefit(2) {
  %type = pdl.type
  %x = pdl.operand : %type
  %sum = pdl.operation "tfl.add" (%x, %x : !pdl.value, !pdl.value) -> (%type : !pdl.type)
  pdl.rewrite %sum {
    %number = pdl.attribute = dense<2.0> : tensor<f32>
    %scalar = pdl.type : tensor<f32>
    %constant = pdl.operation "tfl.pseudo_const" {"value" = %number} -> (%scalar : !pdl.type)
    %two = pdl.result 0 of %constant
    %product = pdl.operation "tfl.mul" (%x, %two : !pdl.value, !pdl.value)
    pdl.replace %sum with %product
  }
}

// CHECK-LABEL: func.func @negated
// CHECK-NEXT:    %[[TWO:.*]] = "tfl.pseudo_const"() <{value = dense<2.000000e+00> : tensor<f32>}>
// CHECK-NEXT:    %[[Y:.*]] = tfl.mul(%{{.*}}, %[[TWO]]) <{fused_activation_function = "NONE"}> {{.*}} loc("y")
// CHECK-NEXT:    func.return %[[Y]]
func.func @negated(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %a = "tfl.neg"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("a")
  %b = "tfl.neg"(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("b")
  %y = "tfl.add"(%b, %b) <{fused_activation_function = "NONE"}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}

// The inner negation is read by another op too.
// CHECK-LABEL: func.func @shared
// CHECK-NEXT:    tfl.neg
// CHECK-NEXT:    tfl.neg
func.func @shared(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = "tfl.neg"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = "tfl.neg"(%a) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %a, %b : tensor<4xf32>, tensor<4xf32>
}
