"""Every option has its effect, or is refused, or is warned of, in every mode; one declaration says which."""

from __future__ import annotations

import enum
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from models_builder import fully_connected, random
from net_builder import Net, model_of
from sparse_models import holed

import tflir
from tflir.cli import main
from tflir.command_options import COMMANDS
from tflir.flags import OpsSet, Optimize, TargetSpec
from tflir.ir.option_words import IO_TYPES, SPARSITY_TARGETS
from tflir.option import ModeName
from tflir.options import of_command, table
from tflir.pipeline import MODES
from tflir.reference.options import page
from tflir.settings import Settings

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_X16 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
_DEFAULT = {"--optimize": "DEFAULT"}
_DATA = _DEFAULT | {"--representative-dataset": "{folder}/data.npz"}
_BASES: dict[ModeName, dict[str, str]] = {
    ModeName.NONE: {},
    ModeName.SPARSITY: {"--optimize": "EXPERIMENTAL_SPARSITY"},
    ModeName.DYNAMIC_RANGE: _DEFAULT,
    ModeName.FLOAT16: _DEFAULT | {"--supported-types": "float16"},
    ModeName.INTEGER: _DATA,
    ModeName.INTEGER_ONLY: _DATA | {"--supported-ops": "TFLITE_BUILTINS_INT8"},
    ModeName.INT16: _DATA | {"--supported-ops": f"{_X16},TFLITE_BUILTINS"},
    ModeName.PASSES: {"--passes": "tfl-optimize"},
}
_VALUES = {
    "--sequential-rounding": "off",
    "--mode": "float16",
    "--optimize": "DEFAULT,EXPERIMENTAL_SPARSITY",
    "--supported-ops": "TFLITE_BUILTINS_INT8,TFLITE_BUILTINS",
    "--supported-types": "float16,int8",
    "--sparsity-target": "size",
    "--target": "xnnpack",
    "--optimize-for": "accuracy",
    "--representative-dataset": "{folder}/few.npz",
    "--calibration-samples": "1",
    "--stats": "{folder}/stats.json",
    "--moments": "{folder}/moments.npz",
    "--calibration-method": "percentile",
    "--percentile": "99",
    "--input-scale": "0.5",
    "--input-offset": "1",
    "--input-mean": "1",
    "--input-std": "2",
    "--inference-input-type": "int16",
    "--inference-output-type": "int8",
    "--requantize": "float32",
    "--recipe": "dynamic_wi8_afp32",
    "--weight-algorithm": "gptq",
    "--bias-correction": "on",
    "--equalize": "on",
    "--float-regions": "on",
    "--allow-float": "SOFTMAX",
    "--quantize-only": "three",
    "--skip": "one",
    "--passes": "tfl-prepare-quantize-float16",
    "--before": "tfl-post-quantize=tfl-prune{{sparsity=0.9 min-elements=2}}",
    "--plugin": "no-such-plug-in",
    "--after": "tfl-post-quantize=tfl-strip{{kinds=names}}",
}
_MET_ALREADY = {
    ("--supported-ops", ModeName.INTEGER),
    ("--tf-compat", ModeName.NONE),
    ("--tf-compat", ModeName.PASSES),
}
"""What asks for no more than the mode does by itself, on this model: its operators have one version each."""


def _net(net: Net, x: int) -> int:
    one = net.dense("one", x, holed((64, 64), 0.9), random(64, seed=1), act=1)
    two = net.dense("two", one, random(15, 64, seed=2), random(15, seed=3))
    return net.op("SOFTMAX", "three", [two], (1, 15))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("options")
    (made / "model.tflite").write_bytes(model_of(_net, (1, 64)))
    samples = np.stack([random(1, 64, seed=n) * np.float32(1 + n) for n in range(4)])
    np.savez(made / "data.npz", x=samples)
    np.savez(made / "few.npz", x=samples[:2])
    arguments = ["calibrate", "model.tflite", "-o", "stats.json", "--representative-dataset", "data.npz", "-q"]
    assert main([str(made / a) if a.endswith((".tflite", ".json", ".npz")) else a for a in arguments]) == 0
    return made


