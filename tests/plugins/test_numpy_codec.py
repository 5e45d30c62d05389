"""NumPy arrays in place of bytes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sagemaker_runtime import Client, InvokeEndpointInput, with_api_options
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.codecs import DecodeError
from sagemaker_runtime.plugins.numpy_codec import NumPyCodec

NPY = NumPyCodec()


def npy(head: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A file with any head."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(head))
    return b"\x93NUMPY" + bytes(version) + length + head.encode() + data


def head(descr: str = "'<f8'", order: str = "False", shape: str = "(2,)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


async def test_an_array_in_gives_an_array_out() -> None:
    """Computed on by a model that reads and writes the files with NumPy's own functions."""

    def double(invocation: Invocation) -> Answer:
        assert "application/x-npy" == invocation.content_type == invocation.accept
        file = io.BytesIO()
        np.save(file, np.load(io.BytesIO(invocation.body)) * 2)
        return Answer(body=file.getvalue(), content_type="application/x-npy")

    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    async with LocalEndpoint({"double": double}) as local, Client(local.options(), with_api_options(NPY)) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="double", body=NPY.body(array)))
        doubled = NPY.value(output)

    assert ((2, 3), np.float32) == (doubled.shape, doubled.dtype)
    assert [[0, 2, 4], [6, 8, 10]] == doubled.tolist()


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
    decoded = NPY.decode(NPY.encode(array))

    assert (array.shape, array.dtype) == (decoded.shape, decoded.dtype)
    assert array.tolist() == decoded.tolist()
    assert not decoded.flags.writeable


def test_version_2_is_read_too() -> None:
    """NumPy writes it for a head beyond 64 KiB."""
    data = np.array([1.0, 2.0]).tobytes()

    assert [1.0, 2.0] == NPY.decode(npy(head(), data, version=(2, 0))).tolist()


def test_objects_are_not_sent() -> None:
    """Their elements would travel as pickles, which no reader should trust."""
    with pytest.raises(ValueError, match="allow_pickle=False"):
        NPY.encode(np.array([{}], dtype=object))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b"<html>",
        npy(head("'|O'"), b"cos\nsystem\n(S'true'\ntR."),
        npy(head("[('a', '|O')]"), b"cos\nsystem\n(S'true'\ntR."),
        npy(head(shape="(1000000000000000,)"), bytes(16)),
        npy(head(shape="(-2,)"), bytes(16)),
        npy(head(shape="(-1,)"), bytes(16)),
        npy(head("'|S0'", shape="(1000000000000000000,)")),
        npy(head("'<U0'", shape="(1000000000000, 1000000)")),
        npy(head("[('a', '<f4', (0,))]", shape="(1000000000000000000,)")),
        npy(head(shape="(1,)"), bytes(16)),
        npy(head(shape="(3,)"), bytes(16)),
        npy(head(shape="(2**62, 2**62)"), bytes(16)),
        npy(head(shape="__import__('os').abort()"), bytes(16)),
        npy(head("'nonsense'"), bytes(16)),
        npy("{" * 5_000, bytes(16)),
        npy("x" * 60_000),
        npy(head(), bytes(16), version=(3, 0)),
        npy(head(), bytes(16), version=(9, 9)),
    ],
    ids=range(20),
)
async def test_a_hostile_file_is_an_error_and_runs_nothing(body: bytes) -> None:
    """Pickles, code in the head, sizes beyond all memory, sizes that are not those of the data, elements without size."""
    async with (
        LocalEndpoint({"hostile": lambda _: body}) as local,
        Client(local.options(), with_api_options(NPY)) as client,
    ):
        with pytest.raises(DecodeError):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="hostile", body=NPY.body(np.zeros(1))))
