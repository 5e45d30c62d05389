"""Triton's binary JSON."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays
from predictor.bodies import SECRET, refused, unreadable

from sagemaker_runtime import ConfigError, Encoded, TritonCodec

TRITON = TritonCodec()
KIND = "application/vnd.sagemaker-triton.binary+json"
DTYPES = st.sampled_from(["?", "u1", "u2", ">u2", "u4", "u8", "i1", "i2", "i4", ">i4", "i8", "f2", "f4", ">f8", "f8"])
SHAPES = arrays.array_shapes(min_dims=0, min_side=0)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def parts(encoded: Encoded) -> tuple[dict[str, Any], bytes]:
    """The header and the data."""
    size = int(encoded.content_type.removeprefix(f"{KIND};json-header-size="))
    return json.loads(encoded.body[:size]), encoded.body[size:]


def answered(encoded: Encoded) -> tuple[bytes, str]:
    """A response whose outputs are the inputs of a request: what an identity model returns."""
    header, data = parts(encoded)
    head = json.dumps({"model_name": "identity", "outputs": header["inputs"]}).encode()
    return head + data, f"{KIND};json-header-size={len(head)}"


def response(outputs: object, data: bytes = b"") -> tuple[bytes, str]:
    head = json.dumps({"outputs": outputs}).encode()
    return head + data, f"{KIND};json-header-size={len(head)}"


@given(st.dictionaries(TEXTS, arrays.arrays(DTYPES, SHAPES), max_size=4))
def test_arrays_come_back_as_they_were(value: dict[str, npt.NDArray[Any]]) -> None:
    """Every type of numbers, any shape, any byte order, any name."""
    decoded = TRITON.decode(*answered(TRITON.encode(value)))

    assert list(value) == list(decoded)
    for name, array in value.items():
        back = decoded[name]
        assert (array.shape, array.dtype.newbyteorder("<")) == (back.shape, back.dtype)
        np.testing.assert_array_equal(array, back)


@given(arrays.arrays("O", SHAPES, elements=st.binary(), fill=st.nothing()))
def test_bytes_come_back_as_they_were(array: npt.NDArray[Any]) -> None:
    """Zeros at the end too, which NumPy's own type of bytes loses."""
    back = TRITON.decode(*answered(TRITON.encode({"x": array})))["x"]

    assert (array.shape, array.tolist()) == (back.shape, back.tolist())


def test_a_request_is_what_triton_reads() -> None:
    """Written by hand from the protocol."""
    encoded = TRITON.encode({"x": np.array([[1, 2]], np.int32), "s": np.array(["é", "b"])})

    header, data = parts(encoded)
    assert header == {
        "inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "INT32", "parameters": {"binary_data_size": 8}},
            {"name": "s", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 11}},
        ],
        "parameters": {"binary_data_output": True},
    }
    assert struct.pack("<2i", 1, 2) + b"\x02\0\0\0\xc3\xa9" + b"\x01\0\0\0b" == data


def test_outputs_and_parameters_are_asked_for() -> None:
    """Some of the outputs save bytes; a priority is one parameter that Triton knows."""
    header, _ = parts(TritonCodec(outputs=["y"], parameters={"priority": 1}).encode({"x": np.zeros(1)}))

    assert [{"name": "y", "parameters": {"binary_data": True}}] == header["outputs"]
    assert {"priority": 1} == header["parameters"]
    with pytest.raises(ConfigError, match=r"it takes names: outputs=\['y'\]"):
        TritonCodec(outputs="y")
    with pytest.raises(ConfigError, match="datatypes has 'FP8' for 'x'"):
        TritonCodec(datatypes={"x": "FP8"})