def _compiled(
    folder: pathlib.Path, given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str], bytes]:
    """The status of `tflir compile`, the lines on stderr, and what it wrote."""
    out = folder / "out.tflite"
    out.unlink(missing_ok=True)
    arguments = ["compile", str(folder / "model.tflite"), "-o", str(out)]
    for flag, value in given.items():
        arguments += [flag, *([value.format(folder=folder)] if value else [])]
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    lines = capsys.readouterr().err.splitlines()
    return status, lines, out.read_bytes() if out.exists() else b""


_PAIRS = [(mode, said.flag) for mode in ModeName for said in of_command("compile") if said not in COMMANDS]


@pytest.mark.parametrize(("mode", "flag"), _PAIRS)
def test_an_option_has_its_effect_or_is_refused_or_warned_of(
    mode: ModeName, flag: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = _BASES[mode]
    added = {flag: _VALUES.get(flag, "")}
    if flag == "--calibration-samples" and "--representative-dataset" not in base:
        added["--representative-dataset"] = "{folder}/few.npz"
    before = _compiled(folder, base, capsys)
    assert before[0] == 0, before[1]
    status, lines, written = _compiled(folder, base | added, capsys)
    if status:
        assert status in (2, 3)  # 3: --skip where nothing may stay float
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        assert not written
    elif not any(line.startswith(f"warning: {flag}") for line in lines):
        assert (lines, written) != before[1:] or (flag, mode) in _MET_ALREADY, "it did nothing without a word"


@pytest.mark.parametrize("mode", [mode for mode in ModeName if mode is not ModeName.PASSES])
def test_the_page_says_where_an_option_is_refused(
    mode: ModeName, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for said in table().values():
        if said in COMMANDS or said.flag in _BASES[mode] or mode in said.turns:
            continue
        status, lines, _ = _compiled(folder, _BASES[mode] | {said.flag: _VALUES.get(said.flag, "")}, capsys)
        if mode not in said.modes and mode not in said.warned:
            assert (status, len(lines)) == (2, 1), said.flag
            assert said.flag in lines[0]


def test_options_that_exclude_each_other_are_refused_in_a_line_that_names_both(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = _VALUES | {"--report": "{folder}/r.json", "--output": "{folder}/o.tflite"}
    values |= {"--jobs": "2", "--scheduler": "local:2"}
    for said in of_command("compile"):
        for other in (table()[name] for name in said.excludes):
            given = [word for one in (said, other) for word in (one.flag, values.get(one.flag, "")) if word]
            arguments = ["compile", str(folder / "model.tflite"), *(word.format(folder=folder) for word in given)]
            assert main(arguments) == 2
            lines = capsys.readouterr().err.splitlines()
            assert len(lines) == 1
            assert said.flag in lines[0]
            assert other.flag in lines[0]


def test_two_of_any_options_end_in_a_model_or_in_one_line(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [said.flag for said in of_command("compile") if said not in COMMANDS]
    for at, first in enumerate(flags):
        for second in flags[at + 1 :]:
            given = {first: _VALUES.get(first, ""), second: _VALUES.get(second, "")}
            status, lines, written = _compiled(folder, given, capsys)
            assert bool(written) == (status == 0), given
            assert not status or (status == 2 and len(lines) == 1), (given, lines)


def test_data_beside_verify_is_run_whatever_the_mode(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"--passes": "tfl-optimize", "--representative-dataset": "{folder}/few.npz"}
    assert _compiled(folder, given, capsys)[0] == 2
    assert _compiled(folder, given | {"--verify": ""}, capsys)[0] == 0


def test_the_page_of_the_documentation_is_what_the_declarations_print() -> None:
    assert (_ROOT / "docs" / "options.md").read_text("utf-8") == page(), (
        "python -m tflir.reference.options > docs/options.md"
    )


def test_modes_and_attributes_are_those_that_are_declared() -> None:
    assert [mode.name for mode in MODES] == list(dict.fromkeys(mode.name for mode in MODES))
    assert {mode.name for mode in MODES} | {ModeName.SPARSITY} == set(ModeName)
    converter = tflir.Converter.from_bytes(fully_connected())
    for one in fields(Settings):
        assert hasattr(converter, one.name)
    names = {one.name for one in (*fields(Settings), *fields(TargetSpec))} - {"target_spec"}
    assert names == {name for name, said in table().items() if said not in COMMANDS}


@pytest.mark.parametrize(
    "flag",
    ["--optimize", "--supported-ops", "--supported-types", "--sparsity-target", "--representative-dataset", "--stats",
     "--inference-input-type", "--quantize-only", "--skip", "--passes", "--calibration-samples", "--report", "-o"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["", " ", "A,,B"])
def test_values_without_anything_in_them_are_refused(
    flag: str, value: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if value == "A,,B" and not (said := next(s for s in table().values() if flag in (s.flag, s.short))).many:
        pytest.skip(f"{said.flag} takes one value")
    status, lines, _ = _compiled(folder, _DEFAULT | {flag: value}, capsys)
    assert (status, len(lines)) == (2, 1)
    assert flag in lines[0]


@pytest.mark.parametrize("flag", ["--skip", "--quantize-only", "--allow-float", "--passes"])
def test_what_is_not_utf8_is_refused_as_such(
    flag: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines, _ = _compiled(folder, {flag: os.fsdecode(b"a\xff")}, capsys)
    assert (status, len(lines)) == (2, 1)
    assert f"{flag}: 'a?' is not UTF-8" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["compile", "m", "--optmize", "DEFAULT"], "--optimize"),
        (["compile", "m", "--quantize_only=CONV_2D"], "--quantize-only"),
        (["compile", "m", "--infrence-input-type", "int8"], "--inference-input-type"),
        (["calibrate", "m", "-o", "o", "--representative-dataset", "d", "--shrad", "1/2"], "--shard"),
        (["inspect", "m", "--jason"], "--json"),
        (["compile", "m", "--optimize", "DEFUALT"], "DEFAULT"),
        (["compile", "m", "--sparsity-target", "lateny"], "latency"),
        (["compile", "m", "--mode", "int16x"], "int16x8"),
        (["compil", "m"], "compile"),
        (["bench", "m"], "benchmark"),
        (["convert", "m"], "compile"),
        (["m.tflite"], "compile m.tflite"),
        (["compile", "m", "-verify"], "--verify"),
        (["compile", "m", "-optimize=DEFAULT"], "--optimize"),
        (["compile", "m", "--dataset", "d"], "--representative-dataset"),
        (["inspect", "m", "--Json"], "--json"),
    ],
)
def test_what_is_misspelt_names_the_nearest(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"did you mean '{meant}'" in lines[0]


def test_an_option_before_the_command_is_said_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--mode", "int8", "compile", "m"])
    assert "--mode stands before the command: write tflir COMMAND --mode" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_values_in_the_help_can_be_copied(columns: int) -> None:
    command = [sys.executable, "-c", "import sys; from tflir.cli import main; main(['compile', '--help'])"]
    shown = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"COLUMNS": str(columns)})
    words = re.split(r"[\s,;:()]+", shown.stdout.decode())
    for value in (*Optimize.__members__, *OpsSet.__members__, *IO_TYPES, *SPARSITY_TARGETS, "float16"):
        assert value in words


class _TheirOps(enum.Enum):
    """As TensorFlow's, another class."""

    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    SELECT_TF_OPS = "SELECT_TF_OPS"


def _converter(**settings: Any) -> tflir.Converter:
    converter = tflir.Converter.from_bytes(fully_connected())
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter


@pytest.mark.parametrize(
    "ops",
    [["TFLITE_BUILTINS_INT8"], "TFLITE_BUILTINS_INT8", {_TheirOps.TFLITE_BUILTINS_INT8}, [OpsSet.TFLITE_BUILTINS_INT8],
     iter(["tflite_builtins_int8"]), _TheirOps.TFLITE_BUILTINS_INT8],
)  # fmt: skip
def test_op_sets_may_be_names_or_members_of_another_enum(ops: Any) -> None:
    converter = _converter(optimizations=[Optimize.DEFAULT])
    converter.target_spec.supported_ops = ops
    with pytest.raises(tflir.Error, match="TFLITE_BUILTINS_INT8 needs the ranges") as caught:
        converter.convert()
    assert caught.value.status == 2


@pytest.mark.parametrize("kind", ["float16", np.float16, np.dtype(np.float16), "FLOAT16"])
def test_types_may_be_names_or_numpys(kind: Any) -> None:
    expected = _converter(optimizations=["DEFAULT"], target_spec=TargetSpec(supported_types=["float16"])).convert()
    assert _converter(optimizations="DEFAULT", target_spec=TargetSpec(supported_types=kind)).convert() == expected
    assert _converter(optimizations=Optimize.DEFAULT, target_spec=TargetSpec(supported_types={kind})).convert() == (
        expected
    )


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"target_spec": TargetSpec(supported_ops=["TFLITE_BUILTIN_INT8"])}, "did you mean 'TFLITE_BUILTINS_INT8'"),
        ({"target_spec": TargetSpec(supported_ops=[_TheirOps.SELECT_TF_OPS])}, "'SELECT_TF_OPS' is none of"),  # type: ignore[list-item]
        ({"target_spec": TargetSpec(supported_ops=[])}, "supported_ops is empty"),
        ({"target_spec": TargetSpec(supported_types=[int])}, "'int' is none of"),
        ({"target_spec": None}, "no TargetSpec"),
        ({"optimizations": None}, "'None' is none of"),
        ({"passes": "tfl-optimize"}, "--passes"),
        ({"passes": ""}, "passes: is empty"),
        ({"skip": [""]}, "skip: is empty"),
        ({"skip": [5]}, "skip: 5 is no text"),
        ({"stats": [b"x"]}, "stats: .*is no path"),
        ({"representative_dataset": ""}, "representative_dataset: is empty"),
        ({"calibration_samples": 3}, "--calibration-samples does nothing without --representative-dataset"),
        ({"calibration_samples": 0}, "'?0'? is no number"),
        ({"calibration_samples": True}, "no number"),
        ({"inference_input_type": "int7"}, "'int7' is none of"),
        ({"tf_compat": "yes"}, "neither True nor False"),
        ({"stats": ["a"], "representative_dataset": "b"}, "exclude each other"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(tflir.Error, match=why) as caught:
        _converter(**{"optimizations": ["DEFAULT"]} | settings).convert()
    assert caught.value.status == 2


def test_what_does_nothing_is_warned_of_in_python_too() -> None:
    settings: dict[str, Any] = {"optimizations": ["DEFAULT"], "representative_dataset": lambda: []}
    converter = _converter(**settings, target_spec=TargetSpec(supported_types=["float16"]))
    with pytest.warns(UserWarning, match="--representative-dataset does nothing beside --supported-types float16"):
        converter.convert()


@pytest.mark.parametrize(("name", "meant"), [("supported_op", "supported_ops"), ("supportedtypes", "supported_types")])
def test_a_misspelt_attribute_of_the_target_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(tflir.Error, match=f"did you mean .*'{meant}'") as caught:
        setattr(_converter().target_spec, name, [])
    assert isinstance(caught.value, AttributeError)
