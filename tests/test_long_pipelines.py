"""Pipelines of 100 kB are read in linear time."""

from __future__ import annotations

import time

import pytest

import tflir
from tflir.pass_manager import parse_pipeline


@pytest.mark.parametrize(
    "pipeline",
    [" ," * 50_000, "a," * 50_000, ",a" * 50_000, "[" * 99_999, "{" * 99_999, "cse{x=" * 20_000, "cse," * 20_000 + "x",
     'cse{x="' + '\\"=' * 30_000, "cse{x=" + "9" * 99_999 + "}", "cse{" + "x=1 " * 25_000 + "}",
     "cse" + " " * 99_999 + "x",
     "builtin.module(" + ") " * 40_000 + "x", "c" * 99_999],
)  # fmt: skip
def test_long_pipelines(pipeline: str) -> None:
    start = time.process_time()
    with pytest.raises(tflir.Error) as refused:
        parse_pipeline(pipeline)
    assert time.process_time() - start < 4
    assert refused.value.status == 2
    assert len(str(refused.value)) < 700
