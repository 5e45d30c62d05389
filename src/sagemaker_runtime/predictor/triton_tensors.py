"""
The tensors of Triton's HTTP protocol: their types, their bytes, and the header that names them.

Source: KServe's "Predict Protocol, Version 2", and Triton's "Binary Tensor Data Extension".
"""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.predictor.exceptions import EncodeError, UnreadableError
from sagemaker_runtime.predictor.kinds import is_dict, is_kind, is_sequence, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

DATATYPES: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BF16": "<u2",
    "BYTES": "O",
}
"""Triton's types, each with the NumPy type of its elements; for BF16, that of its bits."""

_BF16 = "bfloat16"  # what ml_dtypes calls its type
_LENGTH = struct.Struct("<I")
_MAX_DIMENSIONS = 32  # the limit of NumPy 1


def datatype_of(array: npt.NDArray[Any], name: str, wanted: str | None) -> str:
    """
    Triton's type for an array.

    Args:
        array: The array, or whatever the caller passed as one.

        name: The name of the input, for the error.

        wanted: The type that the caller asks for. None for that of the array.

    Raises:
        EncodeError: It is not an array, or Triton does not have its type.
    """
    import numpy as np

    place = f"[{json.dumps(name)}]"
    if not is_kind(array, np.ndarray) or is_kind(array, np.ma.MaskedArray):
        raise EncodeError(f"{place} is of type {name_of(array)}; TritonCodec takes arrays: np.asarray(...)")
    dtype: np.dtype[Any] = array.dtype
    if dtype.name == _BF16:
        found = "BF16"
    elif dtype.kind in "OSU":
        found = "BYTES"
    else:
        little = dtype.newbyteorder("<")
        found = next((each for each, code in DATATYPES.items() if np.dtype(code) == little and each != "BF16"), "")
    if not found:
        raise EncodeError(f"{place} is of dtype {dtype}, for which Triton has no type; use array.astype(...)")
    if wanted is None or wanted == found:
        return found
    if (wanted, found) == ("BF16", "FP32"):
        return wanted
    raise EncodeError(f"{place} is of dtype {dtype}, but datatypes names {wanted}; use array.astype(...)")


def tensor_bytes(array: npt.NDArray[Any], name: str, datatype: str) -> bytes:
    """
    The data of an array, in row-major order.

    Raises:
        EncodeError: An element of an array of objects is neither bytes nor text.
    """
    import numpy as np

    if datatype == "BYTES":
        return b"".join(_elements(array, name))
    if datatype == "BF16":
        if array.dtype.name == _BF16:  # as it is sent
            return np.ascontiguousarray(array).tobytes()
        return _to_bf16(array).tobytes()
    return array.astype(DATATYPES[datatype], copy=False).tobytes()


def _elements(array: npt.NDArray[Any], name: str) -> Iterator[bytes]:
    for index, element in enumerate(array.ravel().tolist()):
        place = f"[{json.dumps(name)}], element {index},"
        if isinstance(element, bytes):
            data = element
        elif isinstance(element, str):
            if any("\ud800" <= character <= "\udfff" for character in element):
                raise EncodeError(f"{place} has half of a surrogate pair, which is not Unicode text")
            data = element.encode()
        else:
            raise EncodeError(f"{place} is of type {name_of(element)}; elements of BYTES are bytes or str")
        yield _LENGTH.pack(len(data)) + data


