"""What to do next: commands that can be copied, made from the one that was given."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.report.origin import command_line
from tflir.report.suggestions import GOOD_DB

_FORCE = "--force"
_FORMS = (
    "--mode",
    "--recipe",
    "--optimize",
    "--supported-ops",
    "--supported-types",
    "--inference-input-type",
    "--inference-output-type",
)
"""The options that another form of weights and activations stands instead of."""


@dataclass(frozen=True)
class NextStep:
    """A step, and the command that takes it."""

    why: str
    command: str = ""
    """'' if the step is none."""
    complete: bool = True
    """Whether the command can be run as it is, without a name to fill in."""


def next_steps(facts: Mapping[str, Any], words: Sequence[str], models: tuple[str, str] | None) -> list[NextStep]:
    """The steps after a compilation with a report's `facts`, the most useful first.

    `words` are those of the command after `tflir`, none from Python; `models` the paths of the original and of the
    compiled model, None if one of them is no `.tflite` file.
    """
    return list(_steps(facts.get("verification"), facts.get("latency"), words, models))


def _steps(
    found: Mapping[str, Any] | None,
    latency: Mapping[str, Any] | None,
    words: Sequence[str],
    models: tuple[str, str] | None,
) -> Iterator[NextStep]:
    if models is None:
        if not found:
            yield NextStep("Outputs can be compared once the result is a .tflite file.")
        return
    if not found:
        yield NextStep("Compare the outputs of both models, on random inputs:", _again(words, "--verify"))
        yield _own_data(words)
        return
    yield from _better(found, words)
    if found["random"]:
        yield _own_data(words)
    page = f"{models[1].removesuffix('.tflite')}.compare.html"
    data = _value(words, "--test-data", "--representative-dataset")
    given = ["--inputs", data] if data and not found["random"] else []
    compare = command_line(["compare", *models, *given, "--html", page])
    yield NextStep("See both graphs side by side, layer by layer:", compare)
    if latency is None:
        yield NextStep("Measure how long a run takes:", command_line(["benchmark", *models]))


def _better(found: Mapping[str, Any], words: Sequence[str]) -> Iterator[NextStep]:
    """What makes outputs better that are not good."""
    if found["skip"] and not found["instead"]:
        names = ", ".join(f"{skip['op']} ‘{skip['name'].split(';')[0]}’" for skip in found["skip"])
        _, skip = shlex.split(found["flag"])
        yield NextStep(f"Noise comes in at {names}. Leave it float:", _again(_without(words, "--skip"), "--skip", skip))
    elif found["skip"]:
        yield NextStep(f"Noise comes in at {found['skip'][0]['op']}; {found['instead']}.")
    for note in found["notes"]:
        yield NextStep(f"{note[:1].upper()}{note[1:]}.")
    if found["form"] and "--passes" not in words:
        yield NextStep("That is:", _again(_without(words, *_FORMS), *shlex.split(found["form"])))
    if not found["skip"] and not found["notes"]:
        poor = any(_least(output) < GOOD_DB for output in found["outputs"])
        good = f"Nothing must be done: every output has {GOOD_DB:.0f} dB or more."
        yield NextStep("Nothing is known to help the poor outputs." if poor else good)


def _least(output: Mapping[str, Any]) -> float:
    known = [output[key] for key in ("snr_db", "column_snr_db") if output[key] is not None]
    return float("inf") if output["identical"] else min(known, default=float("-inf"))


def _own_data(words: Sequence[str]) -> NextStep:
    why = "Random inputs say little of real ones: measure on your own data, an .npz, a folder or a function:"
    return NextStep(why, _again(_without(words, "--test-data"), "--verify", "--test-data", "DATA"), complete=False)


def _again(words: Sequence[str], *more: str) -> str:
    """The command with more options; it may overwrite what it wrote."""
    added = [more[0]] if more[:1] == ("--verify",) and "--verify" in words else []
    rest = [word for word in (*more, _FORCE) if word not in added]
    if _FORCE in words:
        rest.remove(_FORCE)
    return command_line([*words, *rest]) if words else ""


def _without(words: Sequence[str], *options: str) -> list[str]:
    """The words without some options and their values."""
    kept: list[str] = []
    skipping = False
    for word in words:
        if skipping:
            skipping = False
        elif word in options:
            skipping = True
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            kept.append(word)
    return kept


def _value(words: Sequence[str], *options: str) -> str:
    """The value of the first of `options` that is given; '' if none is."""
    for option in options:
        for at, word in enumerate(words):
            if word == option and at + 1 < len(words):
                return words[at + 1]
            if word.startswith(f"{option}="):
                return word.removeprefix(f"{option}=")
    return ""
