"""Resolvers: AWS's own endpoints, a company's, a function, one URL."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import botocore
import pytest
from botocore.endpoint_provider import EndpointProvider, EndpointResolutionError
from botocore.loaders import Loader

from sagemaker_runtime import (
    ConfigError,
    DefaultEndpointResolver,
    Endpoint,
    EndpointError,
    EndpointNotFoundError,
    EndpointResolverFunc,
    EndpointResolverOptions,
    with_endpoint_resolver,
)
from sagemaker_runtime.endpoints import BaseEndpointResolver, _partitions

PLAIN = EndpointResolverOptions()
DATA = Path(botocore.__file__).parent / "data"
PARTITIONS = json.loads((DATA / "partitions.json").read_text())
REGIONS = [region for partition in PARTITIONS["partitions"] for region in partition["regions"]]


@pytest.fixture(scope="module")
def oracle() -> EndpointProvider:
    """Botocore's rule engine over the service's own rules."""
    rules = Loader().load_service_model("sagemaker-runtime", "endpoint-rule-set-1")
    return EndpointProvider(rules, PARTITIONS)


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual", [False, True])
def test_every_region_and_switch_gives_what_the_services_rules_give(
    *, oracle: EndpointProvider, fips: bool, dual: bool
) -> None:
    """Ours is a few lines that save 48 ms; the published rules are the truth, refusals included."""
    options = EndpointResolverOptions(use_fips_endpoint=fips, use_dual_stack_endpoint=dual)
    assert len(REGIONS) > 30

    for region in [*REGIONS, "us-east-99", "cn-future-7", "us-gov-new-1"]:
        try:
            expected = oracle.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual).url
        except EndpointResolutionError:
            with pytest.raises(EndpointError):
                DefaultEndpointResolver().resolve_endpoint(region, options)
        else:
            endpoint = DefaultEndpointResolver().resolve_endpoint(region, options)
            assert (expected, region) == (endpoint.url, endpoint.signing_region)
            assert endpoint.source == "service metadata"


def test_http_is_used_only_when_asked_for() -> None:
    """For a test against a plain server; the rest of the name stays."""
    endpoint = DefaultEndpointResolver().resolve_endpoint("eu-west-1", EndpointResolverOptions(disable_https=True))

    assert endpoint.url == "http://runtime.sagemaker.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("region", ["us-wset", "mars-1", "global", "US-EAST-1"])
def test_an_unknown_region_is_not_found(region: str) -> None:
    """The advice names all three ways out; and `with_endpoint_resolver` can ask the next resolver."""
    with pytest.raises(EndpointNotFoundError, match=f"region '{region}'. Check the spelling, upgrade botocore .*base_"):
        DefaultEndpointResolver().resolve_endpoint(region, PLAIN)


@pytest.mark.parametrize("region", ["evil.example/", "a b", "-a", "a\n", "us-east-1.evil.example", "x" * 64])
def test_a_region_that_is_no_host_label_never_gets_into_a_host_name(region: str) -> None:
    """A region from a request of somebody else's could otherwise send signed calls to another host."""
    with pytest.raises(EndpointError, match="cannot be part of a host name"):
        DefaultEndpointResolver().resolve_endpoint(region, PLAIN)


def test_no_region_says_where_to_set_one() -> None:
    """It is the first error a new user meets."""
    with pytest.raises(EndpointError, match=r"no region: set Options\.region, or AWS_REGION and use load_config\(\)"):
        DefaultEndpointResolver().resolve_endpoint("", PLAIN)