def _to_bf16(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The upper halves of float32, rounded to the nearest, ties to even."""
    import numpy as np

    bits = np.ascontiguousarray(array, dtype="<f4").view("<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype("<u2")


def read_tensors(body: bytes, header_size: int | None) -> dict[str, npt.NDArray[Any]]:
    """
    The tensors of a response by name.

    Args:
        body: The response.

        header_size: The size in bytes of the JSON at its start; None if all of it is JSON.

    Raises:
        UnreadableError: It is not a response of Triton, or its sizes contradict each other.
    """
    size = len(body) if header_size is None else header_size
    if size > len(body):
        raise UnreadableError(f"json-header-size is {size}, which is more than that")
    header = _header(body[:size])
    outputs = header.get("outputs")
    if not is_sequence(outputs):
        raise UnreadableError("the header has no list of outputs")
    tensors: dict[str, npt.NDArray[Any]] = {}
    at = size
    for number, output in enumerate(outputs):
        where = f"outputs[{number}]"
        if not is_dict(output) or not isinstance(name := output.get("name"), str) or name in tensors:
            raise UnreadableError(f"{where} has no name, or that of another one")
        datatype, shape = output.get("datatype"), _shape(output.get("shape"), where)
        if not isinstance(datatype, str) or datatype not in DATATYPES:
            raise UnreadableError(f"{where} has a datatype that is not one of Triton's")
        parameters = output.get("parameters")
        length = parameters.get("binary_data_size") if is_dict(parameters) else None
        if length is None:
            tensors[name] = _from_json(output.get("data"), datatype, shape, where)
            continue
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= len(body) - at:
            raise UnreadableError(f"{where}, at byte {at}, has a binary_data_size that does not fit the body")
        tensors[name] = _from_binary(memoryview(body)[at : at + length], datatype, shape, f"{where}, at byte {at},")
        at += length
    if at != len(body):
        raise UnreadableError(f"{len(body) - at} bytes from byte {at} on belong to no output")
    return tensors


def _header(data: bytes) -> dict[object, object]:
    try:
        header: object = json.loads(data.decode())
    except (ValueError, RecursionError):
        header = None
    if not is_dict(header):
        raise UnreadableError(f"the header, the first {len(data)} bytes, is not a JSON object")
    return header


def _shape(shape: object, where: str) -> tuple[int, ...]:
    if is_sequence(shape) and len(shape) <= _MAX_DIMENSIONS:
        lengths = tuple(each for each in shape if isinstance(each, int) and not isinstance(each, bool) and each >= 0)
        if len(lengths) == len(shape):
            return lengths
    raise UnreadableError(f"{where} has no shape of at most {_MAX_DIMENSIONS} lengths")


def _from_binary(data: memoryview, datatype: str, shape: tuple[int, ...], where: str) -> npt.NDArray[Any]:
    import numpy as np

    count = math.prod(shape)
    if datatype == "BYTES":
        return _shaped(_objects(_split(data, count, where)), shape, where)
    dtype = np.dtype(DATATYPES[datatype])
    if len(data) != count * dtype.itemsize:
        raise UnreadableError(f"{where} has {len(data)} bytes, which are not {count} elements of {datatype}")
    array = np.frombuffer(data, dtype)
    if datatype == "BOOL" and bool((np.frombuffer(data, "u1") > 1).any()):
        raise UnreadableError(f"{where} has a BOOL that is neither 0 nor 1")
    if datatype == "BF16":
        array = (array.astype("<u4") << 16).view("<f4")
    return _shaped(array, shape, where)


def _split(data: memoryview, count: int, where: str) -> list[object]:
    """The elements of BYTES, each preceded by its length."""
    if count * _LENGTH.size > len(data):
        raise UnreadableError(f"{where} has {len(data)} bytes, too few for {count} elements of BYTES")
    elements: list[object] = []
    at = 0
    for index in range(count):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(data, at)[0] if start <= len(data) else len(data) + 1
        if end > len(data):
            raise UnreadableError(f"{where} ends inside element {index}")
        elements.append(bytes(data[start:end]))
        at = end
    if at != len(data):
        raise UnreadableError(f"{where} has {len(data) - at} bytes after its {count} elements")
    return elements


def _from_json(data: object, datatype: str, shape: tuple[int, ...], where: str) -> npt.NDArray[Any]:
    import numpy as np

    flat = _flat(data, where)
    if len(flat) != math.prod(shape):
        raise UnreadableError(f"{where} has {len(flat)} elements in its data, and {math.prod(shape)} by its shape")
    if datatype == "BYTES":
        if not all(isinstance(each, str) for each in flat):
            raise UnreadableError(f"{where} has elements that are not text")
        return _shaped(_objects([str(each).encode(errors="surrogatepass") for each in flat]), shape, where)
    dtype = np.dtype("<f4" if datatype == "BF16" else DATATYPES[datatype])
    wanted = int | float if dtype.kind == "f" else int  # a bool is an int too
    if not all(isinstance(each, wanted) and isinstance(each, bool) == (dtype.kind == "b") for each in flat):
        raise UnreadableError(f"{where} has elements that are not of {datatype}")
    in_range = True
    if dtype.kind in "iu":  # checked here, because NumPy 1 accepts a number that is out of range, and changes it
        limits = np.iinfo(dtype)
        in_range = all(limits.min <= number <= limits.max for number in flat if isinstance(number, int))
    with suppress(OverflowError):  # an integer that no float can hold
        if in_range:
            return _shaped(np.array(flat, dtype), shape, where)
    raise UnreadableError(f"{where} has elements out of the range of {datatype}")


def _flat(data: object, where: str) -> list[object]:
    """The elements of nested lists, which may be as deep as a shape may have dimensions."""
    if not is_sequence(data):
        raise UnreadableError(f"{where} has neither data nor a binary_data_size")
    flat = list(data)
    for _ in range(_MAX_DIMENSIONS):
        if not any(is_sequence(each) for each in flat):
            return flat
        flat = [inner for each in flat for inner in (each if is_sequence(each) else [each])]
    raise UnreadableError(f"{where} has data in lists that are nested too deeply")


def _objects(elements: list[Any]) -> npt.NDArray[Any]:
    import numpy as np

    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def _shaped(array: npt.NDArray[Any], shape: tuple[int, ...], where: str) -> npt.NDArray[Any]:
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):  # a length that is too large for NumPy, next to one of 0
        pass
    raise UnreadableError(f"{where} has a shape that NumPy cannot hold")
