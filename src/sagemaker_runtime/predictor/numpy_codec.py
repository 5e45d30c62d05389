"""`NumPyCodec`: NumPy arrays in ``.npy``; needs the extra ``sagemaker-runtime[numpy]``."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.extras import require
from sagemaker_runtime.predictor.exceptions import EncodeError, UnreadableError, decoded
from sagemaker_runtime.predictor.kinds import is_kind, name_of

if TYPE_CHECKING:
    import numpy.typing as npt

_MAX_HEAD = 10_000  # bytes of the header; NumPy's readers refuse a longer one


class NumPyCodec:
    """
    NumPy arrays in ``.npy``, ``application/x-npy``: data types and shapes are preserved.

    It accepts arrays of any shape and type except ``object``, whose elements are pickles: reading one runs the code in it.
    Arrays with elements of size 0, such as type ``"S0"``, are not accepted either, because a small body could claim any
    number of them.

    The array of a response shares the memory of the body, so it is read-only; ``.copy()`` returns a writable one.

    Raises:
        ConfigError: NumPy is not installed.
    """

    content_type = "application/x-npy"
    accept = "application/x-npy"
    stream_format = None  # not text

    def __init__(self) -> None:
        require("numpy", "numpy", type(self).__name__)

    def encode(self, value: npt.NDArray[Any], /) -> bytes:
        """
        The array as ``.npy``.

        Raises:
            EncodeError: The value is not an array, or of a type that readers refuse.
        """
        import numpy as np

        if not is_kind(value, np.ndarray) or is_kind(value, np.ma.MaskedArray):
            raise EncodeError(
                f"the value is of type {name_of(value)}; NumPyCodec takes an array: np.asarray(value), or "
                "value.filled(...) of a masked one"
            )
        if value.dtype.hasobject:
            raise EncodeError(
                "the array has objects as elements, which would be sent as pickles; give it another dtype"
            )
        if value.dtype.itemsize == 0:
            raise EncodeError("the array has elements of size 0, which readers refuse; give it another dtype")
        file = io.BytesIO()
        try:
            np.lib.format.write_array(file, value, version=(1, 0), allow_pickle=False)
        except ValueError:  # field names beyond Latin-1, or a header beyond 64 KiB
            fits = False
        else:
            fits = file.tell() - value.nbytes <= _MAX_HEAD
        if not fits:
            raise EncodeError(
                "the array's dtype has fields with names that NumPy's readers refuse: too many, or not Latin-1"
            )
        return file.getvalue()

    def decode(self, body: bytes, content_type: str | None, /) -> npt.NDArray[Any]:
        """
        The array in a response.

        Raises:
            DecodeError: The response is not ``.npy``, or contains an array that is not accepted.
        """
        return decoded(_read, body, content_type, self.content_type)


def _read(body: bytes) -> npt.NDArray[Any]:
    # Not np.load, which allocates whatever the header asks for, even petabytes, before it looks at the data.
    import numpy as np

    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        version = None
    if version not in ((1, 0), (2, 0)):
        raise UnreadableError("it does not begin like a .npy file of version 1 or 2")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    head = None
    with suppress(
        Exception
    ):  # NumPy parses the header as Python; a hostile one can raise anything, with a text that quotes it
        head = read_header(file)
    if head is None:
        raise UnreadableError("the header, from byte 8 on, does not describe an array")
    shape, fortran_order, dtype = head
    if dtype.hasobject:
        raise UnreadableError("it is an array of objects, which are pickles")
    if dtype.itemsize == 0:
        raise UnreadableError("it is an array with elements of size 0")
    start = file.tell()
    if min(shape, default=0) < 0:  # to NumPy, -1 would mean as many as there are
        raise UnreadableError("the shape has a negative length")
    try:
        array = np.ndarray(shape, dtype, body, start, order="F" if fortran_order else "C")
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.nbytes != len(body) - start:
        raise UnreadableError(
            f"the data from byte {start} on, {len(body) - start} bytes, is not as long as the header says"
        )
    return array
