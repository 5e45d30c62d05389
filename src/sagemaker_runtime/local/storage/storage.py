"""
`Storage`: a folder that serves as S3. Each bucket is a folder in it, and each object a file at its key.

The files contain nothing but the objects, and a file that is put there by hand is an object too. The content types of objects
that were written are in the folder ``.types``, beside the buckets; no bucket can have that name.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

DEFAULT_TYPE = "binary/octet-stream"  # S3's, for an object that was stored without a type
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_KEY = 1024  # bytes; S3's
_MAX_NAME = 255  # bytes between two slashes; the limit of most file systems


class StorageError(Exception):
    """
    An error response of S3.

    Args:
        code: S3's error code.

        status: HTTP status.

        message: S3's message.

        elements: Other elements of its XML; None for none.
    """

    def __init__(self, code: str, status: int, message: str, elements: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.elements = elements or {}


@frozen
class StoredObject:
    """An object in the storage."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    content_type: str
    modified: float
    """Seconds since 1970."""

    @property
    def etag(self) -> str:
        """S3's ``ETag``: the body's MD5, in quotes."""
        return f'"{md5(self.body, usedforsecurity=False).hexdigest()}"'


def key_problem(key: str) -> str | None:
    """Why a key cannot be the path of a file in a bucket's folder; None if it can. S3 itself accepts nearly any key."""
    if len(key.encode(errors="replace")) > _MAX_KEY:
        return f"it is longer than {_MAX_KEY} bytes"
    for name in key.split("/"):
        if name in ("", ".", ".."):
            return f"it has {name!r} between two slashes, or at an end"
        if "\\" in name or not name.isprintable():  # lone surrogates, NUL; a backslash is a slash on some systems
            return "it has a character that is not allowed in file names everywhere"
        if len(name.encode()) > _MAX_NAME:
            return f"it has more than {_MAX_NAME} bytes between two slashes"
    return None


class Storage:
    """
    Objects in a folder.

    All files are read and written in one thread, one after the other, so an object and its type change together. It is not
    one of asyncio's own threads, because models that never end may occupy all of them.

    Args:
        folder: The folder, created if necessary. None for a temporary one, which `stop` removes.

        bucket: A bucket that exists from the start.
    """

    def __init__(self, folder: Path | None, *, bucket: str) -> None:
        self.bucket = bucket
        self._folder = folder
        self._remove: Callable[[], object] | None = None
        self._root = Path()
        self._thread: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """
        Create the folder and its bucket, and start the thread.

        Raises:
            ConfigError: The folder that was given cannot be used.
        """
        folder = self._folder
        if folder is None:
            folder, self._remove = temporary_folder(self)
        try:
            (folder / self.bucket).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the folder {str(folder)!r} cannot be used: {error.strerror}") from error
        self._root = folder.resolve()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-storage")

    async def stop(self) -> None:
        """Finish the current write, and remove the folder if it is a temporary one."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(cancel_futures=True)
        remove, self._remove = self._remove, None
        if remove is not None:
            remove()

    async def read(self, bucket: str, key: str) -> StoredObject:
        """
        Read an object.

        Raises:
            StorageError: There is no such bucket or object, a name is invalid, or the file cannot be read.
        """
        return await self._in_thread(lambda: self._read(bucket, key))

    async def write(self, bucket: str, key: str, body: bytes, content_type: str | None = None) -> StoredObject:
        """
        Write an object atomically.

        Raises:
            StorageError: There is no such bucket, the key cannot be the path of a file, or the file cannot be written.
        """
        return await self._in_thread(lambda: self._write(bucket, key, body, content_type or DEFAULT_TYPE))

    async def create_bucket(self, bucket: str) -> None:
        """
        Create a bucket, if it does not exist.

        Raises:
            StorageError: The name is invalid.
        """
        await self._in_thread(lambda: self._path("", bucket).mkdir(exist_ok=True))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StorageError("ServiceUnavailable", 503, "The storage has been stopped.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:  # most likely, one key is a folder in the path of another
            raise _invalid_key(f"the file system says: {error.strerror}") from error

    def _read(self, bucket: str, key: str) -> StoredObject:
        path = self._object(bucket, key)
        if not path.is_file():
            raise StorageError("NoSuchKey", 404, "The specified key does not exist.", {"Key": key})
        type_path = self._path(".types", bucket, key)
        if type_path.is_file():
            content_type = type_path.read_text(errors="replace")
        else:
            content_type = mimetypes.guess_type(key)[0] or DEFAULT_TYPE
        if not (content_type.isascii() and content_type.isprintable()):  # no header could carry it
            content_type = DEFAULT_TYPE
        return StoredObject(path.read_bytes(), content_type, path.stat().st_mtime)

    def _write(self, bucket: str, key: str, body: bytes, content_type: str) -> StoredObject:
        path = self._object(bucket, key)
        partial = self._root / f".partial-{secrets.token_hex(8)}"
        try:
            # The object first: if it cannot be written, no type must remain that would block the type of another object.
            for target, content in (
                (path, body),
                (self._path(".types", bucket, key), content_type.encode(errors="replace")),
            ):
                partial.write_bytes(content)
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return StoredObject(body, content_type, path.stat().st_mtime)

    def _object(self, bucket: str, key: str) -> Path:
        if not self._path("", bucket).is_dir():
            message = "The specified bucket does not exist"
            raise StorageError("NoSuchBucket", 404, message, {"BucketName": bucket})
        problem = key_problem(key)
        if problem is not None:
            raise _invalid_key(problem)
        return self._path("", bucket, key)

    def _path(self, beside: str, bucket: str, key: str = "") -> Path:
        """A path in the folder, even after its links are followed. The key has been checked."""
        if _BUCKET.fullmatch(bucket) is None or ".." in bucket:
            raise StorageError("InvalidBucketName", 400, "The specified bucket is not valid.", {"BucketName": bucket})
        path = self._root / beside / bucket / key
        real = Path(os.path.realpath(path))  # unlike Path.resolve, it accepts circular links
        if not real.is_relative_to(self._root):
            raise StorageError("AccessDenied", 403, "Access Denied")
        return path


def _invalid_key(problem: str) -> StorageError:
    return StorageError(
        "InvalidURI", 400, f"Couldn't parse the specified URI: here, a key is the path of a file, and {problem}."
    )