@pytest.mark.parametrize(
    ("switches", "complaint"),
    [
        ({"use_fips_endpoint": True}, "no FIPS endpoints"),
        ({"use_dual_stack_endpoint": True}, "no dual-stack endpoints"),
    ],
)
def test_a_partition_without_what_is_asked_for_is_an_error(
    switches: dict[str, bool], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To fall back to a plain endpoint would break a promise of compliance in silence."""
    from sagemaker_runtime import endpoints

    bare = tuple(each._replace(supports_fips=False, supports_dual_stack=False) for each in _partitions())
    monkeypatch.setattr(endpoints, "_partitions", lambda: bare)
    endpoints._default_endpoint.cache_clear()

    with pytest.raises(EndpointError, match=complaint):
        DefaultEndpointResolver().resolve_endpoint("eu-west-1", EndpointResolverOptions(**switches))


def test_without_botocore_no_endpoint_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slimmed-down image may lack it; the message must say so, and base_endpoint still works."""
    from sagemaker_runtime import endpoints

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    endpoints._partitions.cache_clear()

    with pytest.raises(EndpointError, match="botocore is not installed"):
        DefaultEndpointResolver().resolve_endpoint("ap-south-1", PLAIN)


@pytest.fixture(autouse=True)
def forget() -> None:
    """What one test found out is not for the next."""
    from sagemaker_runtime import endpoints

    endpoints._default_endpoint.cache_clear()


@pytest.mark.parametrize("url", ["https://host/?a=1", "https://host?", "host", "https://user@host"])
def test_an_endpoint_that_cannot_be_sent_to_is_refused_when_it_is_made(url: str) -> None:
    """A query would be lost and a user name would clash with the signature."""
    with pytest.raises(ConfigError):
        Endpoint(url)
    with pytest.raises(ConfigError):
        BaseEndpointResolver(url).resolve_endpoint("", PLAIN)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (EndpointResolverOptions(use_fips_endpoint=True), "base_endpoint and FIPS exclude each other"),
        (EndpointResolverOptions(use_dual_stack_endpoint=True), "base_endpoint and dual stack exclude each other"),
    ],
)
def test_one_url_cannot_promise_fips_or_dual_stack(options: EndpointResolverOptions, complaint: str) -> None:
    """Nobody can know from a URL whether it has them."""
    with pytest.raises(EndpointError, match=complaint):
        BaseEndpointResolver("https://host").resolve_endpoint("eu-west-1", options)


def test_a_function_serves_as_a_resolver() -> None:
    """It gets the region and the switches, and what it returns is taken as it is."""
    resolver = EndpointResolverFunc(lambda region, options: Endpoint(f"https://{region}.example", "my-name"))

    assert resolver.resolve_endpoint("moon", PLAIN) == Endpoint("https://moon.example", "my-name")


class CompanyResolver:
    """Knows one region of any service; fails oddly in another."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def resolve_endpoint(self, service_id: str, region: str) -> Endpoint:
        self.asked.append((service_id, region))
        if region == "home":
            return Endpoint("https://home.example")
        if region == "broken":
            raise EndpointError("the directory is down")
        raise EndpointNotFoundError("not ours")


def test_the_fallback_is_asked_only_where_the_first_resolver_knows_nothing() -> None:
    """Any other failure counts; to go to AWS instead would leave the company's network."""
    company = CompanyResolver()
    resolver = with_endpoint_resolver(company, DefaultEndpointResolver())

    assert resolver.resolve_endpoint("home", PLAIN).url == "https://home.example"
    assert "eu-west-1" in resolver.resolve_endpoint("eu-west-1", PLAIN).url
    with pytest.raises(EndpointError, match="the directory is down"):
        resolver.resolve_endpoint("broken", PLAIN)
    assert company.asked[0] == ("SageMaker Runtime", "home")


@pytest.mark.parametrize("missing", ["aws_resolver", "fallback_resolver"])
def test_neither_resolver_may_be_missing(missing: str) -> None:
    """Found out where the mistake is, and not at the first call that falls through."""
    given: dict[str, object] = {"aws_resolver": CompanyResolver(), "fallback_resolver": DefaultEndpointResolver()}

    with pytest.raises(ConfigError, match=f"with_endpoint_resolver: {missing} is None"):
        with_endpoint_resolver(**{**given, missing: None})
