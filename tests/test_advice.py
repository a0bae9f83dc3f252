"""Advice is followed by itself: each command that a verification suggests runs, makes nothing worse, and ends."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
from typing import Any

import net_builder
import numpy as np
import pytest
from models_builder import options, random

from tflir.cli import main

F32 = np.float32
_DATA = ["--representative-dataset", "d.npz"]
_STARTS = {
    "int8": ["--mode", "int8", *_DATA],
    "int8 alone": ["--mode", "int8-only", *_DATA],
    "int8 by TensorFlow's names": ["--optimize", "DEFAULT", "--supported-ops", "TFLITE_BUILTINS_INT8", *_DATA],
    "int16": ["--mode", "int16x8", *_DATA],
    "per tensor": ["--mode", "int8", *_DATA, "--disable-per-channel"],
    "dynamic range": ["--mode", "dynamic-range"],
    "int4 weights": ["--recipe", "dynamic_wi4_afp32"],
    "int8 recipe": ["--recipe", "static_wi8_ai8", *_DATA],
    "some left out": ["--mode", "int8", *_DATA, "--skip", "last"],
    "pruned": ["--passes", "tfl-prune{sparsity=0.9 min-elements=16},DEFAULT", "--mode", "dynamic-range"],
}
_MOST_ROUNDS = 8
_SLACK_DB = 0.5
"""What rounding may differ by where advice changes little."""


def _wide_range(net: net_builder.Net, x: int) -> int:
    """One op whose result has a few values far from all others, as activations with outliers have."""
    rows = random(32, 64, seed=1)
    rows[3] *= 3000
    first = net.dense("first", x, rows, act=1)
    back = random(16, 32, seed=2)
    back[:, 3] = 0
    return net.dense("last", first, back)


def _deep(net: net_builder.Net, x: int) -> int:
    """Noise gathers over many layers, of which none stands out."""
    for at in range(24):
        weights = random(64, 64, seed=at) / 5 + np.eye(64, dtype=F32)
        weights[at % 64] *= 6
        x = net.dense(f"layer{at}", x, weights)
    return net.dense("last", x, random(8, 64, seed=99))


def _uneven_channels(net: net_builder.Net, x: int) -> int:
    """Channels of very different sizes, of which the small ones decide."""
    scales = np.geomspace(1, 4000, 32, dtype=F32)
    first = net.dense("first", x, random(32, 64, seed=4) * scales[:, None], act=1)
    return net.dense("last", first, random(8, 32, seed=5) / scales**1.5)


_MODELS = {"a wide range": _wide_range, "many layers": _deep, "uneven channels": _uneven_channels}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    np.savez("d.npz", x=np.stack([random(1, 64, seed=n) for n in range(16)]))
    np.savez("t.npz", x=np.stack([random(1, 64, seed=n) for n in range(100, 116)]))
    return tmp_path


def _verified(given: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[float, dict[str, Any]]:
    """The lowest ratio in dB on data of its own, and the facts of the verification."""
    status = main(
        ["compile", "m.tflite", "-o", "o.tflite", "--force", "--verify", "--json", "--test-data", "t.npz", *given]
    )
    printed = capsys.readouterr()
    assert status == 0, (given, printed.err)
    facts = json.loads(printed.out)["verification"]
    ratios = [
        np.inf if output["identical"] else min(output["snr_db"], output["column_snr_db"] or np.inf)
        for output in facts["outputs"]
    ]
    return min(ratios), facts


def _suggested(facts: dict[str, Any]) -> list[str]:
    """The options that a verification suggests; none where it suggests no command."""
    if facts["flag"]:
        return shlex.split(facts["flag"])
    for text in (facts["instead"], *facts["notes"]):
        if found := re.search(r"--(mode|recipe) [a-z][a-z0-9_-]+|leave --[a-z-]+ out", text):
            return found[0].split()
    return []


def _followed(given: list[str], suggested: list[str]) -> list[str]:
    """The options after a suggestion: what it stands instead of, or makes useless, goes."""
    if suggested[0] == "leave":
        return [word for word in given if word != suggested[1]]
    alike = ("--mode", "--recipe", "--optimize", "--supported-ops")
    replaced = alike if suggested[0] in alike else (suggested[0],)
    if suggested[1] in ("float16", "dynamic-range", "dynamic_wi8_afp32"):
        replaced = (*replaced, "--representative-dataset")
    kept: list[str] = []
    words = iter(given)
    for word in words:
        if word in replaced:
            next(words)
        else:
            kept.append(word)
    return [*kept, *suggested]


@pytest.mark.parametrize("start", _STARTS)
@pytest.mark.parametrize("model", _MODELS)
def test_advice_that_is_followed_makes_nothing_worse_and_ends(
    model: str, start: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m.tflite").write_bytes(net_builder.model_of(_MODELS[model], (1, 64)))
    given = _STARTS[start]
    seen = [sorted(given)]
    ratio, facts = _verified(given, capsys)
    for _ in range(_MOST_ROUNDS):
        if not (suggested := _suggested(facts)):
            return
        given = _followed(given, suggested)
        assert sorted(given) not in seen, "it leads back"
        seen.append(sorted(given))
        after, facts = _verified(given, capsys)
        assert after >= ratio - _SLACK_DB, (given, ratio, after)
        ratio = after
    pytest.fail("advice does not end")


def test_the_models_of_this_test_need_advice(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds: set[str] = set()
    for build in _MODELS.values():
        (folder / "m.tflite").write_bytes(net_builder.model_of(build, (1, 64)))
        for given in _STARTS.values():
            _, facts = _verified(given, capsys)
            kinds |= {word for word in _suggested(facts)[:2] if not word.startswith("layer")}
    assert {"--skip", "--mode", "int16x8", "--recipe"} <= kinds, kinds


@pytest.mark.parametrize(
    ("made_with", "better"),
    [
        (["--recipe", "dynamic_wi4_afp32"], "--mode dynamic-range"),
        (["--mode", "dynamic-range"], "--mode float16"),
        (["--mode", "int8", *_DATA], "--mode int16x8"),
        (["--mode", "int16x8", *_DATA], "--mode float16"),
    ],
)
def test_comparing_files_advises_by_what_they_hold(
    made_with: list[str], better: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m.tflite").write_bytes(net_builder.model_of(_MODELS["many layers"], (1, 64)))
    assert main(["compile", "m.tflite", "-o", "o.tflite", "-q", *made_with]) == 0
    capsys.readouterr()
    assert main(["compare", "m.tflite", "o.tflite", "--inputs", "t.npz", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)["numbers"]
    assert numbers["flag"] or better in " ".join(numbers["notes"]) or numbers["outputs"][0]["snr_db"] > 20


def test_integers_alone_are_told_what_leaves_ops_float(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def summed(net: net_builder.Net, x: int) -> int:
        axis = net.graph.constant("axis", np.array(1, np.int32))
        return net.op("CUMSUM", "y", [net.dense("one", x, random(64, 64)), axis], (1, 64), options("CumsumOptions"))

    (folder / "m.tflite").write_bytes(net_builder.model_of(summed, (1, 64)))
    given = ["compile", "m.tflite", "-o", "o.tflite", *_DATA]
    assert main([*given, "--mode", "int8-only"]) == 3
    assert "give --mode int8 to leave them float" in capsys.readouterr().err
    assert main([*given, "--mode", "int8"]) == 0
    assert main([*given, "--force", "--optimize", "DEFAULT", "--supported-ops", "TFLITE_BUILTINS_INT8"]) == 3
    assert "add TFLITE_BUILTINS to --supported-ops" in capsys.readouterr().err


def test_a_quantized_model_is_told_to_be_made_anew(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "m.tflite").write_bytes(net_builder.model_of(_MODELS["uneven channels"], (1, 64)))
    assert (
        main(["compile", "m.tflite", "-o", "q.tflite", "--mode", "int8", *_DATA, "--inference-input-type", "int8"]) == 0
    )
    assert main(["compile", "q.tflite", "-o", "r.tflite", "--mode", "dynamic-range"]) == 0
    assert "quantized already: --requantize int8 makes it anew" in capsys.readouterr().err
    assert main(["compile", "q.tflite", "-o", "r.tflite", "--force", "--requantize", "int8"]) == 0
