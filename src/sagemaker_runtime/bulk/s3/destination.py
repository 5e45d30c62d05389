"""`S3Destination`: publishes finished parts in S3, each atomically."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from sagemaker_runtime import ConfigError, ServiceError
from sagemaker_runtime.bulk.s3.calls import PATIENCE, S3Calls
from sagemaker_runtime.bulk.s3.listing import find, objects, parse, unfinished_uploads, upload_id
from sagemaker_runtime.bulk.s3.reading import open_object

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator
    from pathlib import Path

    from sagemaker_runtime import S3Client

PIECE = 8 * 2**20  # bytes per request, which are held in memory; S3 requires 5 MiB or more
MAX_PIECES = 10_000  # of an object; S3's limit
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".parquet": "application/vnd.apache.parquet",
}


class S3Destination:
    """
    A prefix in S3.

    A part of up to 8 MiB is one PUT; a larger one is a multipart upload, which becomes visible only at its end. An upload that
    fails is aborted. One that a killed run left behind is aborted when its part is put again.

    If two runs on two machines write to one prefix, nothing detects it: whoever puts a part last wins.

    Args:
        s3: Makes the requests: `Client.s3_client`.

        prefix: ``s3://bucket/prefix/``.

        encryption: Server-side encryption: ``"AES256"``, ``"aws:kms"`` or ``"aws:kms:dsse"``. None for the bucket's default.

        kms_key: ARN or id of the KMS key; implies ``"aws:kms"``. None for the account's key for S3.

        loop: The event loop of the client. None for the running one.

    Raises:
        ConfigError: The prefix is not in S3, or the encryption is invalid.
    """

    def __init__(
        self,
        s3: S3Client,
        prefix: str,
        *,
        encryption: str | None = None,
        kms_key: str | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> None:
        self._calls = S3Calls(s3, loop)
        self._bucket, key = parse(prefix)
        self._prefix = f"{key.rstrip('/')}/" if key.strip("/") else ""
        self._encryption = encryption_headers(encryption, kms_key)
        self._lock = Lock()
        self._left: dict[str, set[str]] | None = None  # the abandoned uploads by key; None until they have been listed

    @property
    def where(self) -> str:
        """The prefix, ``s3://bucket/prefix/``."""
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, path: Path, name: str) -> None:
        """
        Publish a local file as *name*, atomically and durably. The local file stays.

        Raises:
            ConfigError: There is no such bucket.
            ServiceError: S3 refused.
            TransportError: S3 could not be reached.
        """
        key = self._prefix + name
        self._abort_left(key)
        headers = dict(self._encryption)
        if (content_type := _TYPES.get(PurePosixPath(name).suffix)) is not None:
            headers["content-type"] = content_type
        with path.open("rb") as file:
            size = path.stat().st_size
            if size <= PIECE:
                self._calls.call("PutObject", "PUT", self._bucket, key, headers=headers, body=file.read())
                return
            try:
                self._put_in_pieces(key, file, size, headers)
            except ServiceError as error:
                if error.code != "NoSuchUpload":
                    raise
                # Another process aborted it, or it was completed and the response was lost. Either way it can be put again.
                self._put_in_pieces(key, file, size, headers)

    def copy(self, name: str, to: str) -> None:
        """Publish *name* under a second name. S3 makes the copy, of up to 5 GB."""
        headers = {**self._encryption, "x-amz-copy-source": quote(f"/{self._bucket}/{self._prefix}{name}")}
        self._calls.call("CopyObject", "PUT", self._bucket, self._prefix + to, headers=headers)

    def clear(self, folder: str) -> None:
        """Remove all objects below a folder."""
        for each in list(objects(self._calls, self._bucket, f"{self._prefix}{folder}/")):
            self._calls.call("DeleteObject", "DELETE", self._bucket, each.key)

    def remove(self, name: str) -> None:
        """Remove an object, if it exists."""
        self._calls.call("DeleteObject", "DELETE", self._bucket, self._prefix + name)

    def names(self) -> set[str]:
        """The names of all objects."""
        found = objects(self._calls, self._bucket, self._prefix)
        return {each.key.removeprefix(self._prefix) for each in found if not each.key.endswith("/")}

    def open(self, name: str) -> BinaryIO:
        """
        Open an object for reading. The caller closes it.

        Raises:
            ConfigError: It does not exist.
        """
        found = find(self._calls, self._bucket, self._prefix + name)
        if found is None:
            raise ConfigError(f"{self.where}{name} no longer exists")
        return open_object(self._calls, self._bucket, found)

    def _put_in_pieces(self, key: str, file: BinaryIO, size: int, headers: dict[str, str]) -> None:
        file.seek(0)
        begun = self._calls.call(
            "CreateMultipartUpload", "POST", self._bucket, key, query={"uploads": ""}, headers=headers
        )
        upload = upload_id(begun.body)
        try:
            tags = [self._put_piece(key, upload, number, piece) for number, piece in _pieces(file, size)]
            parts = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
                for number, tag in enumerate(tags, 1)
            )
            document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
            query = {"uploadId": upload}
            self._calls.call("CompleteMultipartUpload", "POST", self._bucket, key, query=query, body=document)
        except BaseException:
            with suppress(Exception):  # the first error is raised
                self._abort(key, upload, patience=0.0)
            raise

    def _put_piece(self, key: str, upload: str, number: int, piece: bytes) -> str:
        query = {"partNumber": str(number), "uploadId": upload}
        response = self._calls.call("UploadPart", "PUT", self._bucket, key, query=query, body=piece)
        return response.headers["etag"].replace('"', "&quot;")

    def _abort_left(self, key: str) -> None:
        """Abort the uploads of a key that a killed run has left. Those of the whole prefix are listed once, in one request."""
        with self._lock:
            if self._left is None:
                left: dict[str, set[str]] = {}
                for each, upload in unfinished_uploads(self._calls, self._bucket, self._prefix):
                    left.setdefault(each, set()).add(upload)
                self._left = left
            uploads = self._left.pop(key, set())
        for upload in uploads:
            self._abort(key, upload)

    def _abort(self, key: str, upload: str, *, patience: float = PATIENCE) -> None:
        query = {"uploadId": upload}
        try:
            self._calls.call("AbortMultipartUpload", "DELETE", self._bucket, key, query=query, patience=patience)
        except ServiceError as error:
            if error.code != "NoSuchUpload":
                raise


def encryption_headers(encryption: str | None, kms_key: str | None) -> dict[str, str]:
    """
    The headers that ask S3 to encrypt an object.

    Raises:
        ConfigError: There is no such encryption, or it takes no KMS key.
    """
    if kms_key is not None and encryption is None:
        encryption = "aws:kms"
    if encryption is None:
        return {}
    if encryption not in ENCRYPTIONS:
        raise ConfigError(f"encryption is {encryption!r}; it takes one of {', '.join(ENCRYPTIONS)}, or None")
    headers = {"x-amz-server-side-encryption": encryption}
    if kms_key is not None:
        if encryption == "AES256":
            raise ConfigError("kms_key and encryption='AES256' exclude each other; with AES256, S3 manages the keys")
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = kms_key
    return headers


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    length = max(PIECE, -(-size // MAX_PIECES))
    for number in range(1, -(-size // length) + 1):
        yield number, file.read(length)
