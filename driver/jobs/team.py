"""`Team`: workers, the folder of their results, and what they compute together."""

from __future__ import annotations

import os
import pathlib
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from tflir.backends.litert.run import Note
from tflir.ir.errors import Error
from tflir.jobs.crew import Crew, LocalCrew
from tflir.jobs.run import Failed, Tally, perform, refuse
from tflir.jobs.shards import Key, Results
from tflir.jobs.task import Limits, Task

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.moments import Sums
    from tflir.backends.litert.readings import Reading
    from tflir.data.recorded import Recorded
    from tflir.jobs.order import Order
    from tflir.jobs.plan import Span
    from tflir.options import Options


class Team:
    """Workers that compute together what one process would, with the same bytes.

    ```python
    with Team(jobs=4, work="results") as team:
        converter.run_on(team)
        converter.convert()
    ```
    """

    def __init__(
        self,
        jobs: int = 1,
        *,
        scheduler: str | None = None,
        work: str | None = None,
        limits: Limits | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`jobs` processes of this machine, or with `scheduler` the workers of a Dask cluster; see `cluster.connect`.

        `work` is a folder that keeps results, from which a run that was interrupted goes on. `limits` are those of a
        shard. `say` is told how the work went, in lines. Workers are started when they are needed first.
        """
        self._jobs = jobs
        self._scheduler = scheduler
        self._work = work
        self._limits = limits or Limits()
        self.say = say
        self._stack = ExitStack()
        self._crew: Crew | None = None
        self._results: Results | None = None
        self.tally = Tally()
        """How far the present run is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers."""
        self._crew = None
        self._stack.close()

    @property
    def crew(self) -> Crew:
        """The workers. Raises `Error` if there are none."""
        if self._crew is None:
            if self._scheduler is None:
                self._crew = LocalCrew(self._jobs)
            else:
                from tflir.jobs.cluster import connect

                self._crew = connect(self._scheduler, self.say)
            self._stack.callback(self._crew.close)
        return self._crew

    @property
    def results(self) -> Results:
        """The folder of results; a temporary one if none was named."""
        if self._results is None:
            folder = self._work or self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tflir-"))
            self._results = Results(folder)
        return self._results

    def run(
        self,
        tasks: Iterable[Task],
        finished: Callable[[Task, Any], None],
        *,
        tally: Tally | None = None,
        progress: Note | None = None,
        goes_on: bool = False,
    ) -> list[Failed]:
        """As `run.perform`; `progress` is called with the samples, else the tasks, done and in total."""
        self.tally = tally = tally or Tally()

        def note(found: Tally) -> None:
            if progress is not None and (found.of or found.tasks is None):
                progress(found.all_samples, found.of)
            elif progress is not None:
                progress(found.done + found.reused + found.failed, found.tasks or 0)

        failed = perform(self.crew, tasks, finished, limits=self._limits, tally=tally, progress=note, goes_on=goes_on)
        if tally.retried:
            self.say(f"{tally.retried} times a worker died, and another one took its place")
        return failed

    @property
    def kept(self) -> str:
        """What remains of a run that fails."""
        if self._work is None:
            return "with --work DIR what is done is kept"
        return f"what is done is kept in {self._work}, where the next run goes on"

    def calibrate(
        self, module: ModuleOp, options: Options, *, path: str | None = None, progress: Note | None = None
    ) -> Recorded:
        """What `data.calibration.calibrate` returns for the data of `options`, with channels where they equalize.

        `path` is a `.tflite` that holds `module`; without, one is written. Raises `Error` as that does, and where a
        shard can't be computed.
        """
        from tflir.data.calibration import calibrate, keeps_state

        if options.tf_compat and keeps_state(module):
            self.say("variables go on from sample to sample, as in TensorFlow: one process calibrates")
            return calibrate(
                module,
                options.representative_dataset,
                samples=options.calibration_samples,
                scaling=options.reading,
                tf_compat=True,
                histograms=options.needs_histograms,
                channels=options.equalize != "off",
                progress=progress,
            )
        return _Calibrating(self, self.order(module, options, path)).all(module, progress)

    def moments(
        self,
        module: ModuleOp,
        readings: list[Reading],
        options: Options,
        progress: Note | None = None,
        *,
        path: str | None = None,
    ) -> Iterator[Sums]:
        """The second moments over the data of `options`: of the samples that are kept, then of those held out.

        The blocks lie in files, since they take much memory.
        """
        from tflir.jobs.blocks import COUNT, all_together, block_of

        order = self.order(module, options, path)
        data = self.data_of(order)
        keys = [Key("moments", at + 1, COUNT, order.fingerprint, data, self._of_moments(order, readings))
                for at in range(COUNT)]  # fmt: skip

        def tasks() -> Iterator[Task]:
            for at, key in enumerate(keys):
                if self.results.get(key) is None:
                    yield Task(at, f"block {key.shard} of the second moments", block_of, (order, readings, at), here())

        def finished(task: Task, content: bytes) -> None:
            self.results.put(keys[task.index], content)

        refuse(self.run(tasks(), finished, tally=Tally(COUNT), progress=progress), self.kept)
        with ExitStack() as stack:
            yield from all_together([stack.enter_context(self.results.open(key)) for key in keys], len(readings))

    def _of_moments(self, order: Order, readings: Sequence[Reading]) -> dict[str, Any]:
        return order.settings | {"samples": order.samples, "readings": [repr(reading) for reading in readings]}

    def order(self, module: ModuleOp, options: Options, path: str | None = None) -> Order:
        """What workers need to run a module on the data of `options`."""
        from tflir.jobs.fingerprints import named_data, of_file
        from tflir.jobs.order import Order

        model = self._written(module) if path is None else os.path.abspath(path)
        return Order(
            model,
            of_file(model),
            named_data(options.representative_dataset, self.results),
            options.calibration_samples,
            Order.scaled_by(options),
            options.tf_compat,
            options.needs_histograms,
            options.equalize != "off",
            tuple(options.plugins),
        )

    def _written(self, module: ModuleOp) -> str:
        """The path of a file with the module."""
        from tflir.backends.files import whole_file
        from tflir.data.recorded import fingerprint
        from tflir.files import write_model

        path = pathlib.Path(self.results.folder, f"model-{fingerprint(module)}.tflite").resolve()
        with whole_file(path) as out:
            write_model(module, out)
        return str(path)

    def data_of(self, order: Order) -> str:
        """The fingerprint of the data of an order; a new one where no results are kept: to read all takes time."""
        from tflir.jobs.fingerprints import of_data

        return of_data(order.data) if self._work is not None else uuid.uuid4().hex


def here() -> str:
    """The working folder; '' if there is none any more."""
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


@dataclass
class _Calibrating:
    """One calibration in shards."""

    team: Team
    order: Order
    keys: dict[int, tuple[Span, Key]] = field(default_factory=dict[int, "tuple[Span, Key]"])

    def all(self, module: ModuleOp, progress: Note | None) -> Recorded:
        from tflir.data.recorded import fingerprint
        from tflir.jobs.plan import endless_spans, spans
        from tflir.jobs.ranges import Merging, Part, ranges_of

        team, order = self.team, self.order
        data, count = team.data_of(order), self._count()
        plan = None if count is None else spans(max(count, 1))
        merging = Merging(fingerprint(module))
        tally = Tally(None if plan is None else len(plan), of=count or 0)

        def tasks() -> Iterator[Task]:
            for span in endless_spans(order.samples) if plan is None else plan:
                if merging.ended:
                    return
                key = Key("ranges", span.shard, span.of, order.fingerprint, data, order.settings | {"samples": count})
                if (held := team.results.get(key)) is not None:
                    part = Part.decode(held, key.file)
                    tally.reused += 1
                    tally.samples += part.samples
                    merging.add(span, part)
                    continue
                self.keys[span.shard] = span, key
                yield Task(span.shard, span.title, ranges_of, (order, span.start, span.stop), here())

        def finished(task: Task, content: bytes) -> None:
            span, key = self.keys[task.index]
            team.results.put(key, content)
            merging.add(span, Part.decode(content, key.file))

        refuse(team.run(tasks(), finished, tally=tally, progress=progress), team.kept)
        if tally.reused:
            team.say(f"{tally.reused} of {tally.reused + tally.done} shards were there already")
        few = order.samples != 1
        return replace(merging.whole(plan or ()), warnings=merging.warnings(module, few=few))

    def _count(self) -> int | None:
        """The number of samples. Raises `Error` if a worker can't open the model or the data, or sees other data."""
        from tflir.jobs.ranges import survey

        counts: set[int | None] = set()
        for outcome in self.team.crew.everywhere(Task(0, "the survey", survey, (self.order,), here()), Limits()):
            where = f" (worker {outcome.worker})" if outcome.worker else ""
            if isinstance(outcome.error, Error):
                outcome.error.what += where
                raise outcome.error
            if outcome.error is not None:
                raise outcome.error
            if outcome.death:
                raise Error(f"a worker died when it opened the model: {outcome.death}{where}", file=self.order.model)
            counts.add(outcome.value)
        if len(counts) > 1:
            what = f"workers see different data: {' and '.join(map(str, sorted(map(str, counts))))} samples"
            raise Error(what, file=self.order.data, hint="put it where all see the same")
        return counts.pop()
