"""Endpoints against the published cases, and against botocore's rule engine for every region it knows."""

from __future__ import annotations

import itertools

import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader
from conformance.conftest import cases, tally
from support import ScriptedHTTPClient, client, options

from sagemaker_runtime import (
    Client,
    DefaultEndpointResolver,
    EndpointError,
    EndpointNotFoundError,
    EndpointResolverOptions,
    InvokeEndpointInput,
    load_config,
    override,
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


def test_a_region_of_no_partition_is_refused_where_botocore_guesses():
    """Botocore takes a misspelt region for one of the first partition, and fails later, on a name without address."""
    guessed = ENGINE.resolve_endpoint(Region="moon-base-1", UseFIPS=False, UseDualStack=False).url

    assert guessed == "https://runtime.sagemaker.moon-base-1.amazonaws.com"
    with pytest.raises(EndpointNotFoundError, match="'moon-base-1'"):
        DefaultEndpointResolver().resolve_endpoint("moon-base-1", EndpointResolverOptions())


NOT_READ = "the URL of an endpoint is not read from the environment or the shared configuration file"
PRECEDENCE = cases(
    "endpoints/base-endpoint-precedence.json",
    lambda document: document["cases"],
    id=lambda case: case["id"].replace(" ", "-"),
    skip=lambda case: None if "client" in case else NOT_READ,
)


@pytest.mark.parametrize("case", PRECEDENCE)
async def test_the_url_given_to_the_client_wins_over_those_of_the_machine(case, monkeypatch, tmp_path):
    """Who names a URL in code means it; a variable left over in a shell must not send the request elsewhere."""
    lines = ["[default]", "services = local", f"endpoint_url = {case['config']['endpoint_url']}", "[services local]"]
    lines += ["sagemaker_runtime =", f"  endpoint_url = {case['config']['services.sagemaker_runtime.endpoint_url']}"]
    (tmp_path / "config").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in case["env"].items():
        monkeypatch.setenv(name, value)
    transport = ScriptedHTTPClient()
    given = override(http_client=transport, base_endpoint=case["client"], credentials=options().credentials)

    sdk = Client.from_config(await load_config(region="us-east-1"), given)
    await sdk.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))

    assert f"{case['expect']}/endpoints/iris/invocations" == transport.requests[0].url


async def test_without_a_url_for_the_client_the_resolver_finds_it():
    """Shows that the test above can fail: the URL there comes from the client's options and from nowhere else."""
    transport = ScriptedHTTPClient()

    await client(transport).invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))

    assert transport.requests[0].host == "runtime.sagemaker.us-east-1.amazonaws.com"


def test_only_the_precedence_of_what_is_not_read_is_skipped():
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert tally(RULES) == {"run": 47}
    assert tally(PRECEDENCE) == {"run": 1, NOT_READ: 6}
