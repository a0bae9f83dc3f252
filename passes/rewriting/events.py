"""What rewrites did, one event each: which rule, on which op, what it removed, added and changed, and how long it took.

Nobody listens by default, and then nothing is recorded. Ops are described when they are removed or about to change, by
references to their immutable attributes; text is made of that only where it is asked for.
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
    """Raised by who listens, to end rewriting where it stands; it is no error, and is not handled as one."""


_NO_PLACES: Mapping[Operation, LocationAttr] = {}


@dataclass(slots=True)
class OpState:
    """An op as it was at one time."""

    op: Operation
    """The op itself, which may have changed or gone since."""
    name: str
    operands: Sequence[SSAValue]
    results: Sequence[OpResult]
    properties: dict[str, Attribute]
    attributes: dict[str, Attribute]
    location: LocationAttr

    @property
    def place(self) -> str:
        """The name of its first tensor, else of one that it reads."""
        return names.place(self.op)

    def text(self, places: Mapping[Operation, LocationAttr] = _NO_PLACES) -> str:
        """The op in MLIR's generic form, with the names of tensors for values.

        `places` are the locations of ops that had others then.
        """
        reads = ", ".join(_value_text(value, places) for value in self.operands)
        kept = [f"{key} = {value}" for key, value in self.properties.items()]
        extra = [f"{key} = {value}" for key, value in self.attributes.items()]
        properties = f" <{{{', '.join(kept)}}}>" if kept else ""
        attributes = f" {{{', '.join(extra)}}}" if extra else ""
        takes = ", ".join(str(value.type) for value in self.operands)
        gives = ", ".join(str(result.type) for result in self.results)
        made = ", ".join(_name_text(name) for name in names.names_in(self.location, len(self.results)))
        left = f"{made} = " if made else ""
        return f'{left}"{self.name}"({reads}){properties}{attributes} : ({takes}) -> ({gives})'


def _value_text(value: SSAValue, places: Mapping[Operation, LocationAttr]) -> str:
    if isinstance(value, OpResult) and value.op in places:
        return _name_text(names.names_in(places[value.op], len(value.op.results))[value.index])
    return _name_text(names.name_of(value) if isinstance(value, OpResult | BlockArgument) else None)


def _name_text(name: str | None) -> str:
    return f"%{name}" if name else "%_"


def state_of(op: Operation) -> OpState:
    """The op as it is now."""
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
    """The op that the rule was tried on, as it was before."""
    removed: list[OpState] = field(default_factory=list[OpState])
    added: list[Operation] = field(default_factory=list[Operation])
    changed: list[tuple[OpState | None, Operation]] = field(default_factory=list[tuple[OpState | None, Operation]])
    """Ops that stay, with what they were before where that is known."""
    rewired: list[Operation] = field(default_factory=list[Operation])
    """Ops that read other values than before."""
    seconds: float = 0.0
    number: int = 0
    """Counted from 1 over all passes that ran while someone listened."""

    def before(self) -> list[str]:
        """The ops that the rewrite removed or changed, as they were."""
        states = [*self.removed, *(state for state, _ in self.changed if state is not None)]
        places = {state.op: state.location for state in states}
        return [state.text(places) for state in states]

    def after(self) -> list[str]:
        """The ops that it added or changed, as they are now."""
        ops = [*self.added, *(op for _, op in self.changed)]
        return [state_of(op).text() for op in dict.fromkeys(ops) if op.parent is not None]


Observer = Callable[[Event], None]


class _Audience:
    """Who is told of rewrites, and how many there have been."""

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
    """Tells `observer` of every rewrite while this lasts, right after it is done. It may raise `Stop`."""
    token = _audience.set(_Audience(observer))
    try:
        yield
    finally:
        _audience.reset(token)


@contextmanager
def recording() -> Generator[list[Event]]:
    """Collects the events of all rewrites while this lasts."""
    events: list[Event] = []
    with observing(events.append):
        yield events


@contextmanager
def sweep_told(each: ModulePass, module: ModuleOp) -> Generator[None]:
    """Tells of what a pass without rules did, as one rewrite of the module, if someone listens."""
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
    """Whether the locations of two programs that are otherwise the same differ."""
    return any(one.location != other.location for one, other in zip(before.walk(), module.walk(), strict=True))


SWEEP = "(whole pass)"
"""In place of a rule's name: all that a pass did which has no rules."""


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
        """One for who listens; None where nobody does."""
        audience = _audience.get()
        return None if audience is None else Recorder(pass_name, audience)

    def _clear(self) -> None:
        self._removed: list[OpState] = []
        self._added: list[Operation] = []
        self._known: dict[Operation, OpState] = {}
        self._changed: dict[Operation, None] = {}
        self._rewired: dict[Operation, None] = {}

    def look_at(self, root: Operation) -> None:
        """Rules are about to be tried on `root`."""
        self._root = state_of(root)
        self._started = perf_counter()

    def lap(self) -> float:
        """Seconds since `look_at` or the last lap."""
        before, self._started = self._started, perf_counter()
        return self._started - before

    def added(self, op: Operation) -> None:
        """`op` was put into the program."""
        self._added.append(op)

    def removing(self, op: Operation) -> None:
        """`op` is about to be removed."""
        root = self._root
        state = self._known.pop(op, None) or (root if root is not None and root.op is op else state_of(op))
        self._changed.pop(op, None)
        self._removed.append(state)

    def modifying(self, op: Operation) -> None:
        """`op` is about to be changed."""
        if op not in self._known:
            self._known[op] = state_of(op)

    def modified(self, op: Operation) -> None:
        """`op` was changed."""
        self._changed[op] = None

    def rewired(self, ops: Iterable[Operation]) -> None:
        """`ops` read other values now."""
        self._rewired.update(dict.fromkeys(ops))

    def done(self, rule: str, seconds: float) -> None:
        """A rule has rewritten something; tells of it."""
        root = self._root
        assert root is not None
        known = self._known
        known.setdefault(root.op, root)
        changed = [(known.get(op), op) for op in self._changed if op not in self._added]
        rewired = [op for op in self._rewired if op.parent is not None]
        event = Event(self.pass_name, rule, root, self._removed, self._added, changed, rewired, seconds)
        self._clear()
        self._audience.tell(event)
