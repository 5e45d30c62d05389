"""`Prefetch`: fetches small objects before they are needed."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sagemaker_runtime import S3Response
    from sagemaker_runtime.bulk.places import InputFile
    from sagemaker_runtime.bulk.s3.calls import S3Calls

SMALL = 2**19  # bytes of an object that is fetched whole, at most
AHEAD = 12  # objects to fetch ahead; one after another, S3 delivers some 30 per second
_KEPT = 2 * AHEAD  # the most objects that wait to be read; several threads may read in several places


class Prefetch:
    """
    Fetches the objects that follow one, in the order in which they are read.

    Args:
        calls: Makes the requests.

        files: All files, in that order.
    """

    def __init__(self, calls: S3Calls, files: Sequence[InputFile]) -> None:
        self._calls = calls
        self._files = files
        self._numbers = {file.location: number for number, file in enumerate(files)}
        self._begun: dict[int, Future[S3Response]] = {}
        self._lock = Lock()

    def get(self, file: InputFile) -> bytes | None:
        """
        The content of a small object; None if it is large, or has changed since it was listed.

        Raises as `S3Calls.call` does.
        """
        number = self._numbers.get(file.location)
        if number is None or file.size > SMALL or self._files[number].identity != file.identity:
            return None
        with self._lock:
            begun = self._begun.pop(number, None) or self._begin(number)
            for following in range(number + 1, min(number + 1 + AHEAD, len(self._files))):
                if following not in self._begun and self._files[following].size <= SMALL:
                    self._begun[following] = self._begin(following)
            while len(self._begun) > _KEPT:
                self._begun.pop(next(iter(self._begun))).cancel()
        return self._calls.result(begun).body

    def _begin(self, number: int) -> Future[S3Response]:
        file = self._files[number]
        bucket, _, key = file.location.removeprefix("s3://").partition("/")
        headers = {"if-match": f'"{file.identity["etag"]}"'}
        return self._calls.begin(self._calls.call_async("GetObject", "GET", bucket, key, headers=headers))
