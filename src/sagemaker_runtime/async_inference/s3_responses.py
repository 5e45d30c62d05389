"""`S3Response`: a response from S3."""

from __future__ import annotations

import re

from attr import field, frozen

from sagemaker_runtime.async_inference.s3_locations import HOST_LABEL
from sagemaker_runtime.error_responses import ERROR_BODY_KEPT
from sagemaker_runtime.errors import ServiceError
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.redaction import Secrets

_MOVED = frozenset({301, 302, 307, 308, 400})  # statuses with which S3 directs a request to the bucket's region


@frozen
class S3Response:
    """A complete response from S3: the result, or an error."""

    status: int
    """HTTP status."""

    headers: Headers
    """All headers of the response."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    """The whole body; of an error, XML."""

    _secrets: Secrets = field(repr=False)

    def region(self) -> str | None:
        """The region of the bucket, if S3 redirects the request there; otherwise None."""
        if self.status not in _MOVED:
            return None
        region = self.headers.get("x-amz-bucket-region") or self._element("Region")
        # It becomes part of a host name, so it must be a single label.
        return region if region is not None and HOST_LABEL.fullmatch(region) else None

    def error(self, location: str, operation: str = "GetObject") -> ServiceError:
        """
        The response as an error. Any response can be one, even the error page of a proxy.

        Args:
            location: The object that was requested, for the message: ``s3://bucket/key``.

            operation: The name of the operation in S3's API reference.
        """
        code = self._element("Code", "[A-Za-z0-9.]{1,100}")
        message = self._element("Message") if code else None
        error = ServiceError(f"{message}: {location}" if message else location)
        error.code = code or str(self.status)
        error.operation = operation
        error.status = self.status
        error.request_id = self.headers.get("x-amz-request-id")
        if not code:  # an error body of S3 may quote the request, with the session token
            error.body = self.body[:ERROR_BODY_KEPT]
        self._secrets.redact_error(error)
        return error

    def _element(self, name: str, content: str = "[^<]+") -> str | None:
        """The text of an XML element; None if it is missing. Without a parser, so that entities and nesting do no harm."""
        text = self.body[:ERROR_BODY_KEPT].decode(errors="replace")
        found = re.search(f"<{name}>({content})</{name}>", text)
        if found is None:
            return None
        from html import unescape  # 2 ms, and S3 errors are rare

        return " ".join(unescape(found[1]).split())
