"""`tfl-insert-range-outputs`: instruments a model so that the runtime computes the range of each float32 value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr, i32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, SSAValue

from tflir.ir import names
from tflir.ir.entries import entry_functions
from tflir.passes.base import PassReport, TflPass
from tflir.passes.calibration.instrumenter import Instrumenter, at_end, set_results
from tflir.passes.calibration.logged import is_state
from tflir.passes.calibration.slots import Meaning
from tflir.passes.rewriting.values import is_float

HIGH, LOW = "tflir_high", "tflir_low"
"""Names of the outputs that hold the largest and the smallest elements, for models with signatures."""
EXTRA = "tflir_extra"


@dataclass
class Probe:
    """The meaning of the outputs of one instrumented entry function."""

    meanings: list[Meaning]
    """The meaning of each element of the two vectors, which are the first two outputs."""
    states: list[int] = field(default_factory=list[int])
    """Positions of the variable tensors, each of which is an output after the vectors."""
    sequences: list[int] = field(default_factory=list[int])
    """Positions of the results of LSTM ops, whose inputs are the outputs after those."""


@dataclass(frozen=True)
class InsertRangeOutputsPass(TflPass):
    """
    Replaces the outputs of each function that can be run by two vectors: the largest and the smallest element of every
    float32 value, in program order.

    ```mlir
    func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %y = "tfl.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
      func.return %y : tensor<1x4xf32>
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<1x4xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %axes = "tfl.pseudo_const"() <{value = dense<[0, 1]> : tensor<2xi32>}> : () -> tensor<2xi32>
      %0 = "tfl.reduce_max"(%x, %axes) <{keep_dims = false}> : …
      %1 = "tfl.reduce_min"(%x, %axes) <{keep_dims = false}> : …
      %y = "tfl.tanh"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>
      %2 = "tfl.reduce_max"(%y, %axes) <{keep_dims = false}> : …
      %3 = "tfl.reduce_min"(%y, %axes) <{keep_dims = false}> : …
      %4 = "tfl.pack"(%0, %2) <{axis = 0 : i32, values_count = 2 : i32}> : …
      %5 = "tfl.pack"(%1, %3) <{axis = 0 : i32, values_count = 2 : i32}> : …
      func.return %4, %5 : tensor<2xf32>, tensor<2xf32>
    }
    ```
    Values that only reorder the elements of another value share its elements of the vectors. Branches return their
    vectors, and loops carry them from one iteration to the next. The variable tensors of recurrent ops and the inputs
    of LSTM ops become further outputs after the two vectors.
    """

    name = "tfl-insert-range-outputs"
    changes = "lossy"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        probes = insert_range_outputs(module)
        report.count("values observed", sum(len(meaning) for probe in probes.values() for meaning in probe.meanings))


def insert_range_outputs(module: ModuleOp) -> dict[str, Probe]:
    """Does the pass's work on `module`; returns the meaning of the outputs of each entry function, by its name."""
    entries = list(entry_functions(module))
    instrumenter = Instrumenter(module)
    probes: dict[str, Probe] = {}
    for function in entries:
        probes[function.sym_name.data] = _instrument_entry(function, instrumenter)
    _rename_outputs(module, probes)
    return probes


def _function_name(signature: DictionaryAttr) -> str:
    return cast(SymbolRefAttr, signature.data["function"]).root_reference.data


def _rename_outputs(module: ModuleOp, probes: dict[str, Probe]) -> None:
    """Gives the outputs of each signature the names of the instrumented function's outputs."""
    signatures = module.attributes.get(names.SIGNATURES)
    if not isinstance(signatures, ArrayAttr):
        return
    renamed: list[Attribute] = []
    for entry in cast("ArrayAttr[DictionaryAttr]", signatures):
        probe = probes[_function_name(entry)]
        extras = len(probe.states) + len(probe.sequences)
        aliases = [HIGH, LOW, *(f"{EXTRA}_{i}" for i in range(extras))]
        outputs = [ArrayAttr([StringAttr(name), IntegerAttr(i, i32)]) for i, name in enumerate(aliases)]
        renamed.append(DictionaryAttr(dict(entry.data) | {"outputs": ArrayAttr(cast(list[Attribute], outputs))}))
    module.attributes[names.SIGNATURES] = ArrayAttr(renamed)


def _instrument_entry(function: FuncOp, instrumenter: Instrumenter) -> Probe:
    extras, states, sequences = _recurrent(function)
    vectors = instrumenter.observe(function, function.sym_name.data)
    emit = at_end(function)
    pair = vectors.pack(emit) if vectors.meanings else emit.nothing(1)
    set_results(function, [*pair, *extras])
    return Probe(vectors.meanings, states, sequences)


def _recurrent(function: FuncOp) -> tuple[list[SSAValue], list[int], list[int]]:
    """The variable tensors and the inputs of LSTM ops, and the positions for which each kind becomes an output."""
    states: dict[int, SSAValue] = {}
    sequences: dict[int, SSAValue] = {}
    position = len(function.body.block.args)
    for op in function.body.block.ops:
        for result in op.results:
            if is_state(result) and is_float(result):
                states[position] = result
            elif op.name in ("tfl.unidirectional_sequence_lstm", "tfl.lstm") and is_float(op.operands[0]):
                sequences[position] = op.operands[0]
            position += 1
    return [*states.values(), *sequences.values()], list(states), list(sequences)
