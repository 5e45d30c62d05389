"""Locations in S3: bucket and key, and the host of a region."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from attr import frozen

from sagemaker_runtime.endpoints import DefaultEndpointResolver, EndpointResolverOptions
from sagemaker_runtime.errors import ConfigError, EndpointError

if TYPE_CHECKING:
    from typing import Self

_S3_URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)
_HTTPS_URL = re.compile(r"https://(?:([^/]+)\.)?s3\.([a-z0-9-]+)\.([a-z0-9.-]+)/([^?#]+)", re.DOTALL)
BUCKET = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]"
)  # the rules before 2018, which old buckets still follow
HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


@frozen
class S3Location:
    """The location of an object in S3."""

    bucket: str
    key: str
    """The key, not percent-encoded."""

    region: str | None = None
    """The region of the bucket, if the location contains it; None for one that starts with ``s3://``."""

    @classmethod
    def parse(cls, location: str) -> Self:
        """
        Parse a location: ``s3://bucket/key``, or ``https://bucket.s3.region.amazonaws.com/key``, or
        ``https://s3.region.amazonaws.com/bucket/key``.

        The key is percent-encoded in the https URLs, whose host must be AWS's, but not in the s3 URI.

        Raises:
            ConfigError: It is none of these.
        """
        found = cls._parse(location)
        if found is None or BUCKET.fullmatch(found.bucket) is None:
            raise ConfigError(  # without the query, which in a presigned URL is as secret as a password
                f"{str(location).partition('?')[0]!r} names no object in S3; write it like s3://bucket/key or "
                "https://bucket.s3.region.amazonaws.com/key"
            )
        return found

    @classmethod
    def _parse(cls, location: object) -> Self | None:
        if not isinstance(location, str):  # for example a member that is None
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


@lru_cache(maxsize=256)
def _dns_suffix(region: str) -> str:
    """The domain of the region's partition, usually ``amazonaws.com``."""
    url = DefaultEndpointResolver().resolve_endpoint(region, EndpointResolverOptions()).url
    return url.partition(f".{region}.")[2]


@lru_cache(maxsize=256)
def host_of(region: str, options: EndpointResolverOptions) -> str:
    """
    S3's host in a region.

    Source: S3's endpoint rule set (botocore, ``s3/2006-03-01/endpoint-rule-set-1.json``); the tests compare with it.
    """
    suffix = _dns_suffix(region)
    if options.use_fips_endpoint and suffix == "amazonaws.com.cn":
        raise EndpointError("S3 has no FIPS endpoints in China; turn use_fips_endpoint off")
    service = "s3-fips" if options.use_fips_endpoint else "s3"
    return ".".join([service, *(["dualstack"] if options.use_dual_stack_endpoint else []), region, suffix])
