// RUN: tflir-opt %s | filecheck %s

// CHECK: func.func @per_tensor(%x: tensor<4x!quant.uniform<i8:f32, 5.000000e-01:-3>>)
func.func @per_tensor(%x: tensor<4x!quant.uniform<i8:f32, 0.5:-3>>) { func.return }

// CHECK: func.func @unsigned(%x: tensor<4x!quant.uniform<u8:f32, 7.812500e-03:128>>)
func.func @unsigned(%x: tensor<4x!quant.uniform<u8:f32, 0.0078125:128>>) { func.return }

// CHECK: func.func @narrow_per_axis(%x: tensor<2x3x!quant.uniform<i8<-127:127>:f32:1, {1.000000e-01,2.000000e-01:1,3.000000e-01}>>)
func.func @narrow_per_axis(%x: tensor<2x3x!quant.uniform<i8<-127:127>:f32:1, {0.1, 0.2:1, 0.3}>>) { func.return }

// CHECK: func.func @sub_channel(%x: tensor<2x4x!quant.uniform<i4:f32:{0:1,1:2}, {{[{][{]}}1.000000e-01,2.000000e-01}, {3.000000e-01,4.000000e-01}}>>)
func.func @sub_channel(%x: tensor<2x4x!quant.uniform<i4:f32:{0:1,1:2}, {{0.1, 0.2}, {0.3, 0.4}}>>) { func.return }

// A scale prints with as many digits as it takes to read back to the same number.
// CHECK: func.func @digits(%x: tensor<4x!quant.uniform<i16:f32, 0.10000000149011612>>)
func.func @digits(%x: tensor<4x!quant.uniform<i16:f32, 0.10000000149011612>>) { func.return }
