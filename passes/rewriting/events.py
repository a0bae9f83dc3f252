"""Events that describe rewrites: the rule, its op, the ops that it removed, added and changed, and the time it took.

By default there is no observer, and nothing is recorded. Otherwise the state of an op is recorded when it is removed or
about to change, by references to its immutable attributes; text is made of that only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from xdsl.dialects.builtin import LocationAttr, ModuleOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue
from xdsl.passes import ModulePass

from tflir.ir import names


class Stop(BaseException):
    """Raised by an observer to stop rewriting immediately; it is not an error, and is not handled as one."""


_NO_PLACES: Mapping[Operation, LocationAttr] = {}


@dataclass(slots=True)
class OpState:
    """An op as it was at one time."""

    op: Operation
    """The op itself, which may have been changed or removed since."""
    name: str
    operands: Sequence[SSAValue]
    results: Sequence[OpResult]
    properties: dict[str, Attribute]
    attributes: dict[str, Attribute]
    location: LocationAttr

    @property
    def place(self) -> str:
        """The name of its first result, or else of a tensor that it reads."""
        return names.place(self.op)

    def text(self, places: Mapping[Operation, LocationAttr] = _NO_PLACES) -> str:
        """The op in MLIR's generic form, with the names of tensors for values.

        `places` has the former locations of ops whose locations have changed.
        """
        operands = ", ".join(_value_text(value, places) for value in self.operands)
        results = ", ".join(_name_text(name) for name in names.names_in(self.location, len(self.results)))
        property_items = ", ".join(f"{key} = {value}" for key, value in self.properties.items())
        attribute_items = ", ".join(f"{key} = {value}" for key, value in self.attributes.items())
        properties = f" <{{{property_items}}}>" if property_items else ""
        attributes = f" {{{attribute_items}}}" if attribute_items else ""
        operand_types = ", ".join(str(value.type) for value in self.operands)
        result_types = ", ".join(str(result.type) for result in self.results)
        left = f"{results} = " if results else ""
        return f'{left}"{self.name}"({operands}){properties}{attributes} : ({operand_types}) -> ({result_types})'


def _value_text(value: SSAValue, places: Mapping[Operation, LocationAttr]) -> str:
    if isinstance(value, OpResult) and value.op in places:
        return _name_text(names.names_in(places[value.op], len(value.op.results))[value.index])
    return _name_text(names.name_of(value) if isinstance(value, OpResult | BlockArgument) else None)


def _name_text(name: str | None) -> str:
    return f"%{name}" if name else "%_"


def state_of(op: Operation) -> OpState:
    """The current state of an op."""
    return OpState(
        op,
        op.name,
        tuple(op.operands),
        op.results,
        op.properties.copy(),
        op.attributes.copy(),
        op.location,
    )


@dataclass(slots=True)
class Event:
    """One rewrite."""

    pass_name: str
    rule: str
    root: OpState
    """The op that the rule was tried on, in its state before the rewrite."""
    removed: list[OpState] = field(default_factory=list[OpState])
    added: list[Operation] = field(default_factory=list[Operation])
    changed: list[tuple[OpState | None, Operation]] = field(default_factory=list[tuple[OpState | None, Operation]])
    """Ops that were changed and not removed, with their states before the change if these are known."""
    rewired: list[Operation] = field(default_factory=list[Operation])
    """Ops some of whose operands were replaced."""
    seconds: float = 0.0
    number: int = 0
    """The number of the event, from 1, over all passes that ran with this observer."""

    def before(self) -> list[str]:
        """The text of the ops that the rewrite removed or changed, before the rewrite."""
        states = [*self.removed, *(state for state, _ in self.changed if state is not None)]
        places = {state.op: state.location for state in states}
        return [state.text(places) for state in states]

    def after(self) -> list[str]:
        """The text of the ops that the rewrite added or changed, in their current state."""
        ops = [*self.added, *(op for _, op in self.changed)]
        return [state_of(op).text() for op in dict.fromkeys(ops) if op.parent is not None]


Observer = Callable[[Event], None]


class _Audience:
    """An observer, and the number of events that it has received."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.told = 0

    def tell(self, event: Event) -> None:
        self.told += 1
        event.number = self.told
        self.observer(event)


