"""NumPy arrays in ``.npy`` in place of bytes; needs the extra ``sagemaker-runtime[numpy]``."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from sagemaker_runtime.plugins.codecs import BodyCodec

__all__ = ["NumPyCodec"]


class NumPyCodec(BodyCodec[npt.NDArray[Any], npt.NDArray[Any]]):
    """
    Arrays of any shape and type but ``object``, whose elements are pickles: reading one runs the code in it. Arrays with
    elements of no size, such as type ``"S0"``, are not read either: a small body could claim any number of them.

    The array of a response shares the memory of the body, so it is read-only; ``.copy()`` returns a writable one.
    """

    id = "NumPyCodec"
    content_type = "application/x-npy"

    def encode(self, value: npt.NDArray[Any]) -> bytes:
        file = io.BytesIO()
        np.save(file, value, allow_pickle=False)
        return file.getvalue()

    def decode(self, body: bytes) -> npt.NDArray[Any]:
        try:
            return _read(body)
        except Exception as error:  # noqa: BLE001 - NumPy parses the head as Python; a hostile one can raise anything
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _read(body: bytes) -> npt.NDArray[Any]:
    # Not np.load, which allocates whatever the head asks for, petabytes too, before it looks at the data.
    file = io.BytesIO(body)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    if dtype.itemsize == 0:
        raise ValueError("elements of no size")
    if min(shape, default=0) < 0:  # NumPy would take -1 for as many as there are
        raise ValueError(f"shape {shape}")
    array = np.ndarray(shape, dtype, body, file.tell(), order="F" if fortran_order else "C")
    if array.nbytes != len(body) - file.tell():
        raise ValueError("more bytes than the array has")
    return array
