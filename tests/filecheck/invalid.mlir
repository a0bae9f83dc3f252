// RUN: tflir-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{unknown op 'tfl.rely'; did you mean 'tfl.relu'}}
func.func @f(%x: tensor<4xf32>) { %0 = "tfl.rely"(%x) : (tensor<4xf32>) -> tensor<4xf32> func.return }

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{no dialect 'tlf'; did you mean 'tfl'}}
  %0 = "tlf.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  %0 = "tfl.relu"(%y) : (tensor<4xf32>) -> tensor<4xf32> // expected-error {{value %y is used but not defined}}
  func.return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{operand 0 is read before it is made (tfl.relu}}
  %0 = "tfl.relu"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @f(%x: tensor<4xi32>) {
  // expected-error-re @+1 {{tensor<4xi32> is not a tensor of {{.*}}F32}}
  %0 = "tfl.relu"(%x) : (tensor<4xi32>) -> tensor<4xi32>
  func.return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{property 'beta' expected in operation 'tfl.softmax'}}
  %0 = "tfl.softmax"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @f() {
  // expected-error @+1 {{its value is a tensor<3xi32>, which does not fit tensor<4xi32>}}
  %0 = "tfl.pseudo_const"() <{value = dense<1> : tensor<3xi32>}> : () -> tensor<4xi32>
  func.return
}

// -----

func.func @f() {
  // expected-error @+1 {{qtype is tensor<2x!quant.uniform<i8:f32, 1.000000e+00>> where the result is}}
  %0 = "tfl.pseudo_qconst"() <{qtype = tensor<2x!quant.uniform<i8:f32, 1.0>>, value = dense<1> : tensor<2xi8>}> : () -> tensor<2x!quant.uniform<i8:f32, 2.0>>
  func.return
}

// -----

// expected-error @+1 {{every scale must be finite and above 0}}
func.func @f(%x: tensor<4x!quant.uniform<i8:f32, -1.0>>) { func.return }

// -----

// expected-error @+1 {{range -200:127 does not fit i8}}
func.func @f(%x: tensor<4x!quant.uniform<i8<-200:127>:f32, 1.0>>) { func.return }

// -----

func.func @f(%x: tensor<i32>) -> tensor<i32> {
  // expected-error @+1 {{'body' region's yield: 0 values where 1 are wanted}}
  %0 = "tfl.while"(%x) <{is_stateless = false}> ({
  ^bb0(%a: tensor<i32>):
    %c = "tfl.pseudo_const"() <{value = dense<true> : tensor<i1>}> : () -> tensor<i1>
    "tfl.yield"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%b: tensor<i32>):
    "tfl.yield"() : () -> ()
  }) : (tensor<i32>) -> tensor<i32>
  func.return %0 : tensor<i32>
}

// -----

func.func @f(%x: tensor<i32>) -> tensor<i32> {
  // expected-error @+1 {{'cond' region's yield is not one boolean}}
  %0 = "tfl.while"(%x) <{is_stateless = false}> ({
  ^bb0(%a: tensor<i32>):
    "tfl.yield"(%a) : (tensor<i32>) -> ()
  }, {
  ^bb0(%b: tensor<i32>):
    "tfl.yield"(%b) : (tensor<i32>) -> ()
  }) : (tensor<i32>) -> tensor<i32>
  func.return %0 : tensor<i32>
}

// -----

func.func @f(%p: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'else' region's yield: value 0 is tensor<i1> where tensor<4xf32> is wanted}}
  %0 = "tfl.if"(%p) ({
    "tfl.yield"(%x) : (tensor<4xf32>) -> ()
  }, {
    "tfl.yield"(%p) : (tensor<i1>) -> ()
  }) : (tensor<i1>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xi32> {
  // expected-error @+1 {{func.return}}
  func.return %x : tensor<4xf32>
}

// -----

func.func @f() {
  // expected-error @+1 {{no function @init}}
  "tfl.call_once"() <{session_init_function = "init"}> : () -> ()
  func.return
}

// -----

func.func @f() { func.return }
// expected-error @+1 {{is defined twice (func.func 'f')}}
func.func @f() { func.return }

// -----

// expected-error @+1 {{a signature is of function @g, which is not there}}
module attributes {tfl.signatures = [{key = "k", function = @g, inputs = [], outputs = []}]} {
  func.func @f() { func.return }
}

// -----

func.func @f() {
  // expected-error @+1 {{elements of shape [2] where the type has [3]}}
  %0 = "tfl.pseudo_const"() <{value = dense<[1, 2]> : tensor<3xi32>}> : () -> tensor<3xi32>
  func.return
}

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{ends a block, but is no terminator}}
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
}