_audience: ContextVar[_Audience | None] = ContextVar("who is told of rewrites", default=None)


@contextmanager
def observing(observer: Observer) -> Generator[None]:
    """Calls `observer` after every rewrite inside the `with` block. It may raise `Stop`."""
    token = _audience.set(_Audience(observer))
    try:
        yield
    finally:
        _audience.reset(token)


@contextmanager
def recording() -> Generator[list[Event]]:
    """Collects the events of all rewrites inside the `with` block."""
    events: list[Event] = []
    with observing(events.append):
        yield events


@contextmanager
def sweep_told(each: ModulePass, module: ModuleOp) -> Generator[None]:
    """Reports the changes of a pass without rules to the observer, if there is one, as one rewrite of the module."""
    audience = _audience.get()
    if audience is None or getattr(each, "only_rules", False):
        yield
        return
    before, started = module.clone(), perf_counter()
    yield
    seconds = perf_counter() - started
    if not before.is_structurally_equivalent(module) or _is_named_anew(before, module):
        state = state_of(module)
        audience.tell(Event(each.name, SWEEP, state, seconds=seconds))


def _is_named_anew(before: ModuleOp, module: ModuleOp) -> bool:
    """Whether the locations of two otherwise equal programs differ."""
    return any(old.location != new.location for old, new in zip(before.walk(), module.walk(), strict=True))


SWEEP = "(whole pass)"
"""Replaces the name of a rule in the event for all changes of a pass without rules."""


class Recorder:
    """Makes the events of one run of the driver."""

    def __init__(self, pass_name: str, audience: _Audience) -> None:
        self.pass_name = pass_name
        self._audience = audience
        self._root: OpState | None = None
        self._started = 0.0
        self._clear()

    @staticmethod
    def now(pass_name: str) -> Recorder | None:
        """A recorder for the current observer; None if there is none."""
        audience = _audience.get()
        return None if audience is None else Recorder(pass_name, audience)

    def _clear(self) -> None:
        self._removed: list[OpState] = []
        self._added: list[Operation] = []
        self._known: dict[Operation, OpState] = {}
        self._changed: dict[Operation, None] = {}
        self._rewired: dict[Operation, None] = {}

    def look_at(self, root: Operation) -> None:
        """Records that rules are about to be tried on `root`."""
        self._root = state_of(root)
        self._started = perf_counter()

    def lap(self) -> float:
        """Seconds since `look_at` or the last lap."""
        before, self._started = self._started, perf_counter()
        return self._started - before

    def added(self, op: Operation) -> None:
        """Records that `op` was inserted."""
        self._added.append(op)

    def removing(self, op: Operation) -> None:
        """Records that `op` is about to be removed."""
        root = self._root
        state = self._known.pop(op, None) or (root if root is not None and root.op is op else state_of(op))
        self._changed.pop(op, None)
        self._removed.append(state)

    def modifying(self, op: Operation) -> None:
        """Records that `op` is about to be changed."""
        if op not in self._known:
            self._known[op] = state_of(op)

    def modified(self, op: Operation) -> None:
        """Records that `op` was changed."""
        self._changed[op] = None

    def rewired(self, ops: Iterable[Operation]) -> None:
        """Records that operands of `ops` were replaced."""
        self._rewired.update(dict.fromkeys(ops))

    def done(self, rule: str, seconds: float) -> None:
        """Sends the event of a rule that has rewritten something to the observer."""
        root = self._root
        assert root is not None
        known = self._known
        known.setdefault(root.op, root)
        changed = [(known.get(op), op) for op in self._changed if op not in self._added]
        rewired = [op for op in self._rewired if op.parent is not None]
        event = Event(self.pass_name, rule, root, self._removed, self._added, changed, rewired, seconds)
        self._clear()
        self._audience.tell(event)
