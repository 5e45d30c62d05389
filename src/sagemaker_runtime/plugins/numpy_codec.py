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
    Arrays of any shape and type but ``object``: its elements are pickles, and reading one runs what is in it. Nor are
    elements of no size read, such as those of type ``"S0"``: no number of them would be too large for the answer.

    The array of an answer shares the memory of the body, so it is read-only; ``.copy()`` gives one to change.
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
        except Exception as error:  # noqa: BLE001 - what NumPy's parser of Python literals meets in a hostile head
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _read(body: bytes) -> npt.NDArray[Any]:
    # Not np.load, which sets aside what the head asks for, petabytes too, before it looks at what has come.
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
    if min(shape, default=0) < 0:  # -1 would be as many as there are
        raise ValueError(f"shape {shape}")
    array = np.ndarray(shape, dtype, body, file.tell(), order="F" if fortran_order else "C")
    if array.nbytes != len(body) - file.tell():
        raise ValueError("more bytes than the array has")
    return array
