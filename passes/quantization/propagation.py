"""Chooses the parameters of every value: they spread from values with ranges to the values that share their scale.

Each float value has a state. At first it is empty unless a range, the elements of a constant or a quantize in the model
determines the parameters. Ops are visited from a stack, the last op first. A same-scale op picks the parameters of one
operand or result and gives them to the others; an op with a fixed range sets those of its results; and an op with a
bias sets those of the bias, from its input and its weight. If a value already has other parameters, these are kept,
and a requantization is noted instead (docs/semantics.md, Propagation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import quantized_element
from tflir.passes.quantization.facts import (
    INT8,
    bias_of,
    fixed_output,
    float_operands,
    is_quantizable,
    is_same_scale,
    kind_of,
    uses_in_order,
)
from tflir.passes.quantization.parameters import fixed_type
from tflir.passes.rewriting.values import is_float

Params = UniformQuantizedType


@dataclass
class State:
    """The parameters that were chosen for one value."""

    params: Params | None = None
    """The parameters that users of the value read, except for those in `requants`."""
    given: bool = False
    """The parameters came from a range or from the model, and no op changes them."""
    replaced_by: Params | None = None
    """The parameters with which the value's own op makes it, if they differ: it is then requantized to `params`."""
    requants: dict[Params, list[tuple[Operation, int]]] = field(
        default_factory=dict[Params, list[tuple[Operation, int]]]
    )
    """The uses (op and operand index) that need other parameters."""


BiasRule = Callable[["Propagation", Operation], "Params | None"]
"""Computes the parameters of an op's bias; None while those of its input or weight are not known."""


class Propagation:
    """The states of a function's values.

    `constants` are all float constants, in order, each with its op. `contents` computes the parameters of a constant
    from its elements, or None. `given` are the parameters of other values that are known from the start. With
    `results_first`, a same-scale op with several operands takes the parameters of its result, never of an operand.
    Parameters spread through the ops that compute with activations of this `kind`; a value that ops of several kinds
    read has a state for each.
    """

    def __init__(
        self,
        order: dict[Operation, int],
        *,
        constants: dict[SSAValue, Operation],
        contents: Callable[[SSAValue], Params | None],
        given: dict[SSAValue, Params],
        bias: BiasRule,
        results_first: bool = False,
        kind: str = INT8,
    ) -> None:
        self._kind = kind
        self._order = order
        self._constants = constants
        self._contents = contents
        self._given = given
        self._bias = bias
        self._results_first = results_first
        self.states: dict[SSAValue, State] = {value: State(params, given=True) for value, params in given.items()}
        ops = [op for op in order if (is_quantizable(op) and kind == INT8) or is_same_scale(op, kind)]
        self.visited_from_start = set(ops)
        self._pending: list[Operation] = [*constants.values(), *ops]
        self._done: set[Operation] = set()

    def run(self) -> None:
        """Spreads parameters until nothing changes; each op sets parameters once."""
        by_op = {op: value for value, op in self._constants.items()}
        while self._pending:
            op = self._pending.pop()
            if op in self._done:
                continue
            self._done.add(op)
            if op in by_op:
                self._visit_constant(by_op[op])
            elif kind_of(op) == self._kind:
                self._visit(op)

    def params(self, value: SSAValue) -> Params | None:
        """The parameters of a value, or its type's parameters if it is quantized already; None if there are none."""
        state = self.states.get(value)
        return quantized_element(value) if state is None else state.params

    def _state(self, value: SSAValue) -> State:
        return self.states.setdefault(value, State())

    def _visit_constant(self, value: SSAValue) -> None:
        if self._state(value).params is None and (params := self._contents(value)) is not None:
            self._set_result(value, params)

    def _visit(self, op: Operation) -> None:
        if is_same_scale(op, self._kind):
            params = self._shared(op)
            if params is None:
                self._done.discard(op)  # may be visited again once an operand or result is known
                return
            for index, value in enumerate(op.operands):
                if is_float(value):
                    self._set_operand(op, index, params)
            for value in op.results:
                if is_float(value):
                    self._set_result(value, params)
        if (fixed := fixed_output(op)) is not None:
            for value in op.results:
                if is_float(value):
                    self._set_result(value, fixed_type(*fixed))
        if (bias := bias_of(op)) is not None:
            params = self.params(op.operands[bias[0]]) or self._bias(self, op)
            if params is None:
                self._done.discard(op)
            else:
                self._set_operand(op, bias[0], params)

    def _shared(self, op: Operation) -> Params | None:
        """The parameters that a same-scale op takes for all its values; None if no value has any yet."""
        operands, results = list(op.operands), list(op.results)
        if self._results_first and len(float_operands(op)) > 1:  # an operand's own range may not hold the result
            return next((params for value in results if (params := self.params(value)) is not None), None)
        single = [values[0] for values in (operands, results) if len(values) == 1]
        for candidates in (single, [*operands, *results]):
            for value in candidates:
                state = self.states.get(value)
                if state is not None and state.given:
                    return state.params
        for value in (*single, *operands, *results):
            params = self.states[value].params if value in self.states else None
            if params is not None:
                return params
        return None

    def _set_result(self, value: SSAValue, params: Params) -> None:
        """Sets the parameters with which the value's own op makes it.

        If the value has others already, it is requantized to those after its op.
        """
        state = self._state(value)
        if state.params is None:
            state.params = params
            self._pending += [use.operation for use in uses_in_order(value, self._order)]
        elif state.params != params:
            state.replaced_by = params

    def _set_operand(self, op: Operation, index: int, params: Params) -> None:
        """Sets the parameters that one user of a value needs.

        If the value has others already, it is requantized for this user only.
        """
        value = op.operands[index]
        state = self._state(value)
        if state.params is None:
            state.params = params
            if isinstance(value, OpResult):
                self._pending.append(value.op)
        elif state.params != params:
            state.requants.setdefault(params, []).append((op, index))

    def has_pair(self, value: SSAValue) -> bool:
        """Whether the value gets a pair: it is given, a constant or an argument, or a visited op makes it."""
        if value in self._given or value in self._constants or isinstance(value, BlockArgument):
            return True
        return isinstance(value, OpResult) and value.op in self.visited_from_start
