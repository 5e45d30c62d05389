"""Endpoints against the published cases, and against botocore's rule engine for every region it knows."""

from __future__ import annotations

import itertools

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader
from conformance.conftest import cases, tally

from sagemaker_runtime import (
    DefaultEndpointResolver,
    EndpointError,
    EndpointNotFoundError,
    EndpointResolverOptions,
)
from sagemaker_runtime.endpoints import BaseEndpointResolver

RULES = cases(
    "endpoints/endpoint-tests-1.json",
    lambda document: document["testCases"],
    id=lambda case: case["documentation"].removeprefix("For ").replace(" ", "-"),
)
MEANINGS = {
    "Invalid Configuration: FIPS and custom endpoint are not supported": "base_endpoint and FIPS exclude each other",
    "Invalid Configuration: Dualstack and custom endpoint are not supported": "base_endpoint and dual stack exclude",
    "Invalid Configuration: Missing Region": "no region",
}


@pytest.mark.parametrize("case", RULES)
def test_the_rules_give_the_published_endpoint_or_an_error_of_the_same_meaning(case):
    """The published cases are what every AWS SDK is held to; only the words of the errors are our own."""
    params = case.get("params", {})
    switches = EndpointResolverOptions(
        use_fips_endpoint=params.get("UseFIPS", False), use_dual_stack_endpoint=params.get("UseDualStack", False)
    )
    resolver = BaseEndpointResolver(params["Endpoint"]) if "Endpoint" in params else DefaultEndpointResolver()
    region = params.get("Region", "")

    if "error" in case["expect"]:
        with pytest.raises(EndpointError, match=MEANINGS[case["expect"]["error"]]):
            resolver.resolve_endpoint(region, switches)
    else:
        assert case["expect"]["endpoint"]["url"] == resolver.resolve_endpoint(region, switches).url


LOADER = Loader()
PARTITIONS = LOADER.load_data("partitions")
REGIONS = sorted(region for partition in PARTITIONS["partitions"] for region in partition["regions"])
NOT_OPENED_YET = ["us-east-99", "eu-west-77", "cn-west-9", "us-gov-north-7", "us-iso-north-3", "eusc-de-south-5"]
ENGINE = EndpointProvider(LOADER.load_service_model("sagemaker-runtime", "endpoint-rule-set-1"), PARTITIONS)
SWITCHES = list(itertools.product([False, True], repeat=2))


@pytest.mark.parametrize(("fips", "dual_stack"), SWITCHES, ids=["plain", "dual", "fips", "fips-dual"])
@pytest.mark.parametrize("region", REGIONS + NOT_OPENED_YET)
def test_the_resolver_agrees_with_the_rule_engine_of_botocore(region, fips, dual_stack):
    """Our few rules stand in for the engine, so they must say the same for every region, opened yet or not."""
    switches = EndpointResolverOptions(use_fips_endpoint=fips, use_dual_stack_endpoint=dual_stack)
    try:
        expected = ENGINE.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
    except EndpointProviderError:
        expected = None

    if expected is None:
        with pytest.raises(EndpointError, match=r"has no (FIPS|dual-stack) endpoints"):
            DefaultEndpointResolver().resolve_endpoint(region, switches)
    else:
        endpoint = DefaultEndpointResolver().resolve_endpoint(region, switches)
        assert (expected, region) == (endpoint.url, endpoint.signing_region)


CUSTOM = "https://example.com/prefix"


@pytest.mark.parametrize(("fips", "dual_stack"), SWITCHES, ids=["plain", "dual", "fips", "fips-dual"])
@pytest.mark.parametrize("region", REGIONS + NOT_OPENED_YET)
def test_an_endpoint_of_ones_own_is_taken_or_refused_as_by_the_rule_engine(region, fips, dual_stack):
    """A partition's peculiarities must not reach it: neither a switch that is let through nor a changed URL."""
    switches = EndpointResolverOptions(use_fips_endpoint=fips, use_dual_stack_endpoint=dual_stack)
    try:
        expected = ENGINE.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack, Endpoint=CUSTOM).url
    except EndpointProviderError:
        expected = None

    if expected is None:
        with pytest.raises(EndpointError, match=r"base_endpoint and (FIPS|dual stack) exclude each other"):
            BaseEndpointResolver(CUSTOM).resolve_endpoint(region, switches)
    else:
        assert expected == BaseEndpointResolver(CUSTOM).resolve_endpoint(region, switches).url


def test_a_region_of_no_partition_is_refused_where_botocore_guesses():
    """Botocore takes a misspelt region for one of the first partition, and fails later, on a name without address."""
    guessed = ENGINE.resolve_endpoint(Region="moon-base-1", UseFIPS=False, UseDualStack=False).url

    assert guessed == "https://runtime.sagemaker.moon-base-1.amazonaws.com"
    with pytest.raises(EndpointNotFoundError, match="'moon-base-1'"):
        DefaultEndpointResolver().resolve_endpoint("moon-base-1", EndpointResolverOptions())


def test_every_case_of_the_rules_runs():
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert tally(RULES) == {"run": 47}
