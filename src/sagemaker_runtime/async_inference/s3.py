"""
Reading objects from S3: as much of it as the wait for an asynchronous inference needs.

One GET and nothing else. It takes one round trip where HEAD and GET take two; there is no moment between the two at
which the object may change; and S3 responds to a HEAD without a body, so that a bucket that does not exist could not be
distinguished from an object that is not there yet, nor a wrong key from a missing permission. An object that is not
there yet costs some 300 bytes, and one of 1 GB is fetched once: when it is there, the wait is over.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote

from attr import define, field, frozen

from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.credentials import Credentials, CredentialsProvider, checked_credentials
from sagemaker_runtime.credentials.refusal import may_be_renewed, renewed
from sagemaker_runtime.dates import utc
from sagemaker_runtime.endpoints import DefaultEndpointResolver, Endpoint, EndpointResolverOptions
from sagemaker_runtime.error_responses import ERROR_BODY_KEPT
from sagemaker_runtime.errors import ConfigError, EndpointError, ServiceError
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.signing import SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.user_agent import user_agent
from sagemaker_runtime.version import __version__
from sagemaker_runtime.wire import Request, Timeout, read_error, read_whole

if TYPE_CHECKING:
    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.url import BaseURL

_S3_URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)
_HTTPS_URL = re.compile(r"https://(?:([^/]+)\.)?s3\.([a-z0-9-]+)\.([a-z0-9.-]+)/([^?#]+)", re.DOTALL)
_BUCKET = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]"
)  # the rules of before 2018, which still have buckets
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_MOVED = frozenset({301, 302, 307, 308, 400})  # statuses with which S3 sends a request to the bucket's own region
_NOTHING = sha256(b"").hexdigest()

REGIONS_KEPT = 256  # of buckets elsewhere; one that is forgotten costs a redirect more


@frozen
class S3Object:
    """An object, whole."""

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    content_type: str | None = None
    """MIME type it was stored with."""


class S3ObjectReader(Protocol):
    """Where `wait_for_output` looks: `S3Reader`, or an object of yours around the S3 client you have."""

    async def read(self, location: str) -> S3Object | None:
        """
        The object at *location*, or None if it is not there yet.

        Raises:
            ServiceError: S3 refused. With the code ``AccessDenied`` the object may be missing all the same.
            TransportError: The exchange broke off.
        """
        ...


@frozen
class S3Location:
    """What a location names."""

    bucket: str
    key: str
    """As S3 stores it: nothing is percent-encoded."""

    region: str | None = None
    """The bucket's, if the location names it; None for one that starts with ``s3://``."""

    @classmethod
    def parse(cls, location: str) -> S3Location:
        """
        Read ``s3://bucket/key``, ``https://bucket.s3.region.amazonaws.com/key`` or ``https://s3.region.amazonaws.com/bucket/key``.

        The key stands as it is in the first and percent-encoded in the others, whose host must be AWS's.

        Raises:
            ConfigError: It is none of these.
        """
        found = cls._parse(location)
        if found is None or _BUCKET.fullmatch(found.bucket) is None:
            raise ConfigError(  # without a query: a presigned URL's is as good as a password
                f"{str(location).partition('?')[0]!r} names no object in S3; write it like s3://bucket/key or "
                "https://bucket.s3.region.amazonaws.com/key"
            )
        return found

    @classmethod
    def _parse(cls, location: object) -> S3Location | None:
        if not isinstance(location, str):  # a member that is None, say
            return None
        try:
            location.encode()
            if (match := _S3_URI.fullmatch(location)) is not None:
                return cls(match[1], match[2])
            if (match := _HTTPS_URL.fullmatch(location)) is None or match[3] != _dns_suffix(match[2]):
                return None
            path = unquote(match[4], errors="strict")
        except (UnicodeError, EndpointError):
            return None
        bucket, key = (match[1], path) if match[1] else path.split("/", 1) if "/" in path else (path, "")
        return cls(bucket, key, match[2]) if key else None


