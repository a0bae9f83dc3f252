"""What TensorFlow Lite Micro's reference kernels take: the operators of its own list, with the kinds of each kernel."""

from __future__ import annotations

from tflir.ir.targets.target import Target, takes

_8_16 = "f32/qi8/qi16"
_8_16_32 = "f32/qi8/qi16/i32/qi32"
_ANY_NUMBER = "f32/i8/qi8/i16/qi16/i32/qi32/i64/bool"
_LAYER = ("f32 f32 f32? -> f32", "qi8 qi8/qci8/qi4/qci4 i32/qi32/qci32? -> qi8",
          "qi16 qi8/qci8 i32/i64/qi32/qci32/qi64/qci64? -> qi16")  # fmt: skip

ROWS = (
    # layers
    takes("CONV_2D DEPTHWISE_CONV_2D", _LAYER,
          otherwise="float, int8 or int16 activations with weights of their kind only"),
    takes("FULLY_CONNECTED", ("f32 f32 f32? -> f32", "qi8 qi8/qci8/qi4 i32/qi32/qci32? -> qi8",
                              "qi16 qi8/qci8 i32/i64/qi32/qci32/qi64/qci64? -> qi16"),
          otherwise="float, int8 or int16 activations with weights of their kind only"),
    takes("TRANSPOSE_CONV", ("i32 f32 f32 f32? -> f32", "i32 qi8/qci8 qi8 i32/qi32/qci32? -> qi8",
                             "i32 qi8/qci8 qi16 i32/i64/qi32/qci32/qi64/qci64? -> qi16")),
    takes("BATCH_MATMUL", ("f32 f32 -> f32", "qi8 qi8 -> qi8", "qi16 qi16 -> qi16")),
    takes("EMBEDDING_LOOKUP", "i32 f32/qi8/qci8 -> f32"),
    takes("SVDF", ("f32 *", "qi8 *")),
    takes("UNIDIRECTIONAL_SEQUENCE_LSTM", ("f32 *", "qi8 *", "qi16 *")),
    takes("AVERAGE_POOL_2D MAX_POOL_2D", f"{_8_16}"),
    takes("L2_POOL_2D", "f32"),
    # element by element
    takes("ADD SUB MUL SQUARED_DIFFERENCE", f"{_8_16_32} any"),
    takes("DIV", "f32/qi8/i32 any"),
    takes("ADD_N", "f32/qi8 *"),
    takes("FLOOR_DIV FLOOR_MOD", "f32 f32"),
    takes("MAXIMUM MINIMUM", "f32/qi8/qi16/i32/i64 any"),
    takes("ABS", "f32/qi8/qi16/i16"),
    takes("RSQRT", "f32/qi8"),
    takes("CEIL COS EXP FLOOR LOG NEG ROUND SIN SQRT SQUARE", "f32", otherwise="float only"),
    takes("RELU RELU6 LOGISTIC TANH LEAKY_RELU", _8_16),
    takes("PRELU", f"{_8_16} any"),
    takes("ELU HARD_SWISH L2_NORMALIZATION LOG_SOFTMAX", "f32/qi8"),
    takes("SOFTMAX", ("f32 -> f32", "qi8 -> qi8/qi16", "qi16 -> qi16")),
    takes("EQUAL NOT_EQUAL", "bool/f32/i8/qi8/i16/qi16/i32/i64 any"),
    takes("GREATER GREATER_EQUAL LESS LESS_EQUAL", "f32/i8/qi8/i16/qi16/i32/i64 any"),
    takes("LOGICAL_AND LOGICAL_OR", "bool bool"),
    takes("LOGICAL_NOT", "bool"),
    takes("SELECT_V2", f"bool {_8_16} any"),
    # conversions
    takes("CAST", "bool/f32/i8/qi8/i16/qi16/i32/u32"),
    takes("DEQUANTIZE", "qi8/qu8/qi16 -> f32"),
    takes("QUANTIZE", ("f32 -> qi8/qu8/qi16", "qi8 -> qi8/qu8/qi16/qi32", "qu8 -> qi8", "qi16 -> qi8/qi16/qi32",
                       "qi32 -> qi8/qi16")),
    # reductions
    takes("MEAN SUM", f"{_8_16} i32"),
    takes("REDUCE_MAX REDUCE_MIN", "f32/qi8/qi16 i32"),
    takes("REDUCE_ALL", "bool i32"),
    takes("CUMSUM", "f32/qi8 i32"),
    takes("ARG_MAX ARG_MIN", "f32/qi8 i32 -> i32"),
    # shapes
    takes("RESHAPE SQUEEZE EXPAND_DIMS SHAPE", ()),
    takes("BROADCAST_TO", f"{_ANY_NUMBER} any"),
    takes("BROADCAST_ARGS", "i32/i64 any"),
    takes("CONCATENATION", f"{_ANY_NUMBER}*"),
    takes("DEPTH_TO_SPACE SPACE_TO_DEPTH", "f32/qi8"),
    takes("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND", "f32/qi8 *"),
    takes("DYNAMIC_UPDATE_SLICE", "f32/i8/qi8/i16/qi16/i32 any i32/i64"),
    takes("FILL", ("i32/i64 f32/i8/qi8/i16/qi16/i32/i64",)),
    takes("GATHER GATHER_ND", "f32/i8/qi8/i32 i32"),
    takes("MIRROR_PAD", "f32/i8/qi8/i32/i64 any"),
    takes("PACK", f"{_ANY_NUMBER}*"),
    takes("PAD PADV2", "f32/i8/qi8/i16/qi16/i32 *"),
    takes("RESIZE_BILINEAR", "f32/qi8 i32"),
    takes("RESIZE_NEAREST_NEIGHBOR", f"{_8_16} i32"),
    takes("REVERSE_V2", f"{_ANY_NUMBER}/u8/qu8 i32"),
    takes("SLICE", "bool/f32/i8/qi8/i16/qi16/i32 i32/i64 i32/i64"),
    takes("SPLIT", f"i32 {_8_16_32}"),
    takes("SPLIT_V", f"{_8_16_32} i32 i32"),
    takes("STRIDED_SLICE", "bool/f32/i8/qi8/i16/qi16/i32 i32 i32 i32"),
    takes("TRANSPOSE", f"{_8_16} i32"),
    takes("UNPACK", _8_16_32),
    takes("ZEROS_LIKE", "f32/i8/qi8/i32/i64"),
    # variables and control flow
    takes("ASSIGN_VARIABLE CALL_ONCE IF READ_VARIABLE VAR_HANDLE WHILE", ()),
    # custom operators
    takes("CIRCULAR_BUFFER TFLM_DECODE TFLite_Detection_PostProcess SignalDelay SignalEnergy SignalFftAutoScale "
          "SignalFilterBank SignalFilterBankLog SignalFilterBankSquareRoot SignalFramer SignalIrfft SignalOverlapAdd "
          "SignalPCAN SignalRfft SignalStacker SignalWindow", ()),
)  # fmt: skip

TFLM = Target(
    "tflm",
    "TensorFlow Lite Micro's reference kernels",
    ROWS,
    known="published: micro_mutable_op_resolver.h and kernels of tflite-micro 90b983c2b",
)
