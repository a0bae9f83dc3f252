"""Compiles many models, each by a worker: what a worker does, and what is known of each model afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tflir import __version__
from tflir.backends.files import identity, made_folder
from tflir.backends.litert.run import Note
from tflir.ir.errors import USAGE, Error, said_by_system
from tflir.jobs.fingerprints import named_data, of_data, of_file
from tflir.jobs.run import Tally
from tflir.jobs.shards import Key, Results
from tflir.jobs.task import Task
from tflir.jobs.team import Team, here
from tflir.options import Options
from tflir.quality.limits import Limits
from tflir.settings import Settings

_RECORDS = ".tflir"
"""The folder, in that of the models, with what is known of each."""


@dataclass(frozen=True)
class Recipe:
    """What is made of every model."""

    options: Options
    verify: bool = False
    test_data: Any = None
    """The data to verify on; None: that of the options."""
    labels: str | None = None
    limits: Limits = Limits()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class Made:
    """What came of one model."""

    model: str
    output: str
    before: int = 0
    """Bytes of the model."""
    after: int = 0
    """Bytes of the compiled one."""
    snr_db: float | None = None
    """The least signal-to-noise ratio of its outputs; None if it was not measured."""
    accuracy: tuple[float, float] | None = None
    """Before and after, from 0 to 1; None if it was not measured."""
    remarks: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    """The limits that it does not meet."""
    sha256: str = ""
    """The fingerprint of the compiled model."""
    error: str = ""
    """Why there is none."""
    reused: bool = False
    """Whether it was there already."""

    @property
    def failed(self) -> bool:
        return bool(self.error or self.unmet)


def outputs_of(models: Sequence[str], folder: str) -> list[str]:
    """The path of each compiled model: by its name, or, where two have the same, by its path below their folder.

    Raises `Error` (status 2) if two models would be written to the same file, or one over a model that is read.
    """
    paths = [pathlib.Path(os.path.abspath(model)) for model in models]
    if len({path.stem for path in paths}) == len(paths):
        below = [pathlib.Path(path.name) for path in paths]
    else:
        common = os.path.commonpath([path.parent for path in paths])
        below = [path.relative_to(common) for path in paths]
    made = [str(pathlib.Path(folder, path).with_suffix(".tflite")) for path in below]
    twice = next((output for output, times in Counter(made).items() if times > 1), None)
    if twice is not None:
        raise Error("two models would be written to it", file=twice, hint="name each once", status=USAGE)
    read = {place for model in models if (place := identity(model)) is not None}
    if (held := next((output for output in made if identity(output) in read), None)) is not None:
        raise Error("is an input", file=held, hint="name another folder with --out", status=USAGE)
    return made


def compile_many(
    team: Team, models: Sequence[str], folder: str, recipe: Recipe, *, force: bool, progress: Note | None = None
) -> list[Made]:
    """Compiles models into a folder, which is made if it does not exist; what came of each, in their order.

    A model that was made by an earlier run with the same options from the same files is not made again. Files that are
    there otherwise are replaced with `force`. Raises `Error` if the folder can't be written, or if no workers are left.
    """
    outputs = outputs_of(models, folder)
    results = Results(str(pathlib.Path(folder, _RECORDS)))
    recipe = _absolute(recipe, results)
    data = _data(recipe)
    found: dict[int, Made] = {}
    keys: dict[int, Key] = {}
    tally = Tally(len(models))

    def tasks() -> Iterator[Task]:
        for at, (model, output) in enumerate(zip(models, outputs, strict=True)):
            try:
                keys[at] = Key("model", 1, 1, of_file(model), data, _settings(recipe, model, output))
                if (made := _reused(results, keys[at], output)) is not None:
                    tally.reused += 1
                    found[at] = made
                    continue
                if os.path.exists(output) and not force:
                    raise Error("exists", file=output, hint="name another folder, or use --force")
                made_folder(os.path.dirname(output))
            except Error as error:
                tally.failed += 1
                found[at] = Made(model, output, error=str(error))
                continue
            yield Task(at, model, compile_one, (os.path.abspath(model), made_at(at), recipe), here())

    def made_at(at: int) -> str:
        """Where a worker writes; what is there is complete, and named as the output when it is known to be."""
        return str(results.folder.resolve() / f"{keys[at].file}.tflite")

    def finished(task: Task, made: Made) -> None:
        made = replace(made, model=models[task.index], output=outputs[task.index])
        try:
            results.put(keys[task.index], json.dumps(asdict(made), sort_keys=True).encode())
            os.replace(made_at(task.index), made.output)
        except Error as error:
            made = replace(made, error=str(error))
        except OSError as error:
            said = f"can't be written from what the worker made: {said_by_system(error)}"
            made = replace(made, error=f"{made.output}: {said}: all workers must see the folder")
        found[task.index] = made

    for failed in team.run(tasks(), finished, tally=tally, progress=progress, goes_on=True):
        at = failed.task.index
        found[at] = Made(models[at], outputs[at], error=str(failed))
    return [found[at] for at in range(len(models))]


def _reused(results: Results, key: Key, output: str) -> Made | None:
    """What an earlier run made, if the file is still what it wrote."""
    content = results.get(key)
    if content is None or not os.path.isfile(output):
        return None
    held = json.loads(content)
    if held["sha256"] != of_file(output):
        return None
    for name in ("accuracy", "remarks", "unmet"):
        held[name] = None if held[name] is None else tuple(held[name])
    return replace(Made(**held), reused=True)


def _absolute(recipe: Recipe, results: Results) -> Recipe:
    """The recipe with names of data that other processes understand."""

    def named(source: Any) -> Any:
        return None if source is None else named_data(source, results)

    options = replace(
        recipe.options,
        representative_dataset=named(recipe.options.representative_dataset),
        stats=tuple(os.path.abspath(path) for path in recipe.options.stats),
        moments=tuple(os.path.abspath(path) for path in recipe.options.moments),
    )
    return replace(recipe, options=options, test_data=named(recipe.test_data))


def _data(recipe: Recipe) -> str:
    options = recipe.options
    sources = [recipe.test_data, *options.sources]
    if options.recipe is not None and os.path.isfile(options.recipe):
        sources.append(options.recipe)
    return hashlib.sha256("|".join(of_data(source) for source in sources if source is not None).encode()).hexdigest()


def _settings(recipe: Recipe, model: str, output: str) -> dict[str, Any]:
    """All options, as texts."""
    options = {one.name: repr(getattr(recipe.options, one.name)) for one in fields(Settings)}
    how = {"verify": recipe.verify, "labels": recipe.labels, "limits": list(asdict(recipe.limits).values())}
    return options | how | {"name": model, "output": output, "tflir": __version__}


# What follows runs in a worker.


def compile_one(model: str, output: str, recipe: Recipe, progress: Callable[[int, int], None]) -> Made:
    """Compiles one model to a file. Raises `Error` if it can't be compiled, or run where it is to be verified."""
    from tflir.converter import Converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are remarks too
        converter = Converter.from_file(model)
        converter.use(recipe.options)
        after = converter.convert_to(output)
    made = Made(model, output, os.path.getsize(model), after, remarks=tuple(converter.remarks), sha256=of_file(output))
    return _verified(made, recipe) if recipe.verify else made


def _verified(made: Made, recipe: Recipe) -> Made:
    from tflir.comparison import module_of, runnable
    from tflir.report.side_by_side import Request, samples_for, side_by_side

    options = recipe.options
    if recipe.test_data is not None:
        options = replace(options, representative_dataset=recipe.test_data, calibration_samples=None)
    request = Request(options, recipe.limits, recipe.labels)
    model = runnable(made.model)
    samples = samples_for(model, lambda: module_of(made.model), request)
    found = side_by_side(model, made.output, samples, request, made_with=recipe.options, quiet=True)
    least = min((output.least_db for output in found.outputs), default=None)
    accuracy = None if found.accuracy is None else (found.accuracy.before, found.accuracy.after)
    return replace(made, snr_db=least, accuracy=accuracy, unmet=tuple(found.unmet))
