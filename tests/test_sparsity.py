"""EXPERIMENTAL_SPARSITY from the flag to the file: pipelines, choices, what the report says, TensorFlow's own way."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from models_builder import Model, options, random
from net_builder import VALID, Net, model_of
from object_tree import tree
from recording import nearness, run
from sparse_models import X16, compiled, holed, names_of, operators, sparsified, worst_difference

import tflir
from tflir.cli import main
from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.targets import sparse_latency
from tflir.passes.sparsity.choice import TABLE, Option, Preference
from tflir.passes.sparsity.encoding import rows_of_blocks

WIDE = (1, 256)


def _net(net: Net, x: int) -> int:
    """Three layers: random zeros, blocks of 4, blocks of 16."""
    one = net.dense("one", x, holed((128, 256), 0.9), random(128, seed=1), act=1)
    two = net.dense("two", one, holed((128, 128), 0.8, 4, seed=2), random(128, seed=2), act=1)
    return net.dense("three", two, holed((64, 128), 0.9, 16, seed=3), random(64, seed=3))


def _converted(data: bytes, *flags: str, **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = flags
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _samples() -> Any:
    return ([random(*WIDE, seed=n)] for n in range(4))


@pytest.mark.parametrize(
    ("fields", "near"),
    [
        ({}, 90),
        ({"target_spec": tflir.TargetSpec(supported_types=["float16"])}, 50),
        ({"representative_dataset": _samples}, 25),
        ({"representative_dataset": _samples, "target_spec": tflir.TargetSpec([X16])}, 50),
    ],
    ids=["dynamic range", "float16", "int8", "int16x8"],
)
@pytest.mark.parametrize("target", ["balanced", "size", "latency"])
def test_the_flag_beside_default_in_every_mode(fields: dict[str, Any], near: float, target: str) -> None:
    data = model_of(_net, WIDE)
    dense = _converted(data, "DEFAULT", **fields)
    sparse = _converted(data, "DEFAULT", "EXPERIMENTAL_SPARSITY", sparsity_target=target, **fields)
    if target != "latency":  # which takes what is faster, and only that
        assert len(sparse) < 0.7 * len(dense)
        assert any(t["sparsity"] for t in tree(sparse)["graphs"][0]["tensors"].values())
    for delegate in (True, False):
        found = nearness(run(sparse, [random(*WIDE)], delegate=delegate), run(data, [random(*WIDE)]))
        assert found > min(
            near, nearness(run(dense, [random(*WIDE)], delegate=delegate), run(data, [random(*WIDE)])) - 6
        )


def test_the_flag_alone_quantizes_nothing_and_ignores_data() -> None:
    data = model_of(_net, WIDE)
    sparse = _converted(data, "EXPERIMENTAL_SPARSITY")
    with pytest.warns(UserWarning, match="--representative-dataset does nothing"):
        assert sparse == _converted(data, "experimental_sparsity", representative_dataset=_samples)
    types = {t["type"] for t in tree(sparse)["graphs"][0]["tensors"].values()}
    assert types == {0}  # float32
    for delegate in (True, False):
        assert worst_difference(data, sparse, WIDE, delegate=delegate) < 1e-5


def test_the_same_input_gives_the_same_bytes() -> None:
    data = model_of(_net, WIDE)
    assert _converted(data, "DEFAULT", "EXPERIMENTAL_SPARSITY") == _converted(data, "DEFAULT", "EXPERIMENTAL_SPARSITY")


def test_a_second_time_nothing_grows() -> None:
    """Sparse models are folded and encoded anew."""
    once = _converted(model_of(_net, WIDE), "EXPERIMENTAL_SPARSITY")
    twice = _converted(once, "EXPERIMENTAL_SPARSITY")
    assert len(twice) <= len(once)
    assert worst_difference(once, twice, WIDE, delegate=True) < 1e-6


def test_folding_what_was_encoded_gives_the_model_back() -> None:
    data = model_of(_net, WIDE)
    module = load_bytes(sparsified(data)[0])
    tflir.run_passes(module, "tfl-densify-fold")
    before, after = (tree(d)["graphs"][0] for d in (to_bytes(load_bytes(data)), to_bytes(module)))
    assert before["operators"] == after["operators"]
    assert before["tensors"] == after["tensors"]


def test_a_constant_too_large_to_be_dense_stays_sparse() -> None:
    """A damaged model of a few bytes may ask for any number."""
    text = """
    func.func @main() -> tensor<65536x65536xf32> {
      %s = "tfl.pseudo_sparse_const"() <{value = dense<0.0> : tensor<65536x65536xf32>,
        s_param = #tfl.sparsity_parameter<traversal_order = [0, 1], block_map = [], dim_metadata =
          <format = SPARSE_CSR, dense_size = 0, segments = [0, 1], indices = [7]>,
          <format = SPARSE_CSR, dense_size = 0, segments = [0, 1], indices = [9]>>,
        compressed_data = dense<[1.0]> : tensor<1xf32>}> : () -> tensor<65536x65536xf32>
      %d = "tfl.densify"(%s) : (tensor<65536x65536xf32>) -> tensor<65536x65536xf32>
      func.return %d : tensor<65536x65536xf32>
    }"""
    module = parse_text(text.encode(), "large.mlir")
    (report,) = tflir.run_passes(module, "tfl-densify-fold")
    assert report.declined == {"dense it would take more than 2 GB": 1}
    assert len(to_bytes(module)) < 1000


def test_models_that_are_sparse_already_are_quantized_too() -> None:
    sparse = _converted(model_of(_net, WIDE), "EXPERIMENTAL_SPARSITY")
    both = _converted(sparse, "DEFAULT", "EXPERIMENTAL_SPARSITY")
    assert len(both) < 0.6 * len(sparse)
    assert nearness(run(both, [random(*WIDE)]), run(sparse, [random(*WIDE)])) > 25


@pytest.mark.parametrize("target", ["balanced", "size"])
def test_pruned_channels_and_blocks_together(target: str) -> None:
    """Channels go by blocks where single ones would leave no blocks."""
    weights = holed((64, 256), 0.8, 16, seed=4)
    hidden = random(256, 64, seed=5)
    hidden[[3, 40, 41, 200]] = 0
    hidden[64:80] = 0

    def build(net: Net, x: int) -> int:
        return net.dense("y", net.dense("h", x, hidden, random(256, seed=6), act=1), weights, random(64, seed=7))

    data = model_of(build, (1, 64))
    sparse = _converted(data, "EXPERIMENTAL_SPARSITY", sparsity_target=target)
    tensors = tree(sparse)["graphs"][0]["tensors"]
    assert tensors["h"]["shape"] == [1, 240]
    for delegate in (True, False):
        assert worst_difference(data, sparse, (1, 64), delegate=delegate) < 1e-5


def test_single_channels_go_where_there_are_no_blocks() -> None:
    hidden = random(256, 64, seed=5)
    hidden[[3, 40, 41, 200]] = 0

    def build(net: Net, x: int) -> int:
        return net.dense(
            "y", net.dense("h", x, hidden, random(256, seed=6), act=1), random(64, 256), random(64, seed=7)
        )

    sparse = _converted(model_of(build, (1, 64)), "EXPERIMENTAL_SPARSITY")
    assert tree(sparse)["graphs"][0]["tensors"]["h"]["shape"] == [1, 252]


def _option(nbytes: int, *times: float) -> Option:
    return Option("some way", None, nbytes, times)


@pytest.mark.parametrize(
    ("preference", "options", "best"),
    [
        (Preference(), [(900, 1.0, 1.0), (400, 1.01, 0.1)], 0),
        (Preference(), [(1000, 0.1, 0.1)], None),
        (Preference(), [(400, 1.0, 1.0), (600, 0.5, 0.5)], 1),
        (Preference(), [(400, 1.0, 4.0), (600, 1.0, 1.0)], 1),
        (Preference(), [(300, 1.0, 16.0)], None),
        (Preference("size"), [(400, 9.0, 9.0), (600, 0.5, 0.5)], 0),
        (Preference("size"), [(1000, 0.5, 0.5)], None),
        (Preference("size"), [(400, 9.0, 9.0), (410, 0.5, 0.5)], 1),
        (Preference("latency"), [(2000, 0.5, 0.5), (400, 1.0, 1.0)], 0),
        (Preference("latency"), [(400, 1.0, 1.0), (300, 1.2, 1.0)], 0),
        (Preference("balanced", "avx512"), [(400, 0.9)], 0),
        (Preference("balanced", "avx512"), [(400, 1.1)], None),
    ],
)
def test_what_each_target_takes(preference: Preference, options: list[tuple[float, ...]], best: int | None) -> None:
    """Bytes beside dense ones of 1000, times beside dense on each CPU; the first CPU says what is slower."""
    dense = _option(1000, *[1.0] * len(preference.cpus))
    found = [_option(int(nbytes), *times) for nbytes, *times in options]
    allowed = [o for o in found if not preference.refusal(o, dense)]
    chosen = preference.best([dense, *allowed], dense)
    assert chosen is (dense if best is None else found[best])


def test_times_follow_the_tables() -> None:
    """Measured for 1024 x 1024: f32 1x4 at 80 % zeros 98 us beside 153 dense, hybrid 1x16 at 90 % 15 beside 81."""
    assert sparse_latency.direct("float", 4, "avx2", (1024, 1024), 0.2, 1) == pytest.approx(98 / 153, abs=0.01)
    assert sparse_latency.direct("hybrid", 16, "avx2", (1024, 1024), 0.1, 1) == pytest.approx(15 / 81, abs=0.01)
    assert sparse_latency.direct("int8", 16, "avx2", (2048, 2048), 0.5, 1) == pytest.approx(696 / 361, abs=0.01)
    between = sparse_latency.direct("float", 4, "avx2", (512, 1024), 0.2, 1)
    assert 98 / 153 < between < 28 / 37
    for cpu in sparse_latency.CPUS:
        for kernel, block in (("float", 1), ("float", 4), ("hybrid", 16), ("int8", 16)):
            times = [sparse_latency.direct(kernel, block, cpu, (300, 700), s / 20, 1) for s in range(21)]
            assert times == sorted(times)
            assert times[0] > 0


def test_the_report_lists_what_was_considered(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "m.tflite"
    source.write_bytes(model_of(_net, WIDE))
    for ending in ("json", "html"):
        out, report = tmp_path / "o.tflite", tmp_path / f"r.{ending}"
        flags = ["--optimize", "default,experimental_sparsity", "--force", "--report", str(report)]
        assert main(["compile", str(source), "-o", str(out), *flags]) == 0
    capsys.readouterr()
    facts = json.loads((tmp_path / "r.json").read_text("utf-8"))
    (rows,) = (p["tables"][TABLE] for p in facts["passes"] if p["name"] == "tfl-dense-to-sparse")
    by_name = {name: [row for row in rows if row["tensor"] == name] for name in ("one/w", "two/w", "three/w")}
    for listed in by_name.values():
        assert sum(row["verdict"] == "chosen" for row in listed) == 1
        assert listed[0]["encoding"] == "dense"
        assert len(listed) > 3
        assert all(row["bytes_before"] == listed[0]["bytes_before"] for row in listed)
    assert by_name["one/w"][0]["pattern"] == "random"
    assert by_name["three/w"][0]["pattern"] == "1x16"
    assert any("sparse 1x16, LiteRT" in row["how"] for row in by_name["three/w"])
    assert any("from DENSIFY" in row["how"] for row in by_name["one/w"])
    page = (tmp_path / "r.html").read_text("utf-8")
    assert f"<h2>{TABLE}: " in page
    assert "D0 C1 D1(16)" in page


def test_a_choice_says_why_it_is_dense() -> None:
    data = model_of(lambda net, x: net.dense("y", x, holed((64, 256), 0.02)), WIDE)
    _, reports = sparsified(data)
    assert "no encoding is smaller" in reports[-1].declined
    data = model_of(lambda net, x: net.dense("y", x, random(64, 256)), WIDE)
    _, reports = sparsified(data)
    assert "too few zeros" in reports[-1].declined
    pixel = (1, 1, 1, 256)  # one position reads all weights, which are larger for a float convolution
    data = model_of(lambda net, x: net.conv("y", x, holed((256, 1, 1, 256), 0.8), random(256)), pixel)
    _, reports = sparsified(compiled(data, "dynamic range", pixel))
    assert reports[1].declined == {"what is smaller is slower": 1}


@pytest.mark.parametrize(
    ("flags", "status", "why"),
    [
        (["--sparsity-target", "size"], 2, "--sparsity-target does nothing without EXPERIMENTAL_SPARSITY"),
        (["--optimize", "experimental_sparsity", "--sparsity-target", "tiny"], 2, "invalid choice: 'tiny'"),
        (["--optimize", "experimental_sparsity", "--supported-types", "float16"], 2, "that quantizes"),
        (["--optimize", "experimental_sparsity", "--disable-per-channel"], 2, "that quantizes"),
        (["-p", "tfl-dense-to-sparse{target=tiny}"], 2, "'tiny' is no target"),
        (["-p", "tfl-prune{sparsity=1.5}"], 2, "sparsity 1.5 is out of range"),
    ],
)
def test_flags_that_make_no_sense(
    flags: list[str], status: int, why: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "m.tflite"
    source.write_bytes(model_of(_net, WIDE))
    try:
        found = main(["compile", str(source), *flags])
    except SystemExit as leaving:
        found = leaving.code
    assert found == status
    said = capsys.readouterr().err.strip().splitlines()
    assert why in said[-1]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_pipelines_of_the_flag(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "m.tflite"
    source.write_bytes(model_of(_net, WIDE))

    def pipeline(*flags: str) -> list[str]:
        assert main(["compile", str(source), "--print-pipeline", "--optimize", *flags]) == 0
        return capsys.readouterr().out.strip().split(",")

    last = ["tfl-fully-connected-to-conv-2d", "tfl-dequantize-hybrid-convolutions", "tfl-dense-to-sparse"]
    assert pipeline("experimental_sparsity") == ["tfl-densify-fold", "tfl-remove-dead-channels", *last]
    both = pipeline("DEFAULT,EXPERIMENTAL_SPARSITY", "--sparsity-target", "size")
    assert both[:2] == ["tfl-densify-fold", "tfl-remove-dead-channels"]
    assert both[-3:] == [f"{name}{{target=size}}" for name in last]
    assert both[2:-3] == pipeline("DEFAULT")
    assert pipeline("experimental_sparsity", "--tf-compat") == ["tfl-dense-to-sparse{tf-compat=true}"]


def test_tensorflows_own_choice() -> None:
    """See docs/semantics.md, Sparse constants."""
    filters = holed((16, 1, 1, 32), 0.5)

    def build(net: Net, x: int) -> list[int]:
        image = net.reshape("image", x, (1, 2, 4, 32))
        return [
            net.dense("random", x, holed((32, 256), 0.5)),
            net.dense("blocks", x, holed((32, 256), 0.5, 4)),
            net.dense("few", x, holed((32, 256), 0.2)),
            net.conv("conv", image, filters, random(16), padding=VALID),
        ]

    made = _converted(model_of(build, WIDE), "EXPERIMENTAL_SPARSITY", tf_compat=True)
    tensors = tree(made)["graphs"][0]["tensors"]
    assert tensors["random/w"]["sparsity"]["traversalOrder"] == [0, 1]
    assert tensors["blocks/w"]["sparsity"]["blockMap"] == [1]
    assert [d["denseSize"] for d in tensors["blocks/w"]["sparsity"]["dimMetadata"]] == [32, 0, 4]
    assert tensors["few/w"]["sparsity"] is None
    assert [d["format"] for d in tensors["conv/w"]["sparsity"]["dimMetadata"]] == [0, 0, 0, 1]
    assert names_of(made).count("DENSIFY") == 2
    assert {version for name, version in operators(made) if name == "FULLY_CONNECTED"} == {8}


def test_tensorflow_counts_stored_zeros_and_quantizes_first() -> None:
    dense = compiled(model_of(lambda net, x: net.dense("y", x, holed((32, 256), 0.9, 16)), WIDE), "dynamic range", WIDE)
    module = load_bytes(dense)
    tflir.run_passes(module, "tfl-dense-to-sparse{tf-compat=true}")
    made = to_bytes(module, tf_compat=True)
    (weights,) = (t for t in tree(made)["graphs"][0]["tensors"].values() if t["sparsity"])
    assert weights["sparsity"]["blockMap"] == [1]
    assert [version for _, version in operators(made)] == [12]  # which the delegate takes, and reads wrongly


def test_encodings_are_named_by_their_levels() -> None:
    assert rows_of_blocks(2, 16).text() == "D0 C1 D1(16)"
    assert rows_of_blocks(4).text() == "D0 D1 D2 C3"
    assert rows_of_blocks(2, 16).node((64, 128)) == (1, 16)


def test_a_variable_and_an_integer_table_stay(tmp_path: pathlib.Path) -> None:
    model = Model()
    graph = model.graph()
    ids = graph.tensor("ids", (5,), np.int32)
    table = graph.constant("table", np.zeros((64, 32), np.int32))
    graph.io(
        [ids], graph.op("GATHER", [table, ids], [graph.tensor("rows", (5, 32), np.int32)], options("GatherOptions"))
    )
    data = model.to_bytes()
    sparse, reports = sparsified(data)
    assert names_of(sparse) == ["GATHER"]
    assert "elements that DENSIFY does not make" in reports[-1].declined


def test_choices_know_their_pattern() -> None:
    data = model_of(lambda net, x: net.dense("y", x, holed((64, 256), 0.8, 4)), WIDE)
    _, reports = sparsified(data)
    assert {row["pattern"] for row in reports[-1].tables[TABLE]} == {"1x4"}
