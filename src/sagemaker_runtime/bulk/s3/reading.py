"""`S3File`: an object, read like a file."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from sagemaker_runtime import TruncatedResponseError

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from sagemaker_runtime.bulk.s3.calls import S3Calls
    from sagemaker_runtime.bulk.s3.listing import Listed

READ_AHEAD = 2 * 2**20  # bytes that a small read fetches: at 30 ms per request, some 50 MB/s
LARGEST_READ = 8 * 2**20  # bytes per request, at most
_PARTIAL = 206  # HTTP status


def open_object(calls: S3Calls, bucket: str, found: Listed) -> BinaryIO:
    """Open an object for reading from any position. All reads return the version that was found, or fail."""
    return io.BufferedReader(S3File(calls, bucket, found), READ_AHEAD)


class S3File(io.RawIOBase):
    """
    An object, read in ranges.

    Reading raises ConfigError if the object has been changed or removed since it was found.

    Args:
        calls: Makes the requests.

        bucket: The bucket.

        found: The object.
    """

    def __init__(self, calls: S3Calls, bucket: str, found: Listed) -> None:
        self._calls = calls
        self._bucket = bucket
        self._found = found
        self._position = 0

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set where the next read begins. Nothing is fetched."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._found.size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}, before the beginning")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        """The rest, in as few requests as possible; Python's default reads 8 KiB at a time."""
        data = bytearray(max(0, self._found.size - self._position))
        read = 0
        while read < len(data):
            read += self.readinto(memoryview(data)[read:])
        return bytes(data)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fetch as much as fits into the buffer, but at most 8 MiB; returns 0 at the end."""
        view = memoryview(buffer).cast("B")
        begin = self._position
        end = min(begin + min(len(view), LARGEST_READ), self._found.size)
        if end <= begin:
            return 0
        headers = {"range": f"bytes={begin}-{end - 1}", "if-match": f'"{self._found.etag}"'}
        response = self._calls.call("GetObject", "GET", self._bucket, self._found.key, headers=headers)
        data = response.body if response.status == _PARTIAL else response.body[begin:end]  # of a store without ranges
        if len(data) != end - begin:
            raise TruncatedResponseError(
                f"S3 returned {len(data)} bytes of s3://{self._bucket}/{self._found.key} instead of {end - begin}"
            )
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
