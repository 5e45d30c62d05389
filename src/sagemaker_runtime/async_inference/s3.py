"""
`S3Client`: requests to S3, and the reader for results of asynchronous inferences.

An object is read with one GET, without a HEAD before it. That takes one round trip instead of two, the object cannot change
in between, and unlike a HEAD, a failed GET has a body that tells a missing bucket from a missing object, and a wrong key
from a missing permission. Polling for a missing object costs some 300 bytes, and an object of 1 GB is fetched only once,
because it ends the wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from attr import define, field, frozen

from sagemaker_runtime.async_inference.s3_locations import BUCKET, HOST_LABEL, S3Location, host_of
from sagemaker_runtime.async_inference.s3_responses import S3Response
from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.credentials import Credentials, CredentialsProvider, checked_credentials
from sagemaker_runtime.credentials.refusal import may_be_renewed, renewed
from sagemaker_runtime.dates import utc
from sagemaker_runtime.endpoints import Endpoint, EndpointResolverOptions
from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.middleware.build import payload_hash
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.signing import SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.user_agent import user_agent
from sagemaker_runtime.version import __version__
from sagemaker_runtime.wire import SUCCESS, Request, Timeout, read_error, read_whole

if TYPE_CHECKING:
    from sagemaker_runtime.url import BaseURL

REGIONS_KEPT = 256  # cached regions of buckets; one that is not cached costs one more redirect


@frozen
class S3Object:
    """An object in S3."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    """The content."""

    content_type: str | None = None
    """The MIME type that it was stored with; None without one."""


class S3ObjectReader(Protocol):
    """Reads objects for `Client.wait_for_output`: `S3Client`, or your own wrapper around another S3 client."""

    async def read(self, location: str) -> S3Object | None:
        """
        Return the object at *location*, such as ``s3://bucket/key``, or None if it does not exist yet.

        Raises:
            ServiceError: S3 refused the request. With the code ``AccessDenied``, the object may merely be missing.
            TransportError: The HTTP exchange failed.
        """
        ...


@define(kw_only=True, eq=False)
class S3Client:
    """
    Sends signed requests to S3, to buckets in any region. `Client.s3_client` creates one.

    Raises:
        ConfigError: The endpoint is unusable.
    """

    http_client: HTTPClient
    """The transport; it stays open."""

    credentials: CredentialsProvider = field(repr=False)
    """Called before each request."""

    region: str
    """The region to which requests are sent first. If a bucket is elsewhere, S3's response says where."""

    endpoint_url: str | None = None
    """The URL of a VPC endpoint, or of a store with S3's API; the bucket is then part of the path. None for AWS's."""

    endpoint_options: EndpointResolverOptions = field(factory=EndpointResolverOptions)
    """Switches for AWS's endpoints: FIPS, dual stack, http instead of https."""

    timeout: Timeout = field(factory=lambda: Timeout(read=20.0))
    """The time limits of each request; ``total`` is ignored. S3 responds quickly, so 20 s without a byte are a failure."""

    clock: Clock = field(factory=SystemClock)
    """The source of time for signatures."""

    _base: BaseURL | None = field(init=False, repr=False, default=None)
    _regions: dict[str, str] = field(init=False, repr=False, factory=dict[str, str])
    _signer: SigV4Signer = field(
        init=False,
        repr=False,
        factory=lambda: SigV4Signer(double_encode_path=False, normalize_path=False, content_sha256_header=True),
    )

    def __attrs_post_init__(self) -> None:
        if self.endpoint_url is not None:
            self._base = Endpoint(self.endpoint_url).base
            if self.endpoint_options.use_fips_endpoint or self.endpoint_options.use_dual_stack_endpoint:
                raise ConfigError(
                    "endpoint_url and FIPS or dual stack exclude each other; use the URL of such an endpoint, and turn them "
                    "off"
                )

    async def read(self, location: str) -> S3Object | None:
        """
        Return the object at *location*, or None if S3 says that it does not exist.

        If the bucket is in another region, the request is repeated there, once. If S3 refuses the credentials and their
        provider has new ones, the request is repeated with those, once.

        Raises:
            ConfigError: The location is not that of an object in S3.
            ServiceError: S3 refused the request; the code is S3's own, such as ``"NoSuchBucket"``, or the status in digits.
            CredentialsError: There are no credentials.
            TransportError: The HTTP exchange failed.
        """
        response = await self._send("GET", S3Location.parse(location), "", {}, b"")
        if response.status == HTTPStatus.OK:
            return S3Object(response.body, response.headers.get("content-type"))
        error = response.error(location)
        if response.status == HTTPStatus.NOT_FOUND and error.code != "NoSuchBucket":
            return None
        raise error

    async def send(
        self,
        method: str,
        bucket: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> S3Response:
        """
        Send any request and return S3's response, even if S3 refuses: ``response.error(...)`` turns it into an exception.

        Regions and renewed credentials are handled as in `read`. Nothing else is retried.

        Args:
            method: The HTTP method. A refused ``HEAD`` has no body, so it is not repeated with new credentials, and in
                another region only if a header names it.

            bucket: The name of the bucket.

            key: The key, not percent-encoded. Empty for the bucket itself.

            query: Parameters, not percent-encoded.

            headers: Additional headers, which are signed.

            body: The body, which is signed.

        Raises:
            ConfigError: The name of the bucket is invalid.
            InvalidHeaderError: A header cannot be sent.
            CredentialsError: There are no credentials.
            TransportError: The HTTP exchange failed.
        """
        if BUCKET.fullmatch(bucket) is None:
            raise ConfigError(f"{bucket!r} is not a valid name of an S3 bucket; write a location like s3://bucket/key")
        encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in (query or {}).items())
        return await self._send(method, S3Location(bucket, key), encoded, headers or {}, body)

    async def _send(
        self, method: str, where: S3Location, query: str, headers: Mapping[str, str], body: bytes
    ) -> S3Response:
        hashed = await payload_hash(body)

        async def anywhere(credentials: Credentials) -> S3Response:
            region = self._regions.get(where.bucket) or where.region or self.region
            request = self._request(method, where, region, query, headers, body)
            response = await self._exchange(request, hashed, region, credentials)
            elsewhere = response.region()
            if elsewhere is not None and elsewhere != region:
                request = self._request(method, where, elsewhere, query, headers, body)
                response = await self._exchange(request, hashed, elsewhere, credentials)
                if len(self._regions) >= REGIONS_KEPT:
                    self._regions.clear()
                self._regions[where.bucket] = elsewhere
            return response

        credentials = checked_credentials(await self.credentials.retrieve())
        response = await anywhere(credentials)
        if response.status not in SUCCESS and response.status != HTTPStatus.NOT_FOUND:
            error = response.error(where.bucket)
            if may_be_renewed(error, credentials) and await renewed(self.credentials, credentials, error):
                return await anywhere(checked_credentials(await self.credentials.retrieve()))
        return response

    async def _exchange(self, request: Request, hashed: str, region: str, credentials: Credentials) -> S3Response:
        self._signer.sign_http(
            request,
            credentials=credentials,
            payload_hash=hashed,
            service="s3",
            region=region,
            signing_time=utc(int(self.clock.now())),
        )
        # Not signed, because a proxy may change them, and S3 does not require it.
        request.headers.raw.update(
            {
                "accept-encoding": "identity",
                "content-length": str(len(request.body)),
                "user-agent": user_agent(__version__, app_id=None, features=()),
            }
        )
        response = await self.http_client.send(request, timeout=self.timeout)
        try:
            read = read_whole if response.status in SUCCESS else read_error
            secrets = Secrets(request.headers, response.proxy_headers or {}, others=(credentials.secret_access_key,))
            return S3Response(response.status, response.headers, await read(response.body), secrets)
        finally:
            response.close()

    def _request(
        self, method: str, where: S3Location, region: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Request:
        path = f"/{quote(where.key, safe='/~')}"
        if self._base is not None:
            scheme, host = self._base.scheme, self._base.host
            path = f"{self._base.path}/{where.bucket}{path}"
        else:
            host = host_of(region, self.endpoint_options)
            scheme = "http" if self.endpoint_options.disable_https else "https"
            if HOST_LABEL.fullmatch(where.bucket) is None:  # AWS's certificate does not cover, for example, a dot
                path = f"/{where.bucket}{path}"
            else:
                host = f"{where.bucket}.{host}"
        return Request(method, scheme, host, path, query, Headers(headers), body)