@define(kw_only=True, eq=False)
class S3Reader:
    """
    Objects by GET, signed for the caller, from buckets in any region.

    Raises:
        ConfigError: The endpoint cannot be used.
    """

    http_client: HTTPClient
    """The transport; stays open."""

    credentials: CredentialsProvider = field(repr=False)
    """Asked before each request."""

    region: str
    """Where buckets are looked for first. That of a bucket elsewhere is learnt from S3's first response, and kept."""

    endpoint_url: str | None = None
    """A store of your own with S3's interface, or a VPC endpoint; the bucket then stands in the path. None for AWS's."""

    endpoint_options: EndpointResolverOptions = field(factory=EndpointResolverOptions)
    """Switches for AWS's endpoints: FIPS, dual stack, no https."""

    timeout: Timeout = field(factory=lambda: Timeout(read=20.0))
    """For each request; ``total`` is ignored. S3 responds at once, so 20 s of silence are a fault."""

    clock: Clock = field(factory=SystemClock)
    """Wall time for the signature."""

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
                    "endpoint_url and FIPS or dual stack exclude each other: whether the URL has them cannot be known"
                )

    async def read(self, location: str) -> S3Object | None:
        """
        The object at *location*, or None if S3 says that there is none.

        A bucket in another region is followed there once. Where S3 refuses the credentials and their provider has others by
        now, the object is asked for with those, once.

        Raises:
            ConfigError: The location names no object in S3.
            ServiceError: S3 refused; the code is S3's own, such as ``"NoSuchBucket"``, or the status in digits.
            CredentialsError: There are no credentials.
            TransportError: The exchange broke off.
        """
        where = S3Location.parse(location)
        credentials = checked_credentials(await self.credentials.retrieve())
        response = await self._get_anywhere(where, credentials)
        if response.status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            error = response.error(location)
            if may_be_renewed(error, credentials) and await renewed(self.credentials, credentials, error):
                response = await self._get_anywhere(where, checked_credentials(await self.credentials.retrieve()))
        if response.status == HTTPStatus.OK:
            return S3Object(response.body, response.headers.get("content-type"))
        error = response.error(location)
        if response.status == HTTPStatus.NOT_FOUND and error.code != "NoSuchBucket":
            return None
        raise error

    async def _get_anywhere(self, where: S3Location, credentials: Credentials) -> _S3Response:
        region = self._regions.get(where.bucket) or where.region or self.region
        response = await self._get(where, region, credentials)
        elsewhere = response.region()
        if elsewhere is not None and elsewhere != region:
            response = await self._get(where, elsewhere, credentials)
            if len(self._regions) >= REGIONS_KEPT:
                self._regions.clear()
            self._regions[where.bucket] = elsewhere
        return response

    async def _get(self, where: S3Location, region: str, credentials: Credentials) -> _S3Response:
        request = self._request(where, region)
        self._signer.sign_http(
            request,
            credentials=credentials,
            payload_hash=_NOTHING,
            service="s3",
            region=region,
            signing_time=utc(int(self.clock.now())),
        )
        # Not signed, because a proxy may change them and S3 does not ask for it.
        request.headers.raw.update(
            {
                "accept-encoding": "identity",
                "content-length": "0",
                "user-agent": user_agent(__version__, app_id=None, features=()),
            }
        )
        response = await self.http_client.send(request, timeout=self.timeout)
        try:
            read = read_whole if response.status == HTTPStatus.OK else read_error
            secrets = Secrets(request.headers, response.proxy_headers or {}, others=(credentials.secret_access_key,))
            return _S3Response(response.status, response.headers, await read(response.body), secrets)
        finally:
            response.close()

    def _request(self, where: S3Location, region: str) -> Request:
        path = f"/{quote(where.key, safe='/~')}"
        if self._base is not None:
            path = f"{self._base.path}/{where.bucket}{path}"
            return Request("GET", self._base.scheme, self._base.host, path)
        host = _host(region, self.endpoint_options)
        scheme = "http" if self.endpoint_options.disable_https else "https"
        if _HOST_LABEL.fullmatch(where.bucket) is None:  # a dot, and AWS's certificate does not fit
            return Request("GET", scheme, host, f"/{where.bucket}{path}")
        return Request("GET", scheme, f"{where.bucket}.{host}", path)


@frozen
class _S3Response:
    """What S3 sent, read whole."""

    status: int
    headers: Headers
    body: bytes
    secrets: Secrets

    def region(self) -> str | None:
        """The bucket's, if S3 sends the request there; None otherwise."""
        if self.status not in _MOVED:
            return None
        region = self.headers.get("x-amz-bucket-region") or self._element("Region")
        # It becomes part of a host name, so it had better be no more than a label.
        return region if region is not None and _HOST_LABEL.fullmatch(region) else None

    def error(self, location: str) -> ServiceError:
        """The error in it. Any response gives one, a proxy's page too."""
        code = self._element("Code", "[A-Za-z0-9.]{1,100}")
        message = self._element("Message") if code else None
        error = ServiceError(f"{message}: {location}" if message else location)
        error.code = code or str(self.status)
        error.operation = "GetObject"
        error.status = self.status
        error.request_id = self.headers.get("x-amz-request-id")
        if not code:  # S3's own body may hold the request as S3 read it, and the session token with it
            error.body = self.body[:ERROR_BODY_KEPT]
        self.secrets.redact_error(error)
        return error

    def _element(self, name: str, content: str = "[^<]+") -> str | None:
        """The text of an XML element; None where there is none. No parser: nothing to expand, nothing to nest."""
        text = self.body[:ERROR_BODY_KEPT].decode(errors="replace")
        found = re.search(f"<{name}>({content})</{name}>", text)
        if found is None:
            return None
        from html import unescape  # 2 ms, and few calls meet an error of S3's

        return " ".join(unescape(found[1]).split())


@lru_cache(maxsize=256)
def _dns_suffix(region: str) -> str:
    """What the hosts of the region's partition end with, ``amazonaws.com`` in most."""
    url = DefaultEndpointResolver().resolve_endpoint(region, EndpointResolverOptions()).url
    return url.partition(f".{region}.")[2]


@lru_cache(maxsize=256)
def _host(region: str, options: EndpointResolverOptions) -> str:
    """
    S3's host in a region.

    Source: S3's endpoint rule set (botocore, ``s3/2006-03-01/endpoint-rule-set-1.json``); the tests compare with it.
    """
    suffix = _dns_suffix(region)
    if options.use_fips_endpoint and suffix == "amazonaws.com.cn":
        raise EndpointError("S3 has no FIPS endpoints in China; turn use_fips_endpoint off")
    service = "s3-fips" if options.use_fips_endpoint else "s3"
    return ".".join([service, *(["dualstack"] if options.use_dual_stack_endpoint else []), region, suffix])
