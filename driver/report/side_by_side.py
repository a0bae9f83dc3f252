"""Runs two models on the same data: how close they are, their accuracy by its labels, and the limits that are unmet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tflir.comparison import MOST_SAMPLES, data_name, dataset_samples
from tflir.ir.errors import USAGE, Error
from tflir.quality.limits import Limits
from tflir.report.verify import Verification, bar, compare

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.run import Array, Sample
    from tflir.jobs.team import Team
    from tflir.options import Options
    from tflir.quality.measure import Samples as Classified

    Samples = dict[str, list[Sample]] | int
    """Samples by signature, or the number of random inputs."""


@dataclass(frozen=True)
class Request:
    """What two models are run on, and what must hold."""

    options: Options
    """Their representative data is what the models run on; without, on random inputs."""
    limits: Limits
    key: str | None = None
    """The name of the array of labels; None: `labels` if there is one."""

    @property
    def labels(self) -> Array | None:
        """The labels of the data. Raises `Error` (status 2) if there are none and they are asked for."""
        from tflir.quality.accuracy import LABELS, labels_of

        found = labels_of(self.options.representative_dataset, self.key or LABELS)
        if found is None and self.demanded:
            name = data_name(self.options.representative_dataset) or "the data"
            what = f"{name} has no array '{self.key or LABELS}' with labels"
            raise Error(what, hint="give an .npz that has one, and its name with --labels", status=USAGE)
        return found

    @property
    def demanded(self) -> bool:
        """Whether the accuracy must be measured."""
        return self.key is not None or self.limits.max_accuracy_drop is not None


def side_by_side(
    original: str | bytes,
    compiled: str | bytes,
    samples: Samples,
    request: Request,
    *,
    made_with: Options | None = None,
    quiet: bool = False,
    float_layers: bool = False,
    team: Team | None = None,
) -> Verification:
    """The comparison of both models on `samples`, which `samples_for` gives; the parameters are those of `compare`.

    The accuracy is measured on all samples, by the workers of `team` if there are any; noise on the first of each
    signature. Raises `Error` if a model can't be run, or if labels that are asked for do not fit; others that do not
    fit are said in `accuracy_missing`.
    """
    few = samples if isinstance(samples, int) else {key: part[:MOST_SAMPLES] for key, part in samples.items()}
    source = data_name(request.options.representative_dataset)
    verification = compare(original, compiled, few, made_with, quiet=quiet, source=source, float_layers=float_layers)
    verification = _with_accuracy(verification, original, compiled, samples, request, quiet=quiet, team=team)
    return replace(verification, unmet=tuple(request.limits.unmet(verification.outputs, verification.accuracy)))


def samples_for(model: str | bytes, load: Callable[[], ModuleOp], request: Request) -> Samples:
    """The samples that a request needs. Raises `Error` if one does not fit the model that `load` returns."""
    from tflir.quality.accuracy import MOST_SAMPLES as MOST_CLASSIFIED

    most = MOST_SAMPLES if request.labels is None else MOST_CLASSIFIED
    return dataset_samples(model, load, request.options, most)


def _with_accuracy(
    verification: Verification,
    original: str | bytes,
    compiled: str | bytes,
    samples: Samples,
    request: Request,
    *,
    quiet: bool,
    team: Team | None,
) -> Verification:
    from tflir.quality.accuracy import LABELS

    labels = request.labels
    if labels is None or isinstance(samples, int):
        return verification
    key = request.key or LABELS
    try:
        return with_accuracy(verification, original, compiled, samples, labels, key, quiet=quiet, team=team)
    except Error as error:
        if request.demanded:
            error.file = error.file or verification.source
            raise
        return replace(verification, accuracy_missing=error.what)


def with_accuracy(
    verification: Verification,
    original: str | bytes,
    compiled: str | bytes,
    samples: Classified,
    labels: Array,
    key: str,
    *,
    quiet: bool = False,
    team: Team | None = None,
) -> Verification:
    """The comparison with the accuracy of both by `labels`, the array `key`. Raises `Error` if they do not fit."""
    from tflir.quality.accuracy import measure_accuracy

    meet = None
    if team is not None:
        from tflir.jobs.accuracy import labels_met_by

        meet = partial(labels_met_by, team)
    with bar("measuring accuracy", quiet) as note:
        found = measure_accuracy(original, compiled, samples, labels, key, progress=note, meet=meet)
    return replace(verification, accuracy=found)
