"""Constants: views, packing, text; equality and hashing that don't read them whole."""

from __future__ import annotations

import pathlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from xdsl.dialects.builtin import IntegerType, Signedness
from xdsl.utils.exceptions import VerifyException

from tflir.frontends.tflite.mapping import open_model
from tflir.ir.blob import ArrayBlob, Blob, DeferredBlob
from tflir.ir.constants import as_numpy, elements, from_blob, pack_bits, unpack_bits
from tflir.ir.types import element_type


@given(st.sampled_from(["INT4", "UINT4", "INT2"]), st.data())
def test_packing_is_undone_by_unpacking(name: str, data: st.DataObject) -> None:
    low, high = {"INT4": (-8, 7), "UINT4": (0, 15), "INT2": (-2, 1)}[name]
    values = data.draw(hnp.arrays(np.int8, st.integers(0, 33), elements=st.integers(low, high)))
    packed = pack_bits(values, name)
    assert packed.size == -(-values.size // (2 if "4" in name else 4))
    np.testing.assert_array_equal(unpack_bits(packed, name, values.size), values)


def test_int4_lies_low_nibble_first() -> None:
    assert pack_bits(np.int8([1, -1, 2]), "INT4").tolist() == [0xF1, 0x02]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int64", "uint8", "bool", "float64", "bfloat16"])
def test_numpy_in_numpy_out(dtype: str) -> None:
    kind = np.dtype(getattr(ml_dtypes, dtype)) if dtype == "bfloat16" else np.dtype(dtype)
    array = np.arange(6).reshape(2, 3).astype(kind)
    attr = elements(array)
    assert as_numpy(attr).dtype == kind
    np.testing.assert_array_equal(as_numpy(attr), array)


def test_text_of_small_and_large() -> None:
    assert str(elements(np.float32([[1, 2.5], [0.1, 3e-9]]))) == (
        "dense<[[1.000000e+00, 2.500000e+00], [1.000000e-01, 3.000000e-09]]> : tensor<2x2xf32>"
    )
    assert str(elements(np.array([True, False]))) == "dense<[true, false]> : tensor<2xi1>"
    assert str(elements(np.int8([1, -8]), IntegerType(4))) == "dense<[1, -8]> : tensor<2xi4>"
    assert str(elements(np.uint8([255]))) == "dense<[255]> : tensor<1xui8>"
    assert str(elements(np.zeros(1000, np.int32))) == "dense<0> : tensor<1000xi32>"
    assert str(elements(np.full(4, -0.0, np.float32))) == "dense<-0.000000e+00> : tensor<4xf32>"
    assert str(elements(np.float32([0.0, -0.0]))) == "dense<[0.000000e+00, -0.000000e+00]> : tensor<2xf32>"
    assert str(elements(np.float32(-np.inf))) == "dense<0xFF800000> : tensor<f32>"
    assert str(elements(np.float16([np.inf, 1.0]))) == "dense<[0x7C00, 1.000000e+00]> : tensor<2xf16>"
    assert str(elements(np.arange(1000, dtype=np.int32))) == "dense_resource<__elided__> : tensor<1000xi32>"
    assert str(elements(np.float32([np.nan]))) == "dense<[0x7FC00000]> : tensor<1xf32>"
    assert str(elements(np.float32(1 / 3))) == "dense<3.3333334e-01> : tensor<f32>"


def test_a_constant_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(VerifyException, match="4 bytes of data where"):
        from_blob(ArrayBlob(np.zeros(4, np.uint8)), (2,), element_type("FLOAT32"))


def test_signedness_is_in_the_type() -> None:
    assert elements(np.uint8([1])).type.element_type == IntegerType(8, Signedness.UNSIGNED)


class _Untouchable(Blob):
    """A blob that fails when its bytes are read."""

    def view(self) -> np.ndarray:
        raise AssertionError("read whole")

    def chunks(self, size: int = 0):
        raise AssertionError("streamed")

    def _identity(self) -> int:
        return 0


def test_printing_and_hashing_do_not_read_large_constants() -> None:
    attr = from_blob(_Untouchable(1 << 32), (1 << 30,), element_type("FLOAT32"))
    assert "tensor<1073741824xf32>" in str(attr)
    assert attr == attr
    hash(attr)


def test_equality_is_of_bytes() -> None:
    one, other = ArrayBlob(np.arange(10**5)), ArrayBlob(np.arange(10**5))
    assert one == other
    assert hash(one) == hash(other)
    changed = np.arange(10**5)
    changed[12345] = 0  # where the hash does not look
    assert one != ArrayBlob(changed)


def test_a_file_blob_streams_what_it_views(tmp_path: pathlib.Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8)
    path = tmp_path / "bytes"
    path.write_bytes(data.tobytes())
    file = open_model(path)
    blob = file.blob(1000, 250_000)
    assert blob is file.blob(1000, 250_000)
    np.testing.assert_array_equal(blob.view(), data[1000:251_000])
    np.testing.assert_array_equal(np.concatenate([c.copy() for c in blob.chunks(4096)]), blob.view())
    with open(tmp_path / "out", "w+b") as out:
        out.write(b"lead")
        assert sum(blob.write_to(out)) == 250_000
        out.write(b"tail")
    assert (tmp_path / "out").read_bytes() == b"lead" + blob.view().tobytes() + b"tail"


def test_a_deferred_blob_is_made_when_it_is_read() -> None:
    made: list[int] = []

    def make():
        made.append(1)
        yield np.int8([1, 2])
        yield np.int8([3])

    blob = DeferredBlob(3, ("recipe", 1), make)
    assert blob == DeferredBlob(3, ("recipe", 1), make)
    assert blob != DeferredBlob(3, ("recipe", 2), make)
    assert not made
    assert blob.view().tolist() == [1, 2, 3]
