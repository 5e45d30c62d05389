"""NumPy arrays as ``.npy``."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from predictor.bodies import refused, round_trip, unreadable

from sagemaker_runtime import EncodeError, NumPyCodec

NPY = NumPyCodec()


def npy(head: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A file with any head."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(head))
    return b"\x93NUMPY" + bytes(version) + length + head.encode() + data


def head(descr: str = "'<f8'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def encoding_problem(array: npt.NDArray[Any]) -> str | None:
    """Why the array is refused; None if it is not."""
    try:
        NPY.encode(array)
    except EncodeError as error:
        return str(error)
    return None


@given(
    arrays.arrays(
        arrays.scalar_dtypes() | arrays.array_dtypes(), arrays.array_shapes(min_dims=0, min_side=0), fill=st.nothing()
    )
)
def test_any_array_comes_back_as_it_was(array: npt.NDArray[Any]) -> None:
    """Shape, type and every bit; what is not sent is refused in words."""
    if (problem := encoding_problem(array)) is not None:
        assert array.dtype.itemsize == 0 or not str(array.dtype).isascii(), problem
        return
    decoded = round_trip(NPY, array)

    assert (array.shape, array.dtype) == (decoded.shape, decoded.dtype)
    assert array.tobytes() == decoded.tobytes()
    assert not decoded.flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        np.array(7.5),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(10)[::3],
        np.array(["a", "bcd"]),
        np.array([True, False]),
        np.array(["2025-06-15"], dtype="datetime64[D]"),
        np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", ">f8")]),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_shape_type_and_order_come_back(array: npt.NDArray[Any]) -> None:
    """Empty arrays, scalars, columns first, strides and records have each been somebody's bug."""
    decoded = round_trip(NPY, array)

    assert (array.shape, array.dtype) == (decoded.shape, decoded.dtype)
    assert array.tolist() == decoded.tolist()


def test_version_2_is_read_too() -> None:
    """NumPy writes it for a head beyond 64 KiB."""
    data = np.array([1.0, 2.0]).tobytes()

    assert [1.0, 2.0] == NPY.decode(npy(head(), data, version=(2, 0)), None).tolist()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([1, 2], "the value is of type list; NumPyCodec takes an array: np.asarray(value)"),
        (7.5, "the value is of type float"),
        (np.ma.array([1, 2], mask=[True, False]), "value.filled(...) of a masked one"),
        (np.array([{}], dtype=object), "the array has objects as elements, which would be sent as pickles"),
        (np.zeros(1, [("a", "O")]), "the array has objects as elements"),
        (np.empty(3, np.dtype([])), "the array has elements of size 0"),
        (np.zeros(1, [("\u0394", "i4")]), "names that NumPy's readers refuse: too many, or not Latin-1"),
        (np.zeros(1, [("x" * 50 + str(number), "i1") for number in range(300)]), "names that NumPy's readers refuse"),
    ],
)
def test_what_no_reader_takes_is_not_sent(value: object, problem: str) -> None:
    """A masked array would lose its mask in silence, and objects would be sent as pickles, which no reader should trust."""
    assert problem in refused(NPY, value)


HOSTILE = [
    (b"", "it does not begin like a .npy file of version 1 or 2"),
    (b"\x93NUMPY", "it does not begin"),
    (b"<html>s3cr3t", "it does not begin"),
    (npy(head("'|O'"), b"cos\nsystem\n(S'true'\ntR."), "an array of objects, which are pickles"),
    (npy(head("[('a', '|O')]"), b"cos\nsystem\n(S'true'\ntR."), "an array of objects"),
    (npy(head(shape="(1000000000000000,)"), bytes(16)), "bytes, is not as long as the header says"),
    (npy(head(shape="(-2,)"), bytes(16)), "the shape has a negative length"),
    (npy(head(shape="(-1,)"), bytes(16)), "the shape has a negative length"),
    (npy(head("'|S0'", shape="(1000000000000000000,)")), "an array with elements of size 0"),
    (npy(head("'<U0'", shape="(1000000000000, 1000000)")), "an array with elements of size 0"),
    (npy(head("[('a', '<f4', (0,))]", shape="(1000000000000000000,)")), "an array with elements of size 0"),
    (npy(head(shape="(1,)"), bytes(16)), "16 bytes, is not as long as the header says"),
    (npy(head(shape="(3,)"), bytes(16)), "16 bytes, is not as long as the header says"),
    (npy(head(shape="(2**62, 2**62)"), bytes(16)), "the header, from byte 8 on, does not describe an array"),
    (npy(head(shape=f"({2**62}, {2**62})"), bytes(16)), "is not as long as the header says"),
    (npy(head(shape="__import__('os').abort()"), bytes(16)), "the header, from byte 8 on"),
    (npy(head("'s3cr3t'"), bytes(16)), "the header, from byte 8 on"),
    (npy("{" * 5_000, bytes(16)), "the header, from byte 8 on"),
    (npy("x" * 60_000), "the header, from byte 8 on"),
    (npy(head(), bytes(16), version=(3, 0)), "it does not begin"),
    (npy(head(), bytes(16), version=(9, 9)), "it does not begin"),
]


@pytest.mark.parametrize(("body", "problem"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_file_is_an_error_and_runs_nothing(body: bytes, problem: str) -> None:
    """Pickles, code in the head, sizes beyond all memory, sizes that are not those of the data, elements without size."""
    assert problem in unreadable(NPY, body)


@given(st.binary())
def test_any_bytes_are_an_array_or_an_error(data: bytes) -> None:
    """Behind a right beginning."""
    for body in (data, b"\x93NUMPY\x01\x00" + data, npy(head(), data)):
        if len(data) != 16 or body[:6] != b"\x93NUMPY":
            unreadable(NPY, body)
