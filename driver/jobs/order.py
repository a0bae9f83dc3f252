"""What all shards of a run have in common, and what a worker keeps of it from one shard to the next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tflir import __version__
from tflir.facts import facts_in_force
from tflir.files import load
from tflir.ir.errors import Error, said_by_system
from tflir.jobs.fingerprints import of_file, opened_data
from tflir.options import Options

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

T = TypeVar("T")
_SCALED = ("input_scale", "input_offset", "input_mean", "input_std", "stored_inputs")


@dataclass(frozen=True)
class Order:
    """A model, its data, and how it is run. It is small: workers open the files themselves."""

    model: str
    """The path of the `.tflite`."""
    fingerprint: str
    """That of the file."""
    data: str
    """The name of the data, as `named_data` gives it."""
    samples: int | None = None
    scaled: tuple[tuple[str, Any], ...] = ()
    """The options that say how values are scaled."""
    tf_compat: bool = False
    histograms: bool = False
    channels: bool = False
    plugins: tuple[str, ...] = ()

    @staticmethod
    def scaled_by(options: Options) -> tuple[tuple[str, Any], ...]:
        """The options that say what values stand for, if they do."""
        values: dict[str, Any] = {name: getattr(options, name) for name in _SCALED}
        return tuple((name, value) for name, value in values.items() if value not in (None, ()))

    @property
    def dataset(self) -> Any:
        """The data as `Dataset` takes it. Raises `Error` if it can't be read."""
        try:
            return opened_data(self.data)
        except OSError as error:
            raise Error(f"can't be read: {said_by_system(error)}", file=self.data) from None

    @property
    def options(self) -> Options:
        """The options that say what the model is run on."""
        return Options(representative_dataset=self.dataset, calibration_samples=self.samples, **dict(self.scaled))

    @property
    def settings(self) -> dict[str, Any]:
        """What a result depends on beside model and data."""
        import platform

        without = ("model", "fingerprint", "data", "samples")
        held = {name: value for name, value in asdict(self).items() if name not in without}
        held["plugins"] = list(self.plugins)
        held["scaled"] = repr(self.scaled)
        return held | {"tflir": __version__, "machine": platform.machine()}

    def module(self) -> ModuleOp:
        """The model. Raises `Error` if its file is not the one that was meant."""
        if of_file(self.model) != self.fingerprint:
            what = "is not the model that the run began with"
            raise Error(what, file=self.model, hint="let all workers see the same file, and do not change it")
        return load(self.model)


class Kept:
    """What a worker makes of an order and keeps until it gets another one."""

    def __init__(self) -> None:
        self._of: tuple[Order, str] | None = None
        self._held: Any = None
        self._end: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def of(self, order: Order, what: str, make: Callable[[], T], end: Callable[[T], None]) -> Generator[T]:
        """What `make` makes of the order, with the facts of its plug-ins in force; `end` frees it. `what` names it."""
        with facts_in_force(order.plugins):
            if self._of != (order, what):
                self.drop()
                held = make()
                self._of, self._held, self._end = (order, what), held, lambda: end(held)
            yield self._held

    def drop(self) -> None:
        """Frees what is kept."""
        self._of, self._held = None, None
        last, self._end = self._end, lambda: None
        last()


KEPT = Kept()
"""That of this process."""
