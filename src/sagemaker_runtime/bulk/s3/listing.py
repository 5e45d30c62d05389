"""Lists what is in a bucket: objects, and unfinished uploads."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from attrs import frozen

from sagemaker_runtime import ConfigError, InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker_runtime.bulk.s3.calls import S3Calls

PAGE = 1_000  # keys per response, at most; S3's limit
_LOCATION = re.compile(r"s3://([^/]+)(?:/(.*))?", re.DOTALL)


@frozen
class Listed:
    """An object in a listing."""

    key: str
    size: int
    """The size in bytes."""

    etag: str
    """Without its quotes."""


def is_s3(place: str) -> bool:
    """Whether *place* is in S3."""
    return place.startswith("s3://")


def parse(location: str) -> tuple[str, str]:
    """
    The bucket of ``s3://bucket/anything``, and what follows it, which may be empty.

    Raises:
        ConfigError: It is not of that form.
    """
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise ConfigError(f"{location!r} is not a place in S3; write it like s3://bucket/prefix/")
    return match[1], match[2] or ""


def objects(calls: S3Calls, bucket: str, prefix: str) -> Iterator[Listed]:
    """The objects whose key begins with *prefix*, sorted by key. Raises as `S3Calls.call` does."""
    query = {"list-type": "2", "encoding-type": "url", "prefix": prefix, "max-keys": str(PAGE)}
    while True:
        page = calls.call("ListObjectsV2", "GET", bucket, query=query).body.decode(errors="replace")
        yield from _listed(page)
        token = _element(page, "NextContinuationToken")
        if _element(page, "IsTruncated") != "true" or token is None:
            return
        query["continuation-token"] = token


def find(calls: S3Calls, bucket: str, key: str) -> Listed | None:
    """
    One object, or None.

    This lists one key rather than making a HEAD request: S3 refuses a HEAD with nothing but a status, so expired credentials
    would look like a missing permission. Among all keys that begin with *key*, it comes first.
    """
    query = {"list-type": "2", "encoding-type": "url", "prefix": key, "max-keys": "1"}
    page = calls.call("ListObjectsV2", "GET", bucket, query=query).body.decode(errors="replace")
    return next((each for each in _listed(page) if each.key == key), None)


def unfinished_uploads(calls: S3Calls, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    """The key and the id of each multipart upload below a prefix that was started and not finished."""
    query = {"uploads": "", "encoding-type": "url", "prefix": prefix}
    while True:
        page = calls.call("ListMultipartUploads", "GET", bucket, query=query).body.decode(errors="replace")
        for block in re.findall("<Upload>(.*?)</Upload>", page, re.DOTALL):
            yield unquote_plus(_needed(block, "Key")), _needed(block, "UploadId")
        key, upload = _element(page, "NextKeyMarker"), _element(page, "NextUploadIdMarker")
        if _element(page, "IsTruncated") != "true" or key is None:
            return
        query |= {"key-marker": unquote_plus(key), "upload-id-marker": upload or ""}


def upload_id(document: bytes) -> str:
    """The id of a new upload, from the response to CreateMultipartUpload."""
    return _needed(document.decode(errors="replace"), "UploadId")


def _listed(page: str) -> Iterator[Listed]:
    for block in re.findall("<Contents>(.*?)</Contents>", page, re.DOTALL):
        size = _needed(block, "Size")
        if not size.isdecimal():
            raise InvalidResponseError(f"S3 lists an object whose size is {size[:20]!r}")
        yield Listed(unquote_plus(_needed(block, "Key")), int(size), _needed(block, "ETag").strip('"'))


def _element(document: str, name: str) -> str | None:
    """The text of an XML element, or None. No parser: nothing to expand, nothing to nest."""
    found = re.search(f"<{name}>([^<]*)</{name}>", document)
    return None if found is None else unescape(found[1])


def _needed(document: str, name: str) -> str:
    value = _element(document, name)
    if value is None:
        raise InvalidResponseError(f"a response of S3 has no {name}; whatever is at s3_endpoint_url is not S3")
    return value