def test_bf16_is_rounded_to_the_nearest_and_comes_back_as_float32() -> None:
    """NumPy has no such type."""
    values = np.array([1.0, -2.5, 3.14159, np.inf, np.nan, 1 + 2**-8, 1 + 3 * 2**-8], np.float32)
    codec = TritonCodec(datatypes={"x": "BF16"})

    encoded = codec.encode({"x": values})
    back = codec.decode(*answered(encoded))["x"]

    assert "BF16" == parts(encoded)[0]["inputs"][0]["datatype"]
    assert np.float32 == back.dtype
    np.testing.assert_array_equal(np.array([1.0, -2.5, 3.140625, np.inf, np.nan, 1.0, 1.015625], np.float32), back)


def test_a_response_whose_data_is_json_is_read_too() -> None:
    """It is what Triton sends where the request did not ask for binary, flat or nested."""
    outputs = [
        {"name": "a", "datatype": "FP32", "shape": [2, 2], "data": [1, 2.5, 3, 4]},
        {"name": "b", "datatype": "INT64", "shape": [1, 2], "data": [[1, 2]]},
        {"name": "c", "datatype": "BYTES", "shape": [2], "data": ["é", ""]},
        {"name": "d", "datatype": "BOOL", "shape": [2], "data": [True, False]},
    ]
    decoded = TRITON.decode(json.dumps({"outputs": outputs}).encode(), "application/json")

    assert [[[1, 2.5], [3, 4]], [[1, 2]], ["é".encode(), b""], [True, False]] == [
        each.tolist() for each in decoded.values()
    ]
    assert ["<f4", "<i8", "|O", "|b1"] == [each.dtype.str for each in decoded.values()]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([np.zeros(1)], "the value is of type list; TritonCodec takes a dict of arrays"),
        (np.zeros(1), "the value is of type numpy.ndarray"),
        ({1: np.zeros(1)}, "the value has a key of type int; names of inputs are strings"),
        ({"x": [1, 2]}, '["x"] is of type list; TritonCodec takes arrays: np.asarray(...)'),
        ({"x": np.ma.array([1], mask=[True])}, "MaskedArray; TritonCodec takes arrays"),
        ({"x": np.zeros(1, complex)}, '["x"] is of dtype complex128, for which Triton has no type'),
        ({"x": np.zeros(1, "M8[s]")}, "for which Triton has no type"),
        ({"x": np.array([b"a", SECRET, {SECRET}], object)}, '["x"], element 2, is of type set'),
        ({"x": np.array(["\ud800"])}, '["x"], element 0, has half of a surrogate pair'),
    ],
)
def test_what_triton_has_no_type_for_is_refused(value: object, problem: str) -> None:
    """With the name of the input."""
    assert problem in refused(TRITON, value)


def test_a_datatype_that_does_not_fit_is_refused() -> None:
    """No silent conversion."""
    assert '["x"] is of dtype float64, but datatypes names BF16' in refused(
        TritonCodec(datatypes={"x": "BF16"}), {"x": np.zeros(1)}
    )


def tensor(**changes: object) -> dict[str, object]:
    return {"name": "x", "datatype": "INT32", "shape": [2], "parameters": {"binary_data_size": 8}} | changes


def sized(size: object) -> dict[str, object]:
    return {"parameters": {"binary_data_size": size}}


