"""
Resolvers: from a region to the URL and the signing scope. They use botocore's data and do no I/O except reading one file.

Source: the service's endpoint rule set (botocore, ``sagemaker-runtime/2017-05-13/endpoint-rule-set-1.json``). botocore's
engine for such rules adds 48 ms to start-up; the tests compare the results with it for every region and switch.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from attr import Factory, field, frozen

from sagemaker_runtime.context import Key
from sagemaker_runtime.errors import ConfigError, EndpointError, EndpointNotFoundError
from sagemaker_runtime.operations.service import SAGEMAKER_RUNTIME, HostRules, Service
from sagemaker_runtime.url import BaseURL

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ENDPOINT",
    "AWSEndpointResolver",
    "DefaultEndpointResolver",
    "Endpoint",
    "EndpointResolver",
    "EndpointResolverFunc",
    "EndpointResolverOptions",
    "with_endpoint_resolver",
]

_HOST_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123, section 2.1


def _parse(endpoint: Endpoint) -> BaseURL:
    base = BaseURL.parse(endpoint.url)
    if base.query or "?" in endpoint.url:
        raise ConfigError(
            f"the endpoint {endpoint.url!r} has a query, which would be lost; remove everything from the '?' on"
        )
    return base


@frozen
class Endpoint:
    """
    Where to send a request, and for which scope to sign it.

    Raises:
        ConfigError: The URL is unusable, or has a query.
    """

    url: str
    """Scheme, host and, optionally, a path that is prepended to the operation's path."""

    signing_name: str | None = None
    """None for the service's name, ``"sagemaker"``."""

    signing_region: str | None = None
    """None for the client's region."""

    source: Literal["service metadata", "custom"] = "custom"
    """``"service metadata"`` for AWS's own URL, ``"custom"`` for any other."""

    base: BaseURL = field(init=False, repr=False, eq=False, default=Factory(_parse, takes_self=True))
    """The URL in parts."""


ENDPOINT = Key[Endpoint]("endpoint")
"""The endpoint that the request is sent to. Set by ResolveEndpoint."""


@frozen
class EndpointResolverOptions:
    """Switches of the client that a resolver should respect."""

    disable_https: bool = False
    """Use http. Only for tests, because others can then read the body."""

    use_fips_endpoint: bool = False
    """Use an endpoint with FIPS 140 validated cryptography."""

    use_dual_stack_endpoint: bool = False
    """Use an endpoint that supports IPv6 in addition to IPv4."""


class EndpointResolver(Protocol):
    """Finds the endpoint of SageMaker Runtime. Called once per call, so it must be fast and must not block."""

    def resolve_endpoint(self, region: str, options: EndpointResolverOptions) -> Endpoint:
        """
        Return the endpoint.

        Args:
            region: The client's region; empty if it has none.

            options: Switches of the client that the resolver should respect.

        Raises:
            EndpointNotFoundError: This resolver knows none, but a fallback may.
            EndpointError: There is none.
        """
        ...


class AWSEndpointResolver(Protocol):
    """Finds the endpoints of any AWS service, such as the resolver in a company's library."""

    def resolve_endpoint(self, service_id: str, region: str) -> Endpoint:
        """
        Return the endpoint of a service.

        Args:
            service_id: Here always ``"SageMaker Runtime"``.

            region: The client's region; empty if it has none.

        Raises:
            EndpointNotFoundError: This resolver knows none for the service, so the fallback is asked.
        """
        ...


class EndpointResolverFunc:
    """A function as a resolver: ``EndpointResolverFunc(lambda region, options: Endpoint("https://..."))``."""

    def __init__(self, fn: Callable[[str, EndpointResolverOptions], Endpoint]) -> None:
        self._fn = fn

    def resolve_endpoint(self, region: str, options: EndpointResolverOptions) -> Endpoint:
        """Return the result of the function."""
        return self._fn(region, options)


class _AWSResolverWithFallback:
    def __init__(self, aws_resolver: AWSEndpointResolver, fallback: EndpointResolver) -> None:
        self._aws_resolver = aws_resolver
        self._fallback = fallback

    def resolve_endpoint(self, region: str, options: EndpointResolverOptions) -> Endpoint:
        try:
            return self._aws_resolver.resolve_endpoint(SAGEMAKER_RUNTIME.id, region)
        except EndpointNotFoundError:
            return self._fallback.resolve_endpoint(region, options)


def with_endpoint_resolver(aws_resolver: AWSEndpointResolver, fallback_resolver: EndpointResolver) -> EndpointResolver:
    """
    A resolver that asks *aws_resolver* first, and *fallback_resolver* if that raises `EndpointNotFoundError`.

    Other errors are raised to the caller.

    Raises:
        ConfigError: One of the resolvers is None.
    """
    resolvers: dict[str, object] = {"aws_resolver": aws_resolver, "fallback_resolver": fallback_resolver}
    for name, resolver in resolvers.items():
        if resolver is None:
            raise ConfigError(
                f"with_endpoint_resolver: {name} is None; pass a resolver, such as DefaultEndpointResolver()"
            )
    return _AWSResolverWithFallback(aws_resolver, fallback_resolver)


@lru_cache(maxsize=256)
def _endpoint_at(url: str) -> Endpoint:
    return Endpoint(url)