LONG = 10**30
HOSTILE: list[tuple[bytes, str, str]] = [
    (b"{}", f"{KIND};json-header-size=999", "json-header-size is 999"),
    (b"{s3cr3t", f"{KIND};json-header-size=7", "the header, the first 7 bytes, is not a JSON object"),
    (b"<html>", "text/html", "the header, the first 6 bytes, is not a JSON object"),
    (b"[" * 99_999, "text/html", "is not a JSON object"),
    (b"{}", f"{KIND};json-header-size=2", "the header has no list of outputs"),
    *(
        (*response(outputs, data), problem)
        for outputs, data, problem in [
            ({"x": 1}, b"", "the header has no list of outputs"),
            (["s3cr3t"], b"", "outputs[0] has no name, or that of another one"),
            ([tensor(name=7)], bytes(8), "outputs[0] has no name, or that of another one"),
            ([tensor(), tensor()], bytes(16), "outputs[1] has no name, or that of another one"),
            ([tensor(datatype="s3cr3t")], bytes(8), "outputs[0] has a datatype that is not one of Triton's"),
            ([tensor(datatype=[1])], bytes(8), "outputs[0] has a datatype that is not one of Triton's"),
            ([tensor(shape=None)], bytes(8), "outputs[0] has no shape"),
            ([tensor(shape=[-2])], bytes(8), "outputs[0] has no shape"),
            ([tensor(shape=[True])], bytes(8), "outputs[0] has no shape"),
            ([tensor(shape=[2.0])], bytes(8), "outputs[0] has no shape"),
            ([tensor(shape=[1] * 99)], bytes(8), "outputs[0] has no shape of at most 32 lengths"),
            ([tensor(shape=[LONG])], bytes(8), f"has 8 bytes, which are not {LONG} elements of INT32"),
            ([tensor(shape=[0, LONG], **sized(0))], b"", "has a shape that NumPy cannot hold"),
            ([tensor(shape=[3])], bytes(8), "has 8 bytes, which are not 3 elements of INT32"),
            ([tensor(**sized(9))], bytes(8), "has a binary_data_size that does not fit the body"),
            ([tensor(**sized(-8))], bytes(8), "has a binary_data_size that does not fit the body"),
            ([tensor(**sized("8"))], bytes(8), "has a binary_data_size that does not fit the body"),
            ([tensor(**sized(LONG))], bytes(8), "has a binary_data_size that does not fit the body"),
            ([tensor()], bytes(9), "1 bytes from byte"),
            ([tensor(datatype="BOOL", **sized(2))], b"\x01\x02", "has a BOOL that is neither 0 nor 1"),
            ([tensor(datatype="BYTES", shape=[LONG])], bytes(8), "has 8 bytes, too few for"),
            ([tensor(datatype="BYTES", shape=[1])], b"\xff" * 8, "ends inside element 0"),
            ([tensor(datatype="BYTES", shape=[1])], bytes(8), "has 4 bytes after its 1 elements"),
            ([tensor(datatype="BYTES", shape=[2])], b"\x01\0\0\0a\0\0\0", "ends inside element 1"),
            ([tensor(parameters=None)], b"", "outputs[0] has neither data nor a binary_data_size"),
            ([tensor(parameters=None, data=[1])], b"", "has 1 elements in its data, and 2 by its shape"),
            ([tensor(parameters=None, data=[1, "s3cr3t"])], b"", "has elements that are not of INT32"),
            ([tensor(parameters=None, data=[1, True])], b"", "has elements that are not of INT32"),
            ([tensor(parameters=None, data=[1, 1.5])], b"", "has elements that are not of INT32"),
            ([tensor(parameters=None, data=[1, 2**31])], b"", "has elements out of the range of INT32"),
            ([tensor(parameters=None, data=[1, -(2**31) - 1])], b"", "has elements out of the range of INT32"),
            (
                [tensor(parameters=None, data=[1, -1], datatype="UINT64")],
                b"",
                "has elements out of the range of UINT64",
            ),
            (
                [tensor(parameters=None, data=[1, 10**400], datatype="FP64")],
                b"",
                "has elements out of the range of FP64",
            ),
            ([tensor(parameters=None, data=[1, 2], datatype="BYTES")], b"", "has elements that are not text"),
        ]
    ),
]


@pytest.mark.parametrize(("body", "kind", "problem"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_response_is_an_error(body: bytes, kind: str, problem: str) -> None:
    """Sizes that contradict each other, or claim more than there is; nothing is allocated for them."""
    assert problem in unreadable(TRITON, body, kind)


@given(st.binary(), st.integers(0, 100))
def test_any_bytes_are_an_error(data: bytes, size: int) -> None:
    """And no other exception."""
    unreadable(TRITON, data, f"{KIND};json-header-size={size}")