class BaseEndpointResolver:
    """``Options.base_endpoint`` as a resolver: one URL for every region."""

    def __init__(self, url: str) -> None:
        self._endpoint = _endpoint_at(url)

    def resolve_endpoint(self, region: str, options: EndpointResolverOptions) -> Endpoint:  # noqa: ARG002 - see below
        """
        Return the endpoint of the URL, whatever the region.

        Raises:
            EndpointError: FIPS or dual stack is on, and nothing tells whether the URL supports it.
        """
        if options.use_fips_endpoint or options.use_dual_stack_endpoint:
            name = "FIPS" if options.use_fips_endpoint else "dual stack"
            raise EndpointError(
                f"base_endpoint and {name} exclude each other; use the URL of an endpoint with {name}, and turn {name} off"
            )
        return self._endpoint


def settled_resolver(resolver: EndpointResolver, base_endpoint: str | None, service: Service) -> EndpointResolver:
    """
    The resolver for calls of *service*: for *base_endpoint* if it is set, else *resolver*; if that is the default resolver,
    the one with the rules of the service.
    """
    if base_endpoint is not None:
        return BaseEndpointResolver(base_endpoint)
    return resolver.for_service(service) if isinstance(resolver, DefaultEndpointResolver) else resolver


class _Partition(NamedTuple):
    """A partition of AWS, such as ``aws`` or ``aws-cn``, with its own domain names."""

    id: str
    regions: frozenset[str]
    region_pattern: str
    dns_suffix: str
    dual_stack_dns_suffix: str
    supports_fips: bool
    supports_dual_stack: bool


def botocore_file(name: str) -> Path | None:
    """The path of a file that botocore ships; None if botocore is not installed."""
    from importlib.util import find_spec  # takes 1 ms, and is not needed with base_endpoint

    spec = find_spec("botocore")  # without importing it
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / name


@lru_cache(maxsize=1)
def _partitions() -> tuple[_Partition, ...]:
    path = botocore_file("data/partitions.json")
    if path is None:
        raise EndpointError("botocore is not installed, so no endpoint is known; install it or set base_endpoint")
    document = json.loads(path.read_bytes())
    return tuple(
        _Partition(
            id=partition["id"],
            regions=frozenset(partition["regions"]),
            region_pattern=partition["regionRegex"],
            dns_suffix=partition["outputs"]["dnsSuffix"],
            dual_stack_dns_suffix=partition["outputs"]["dualStackDnsSuffix"],
            supports_fips=partition["outputs"]["supportsFIPS"],
            supports_dual_stack=partition["outputs"]["supportsDualStack"],
        )
        for partition in document["partitions"]
    )


def _partition(region: str) -> _Partition:
    partitions = _partitions()
    for partition in partitions:
        if region in partition.regions:
            return partition
    for partition in partitions:
        if re.match(partition.region_pattern, region, re.ASCII):
            return partition
    raise EndpointNotFoundError(
        f"no SageMaker Runtime endpoint is known for region {region!r}. Check the spelling, upgrade botocore if the "
        "region is new, or set base_endpoint to skip the lookup."
    )


@lru_cache(maxsize=256)
def _default_endpoint(rules: HostRules, region: str, options: EndpointResolverOptions) -> Endpoint:
    if not region:
        raise EndpointError("no region: set Options.region, or AWS_REGION and use load_config()")
    if re.fullmatch(_HOST_LABEL, region) is None:
        raise EndpointError(f"region {region!r} cannot be part of a host name; a region looks like 'eu-west-1'")
    partition = _partition(region)
    fips, dual = options.use_fips_endpoint, options.use_dual_stack_endpoint
    if fips and not partition.supports_fips:
        raise EndpointError(f"partition {partition.id} has no FIPS endpoints; turn use_fips_endpoint off")
    if dual and not partition.supports_dual_stack:
        raise EndpointError(f"partition {partition.id} has no dual-stack endpoints; turn use_dual_stack_endpoint off")
    suffix = partition.dual_stack_dns_suffix if dual else partition.dns_suffix
    host = rules(partition.id, fips, dual).format(region=region, suffix=suffix)
    scheme = "http" if options.disable_https else "https"
    return Endpoint(f"{scheme}://{host}", signing_region=region, source="service metadata")


class DefaultEndpointResolver:
    """The endpoints that AWS documents for *service*, in every partition, with FIPS and dual stack."""

    _rules: HostRules = staticmethod(SAGEMAKER_RUNTIME.host)

    def __init__(self, service: Service = SAGEMAKER_RUNTIME) -> None:
        self._rules = service.host

    def for_service(self, service: Service) -> DefaultEndpointResolver:
        """Return this resolver if *service* is SageMaker Runtime itself, else one with the rules of *service*."""
        return self if service is SAGEMAKER_RUNTIME else DefaultEndpointResolver(service)

    def resolve_endpoint(self, region: str, options: EndpointResolverOptions) -> Endpoint:
        """
        Return the endpoint for *region*.

        Raises:
            EndpointNotFoundError: The installed botocore knows no partition with this region.
            EndpointError: There is no region, or it is not a valid name, or its partition does not support FIPS or dual
                stack.
        """
        return _default_endpoint(self._rules, region, options)
