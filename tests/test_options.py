"""Options, and the functions that change them."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys

import attrs
import pytest
from support import ManualClock, ScriptedHTTPClient, answer, client, facts

from sagemaker_runtime import (
    AdaptiveRetryer,
    BotocoreCredentialsProvider,
    ClientLogMode,
    ConfigError,
    DefaultEndpointResolver,
    EndpointError,
    EndpointResolverOptions,
    HTTP2Client,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    NopRetryer,
    Options,
    Retryer,
    SigV4Signer,
    Stack,
    StandardRetryer,
    StaticCredentialsProvider,
    Timeout,
    override,
    with_api_options,
)
from sagemaker_runtime.overrides import changed_by
from sagemaker_runtime.retry import RETRYER


def first(stack: Stack) -> None:
    """An API option."""


def second(stack: Stack) -> None:
    """Another one."""


# One value for each option, other than its default. A new option without a line here fails the tests below.
VALUES: dict[str, object] = {
    "api_options": [first],
    "client_log_mode": ClientLogMode.RETRIES,
    "credentials": BotocoreCredentialsProvider(profile="work"),
    "endpoint_options": EndpointResolverOptions(use_fips_endpoint=True),
    "endpoint_resolver": DefaultEndpointResolver(),
    "base_endpoint": "http://localhost:8080",
    "duplex_base_endpoint": "http://localhost:8443",
    "duplex_http_client": HTTP2Client(proxies={}),
    "replay_buffer": 0,
    "s3_endpoint_url": "http://localhost:9000",
    "http_signer_v4": SigV4Signer(content_sha256_header=True),
    "logger": logging.getLogger("mine"),
    "region": "eu-west-1",
    "retryer": NopRetryer(),
    "retry_mode": "adaptive",
    "retry_max_attempts": 7,
    "http_client": ScriptedHTTPClient(),
    "timeout": Timeout(total=5),
    "app_id": "shop",
    "disable_clock_skew_correction": True,
    "clock": ManualClock(),
}


@pytest.mark.parametrize("name", attrs.fields_dict(Options))
def test_every_option_can_be_given_overridden_and_copied(name: str) -> None:
    """An option that only the constructor knows would be ignored in silence for a call."""
    value = VALUES[name]
    overridden = Options()

    override(**{name: value})(overridden)

    assert value == getattr(overridden, name)
    assert value == getattr(Options(**{name: value}), name)
    assert value == getattr(overridden.copy(), name)
    assert value != getattr(Options(), name) or name == "endpoint_resolver"


def test_a_copy_has_a_list_of_api_options_of_its_own() -> None:
    """A call that appends an API option must not append it to the client's."""
    options = Options(api_options=[first])

    copy = options.copy()
    copy.api_options.append(second)
    copy.region = "eu-west-1"

    assert options.api_options == [first]
    assert options.region is None


def test_with_api_options_appends_and_override_replaces() -> None:
    """Appending is what a call means nearly always, so it has a name of its own."""
    options = Options(api_options=[first])

    with_api_options(second, first)(options)
    assert options.api_options == [first, second, first]

    override(api_options=[second])(options)
    assert options.api_options == [second]


class Unhashable(StaticCredentialsProvider):
    """Equal to none, and not to be looked up."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("AKID", "secret")


def test_equal_overrides_are_one_key() -> None:
    """A client keeps the stacks it compiled by them, so equality and hash must go by what they change."""
    assert override(region="a", app_id="x") == override(region="a", app_id="x")
    assert hash(override(region="a")) == hash(override(region="a"))
    assert override(region="a") != override(region="b")
    assert override(region="a") != override(app_id="a")
    assert with_api_options(first) == with_api_options(first)
    assert override(api_options=[first]) == override(api_options=[first]) != with_api_options(first)
    with pytest.raises(TypeError, match="unhashable"):
        hash(override(credentials=Unhashable()))


def test_an_override_cannot_be_changed_and_shows_what_it_changes() -> None:
    """It stands at module level and in a cache; and it appears in tracebacks."""
    changed = override(region="eu-west-1", retryer=NopRetryer())

    with pytest.raises(AttributeError):
        changed.changes = ()
    assert repr(changed) == "override(region='eu-west-1', retryer=NopRetryer())"


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    """A misspelt option that is accepted in silence changes nothing, and nobody notices."""
    with pytest.raises(TypeError, match=r"no option 'regoin'; it has region, .*api_options"):
        override(regoin="eu-west-1")
    with pytest.raises(TypeError):
        override("eu-west-1")
    with pytest.raises(TypeError, match="regoin"):
        Options(regoin="eu-west-1")


def test_no_repr_of_options_shows_a_secret() -> None:
    """Options are printed while debugging."""
    from sagemaker_runtime import StaticCredentialsProvider

    options = Options(credentials=StaticCredentialsProvider("AKID", "hush", "token-hush"))

    assert "hush" not in repr(options)
    assert "AKID" in repr(options)


PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


async def features_of(http: ScriptedHTTPClient, **changes: object) -> str:
    """The ids after ``m/`` in the User-Agent of a call."""
    await client(http, **changes).invoke_endpoint(PARAMS)
    parts = http.requests[-1].headers["user-agent"].split(" ")
    return "".join(part.removeprefix("m/") for part in parts if part.startswith("m/"))


@pytest.mark.parametrize(
    ("changes", "features"),
    [
        ({}, "E"),
        ({"retry_mode": "standard"}, "E"),
        ({"retry_mode": "adaptive"}, "F"),
        ({"retry_mode": "standard", "retryer": AdaptiveRetryer()}, "E"),
        ({"retryer": NopRetryer()}, ""),
    ],
)
async def test_the_user_agent_tells_the_mode_that_is_used(changes: dict[str, object], features: str) -> None:
    """AWS counts by it; a retryer that is none of AWS's has no id."""
    assert features == await features_of(ScriptedHTTPClient(), **changes)


@pytest.mark.parametrize("max_attempts", [None, 7])
def test_the_adaptive_mode_reckons_by_the_clients_clock(max_attempts: int | None) -> None:
    """Another clock than the one that sleeps would let attempts out in the wrong moment; both options hold together."""
    clock = ManualClock()

    made = client(clock=clock, retry_mode="adaptive", retry_max_attempts=max_attempts).options

    assert isinstance(made.retryer, AdaptiveRetryer)
    assert made.retryer.clock is clock
    assert (max_attempts or 3) == made.retryer.max_attempts
    assert (None, None) == (made.retry_mode, made.retry_max_attempts)  # done


@pytest.mark.parametrize(
    ("mode", "retryer"),
    [("standard", StandardRetryer(base_delay=9.0)), ("adaptive", AdaptiveRetryer(base_delay=9.0))],
)
def test_the_mode_that_a_retryer_has_already_keeps_it(mode: str, retryer: StandardRetryer) -> None:
    """With its numbers and its quota, for a client and for a call; a new one would start with a full quota."""
    made = client(retryer=retryer, retry_mode=mode)

    assert made.options.retryer is retryer
    assert facts(made, "InvokeEndpoint", override(retry_mode=mode))[RETRYER] is retryer
    fewer = facts(made, "InvokeEndpoint", override(retry_mode=mode, retry_max_attempts=2))[RETRYER]
    assert isinstance(fewer, StandardRetryer)
    assert (2, 9.0, retryer.quota) == (fewer.max_attempts, fewer.base_delay, fewer.quota)


def test_a_call_may_have_another_mode_or_a_retryer_of_its_own() -> None:
    """What the machine's configuration says is not at odds with what the call says."""
    made = client(retry_mode="adaptive")

    assert type(facts(made, "InvokeEndpoint", override(retry_mode="standard"))[RETRYER]) is StandardRetryer
    own = NopRetryer()
    assert facts(made, "InvokeEndpoint", override(retryer=own))[RETRYER] is own
    assert client(retryer=own, retry_mode=None).options.retryer is own


class HomeMade:
    """A retryer of a user's own, complete."""

    max_attempts = 2

    def delay(self, failures: object, **_: object) -> None:
        """Never."""

    def succeeded(self, failures: object) -> None:
        """Nothing to note."""


class Deaf:
    """One that does not hear of successes."""

    max_attempts = 2

    def delay(self, failures: object, **_: object) -> None:
        """Never."""


class Boundless(Deaf):
    """One that hears of them, and does not say how often it tries."""

    def succeeded(self, failures: object) -> None:
        """Nothing to note."""

    @property
    def max_attempts(self) -> int:
        raise AttributeError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"retryer": HomeMade(), "retry_mode": "standard"}, "retry_mode and your own retryer, .*HomeMade"),
        ({"retryer": NopRetryer(), "retry_mode": "adaptive"}, "retry_mode and your own retryer, .*NopRetryer"),
        ({"retry_mode": "legacy"}, "retry_mode is 'legacy'; it takes 'standard', 'adaptive', or None"),
        ({"retry_mode": True}, "retry_mode is (True|of type bool); it takes 'standard', 'adaptive', or None"),
        ({"disable_clock_skew_correction": "yes"}, "disable_clock_skew_correction is of type str; it takes True or"),
        ({"retryer": Deaf()}, "Options.retryer is of type Deaf, which has no succeeded"),
        ({"retryer": Boundless()}, "Options.retryer is of type Boundless, which has no max_attempts"),
        ({"retryer": StandardRetryer}, "Options.retryer is the class StandardRetryer; pass an object"),
    ],
)
@pytest.mark.parametrize("per_call", [False, True])
def test_retry_options_that_make_no_sense_are_refused_by_name(
    changes: dict[str, object], message: str, *, per_call: bool
) -> None:
    """When the client is made, or the call begun: not in the middle of the first failure."""
    with pytest.raises(ConfigError, match=message):
        facts(client(), "InvokeEndpoint", override(**changes)) if per_call else client(**changes)


def test_a_complete_retryer_of_a_users_own_is_taken_as_it_is() -> None:
    """The refusals above are not for what it is not."""
    own: Retryer = HomeMade()

    assert client(retryer=own).options.retryer is own


@pytest.mark.parametrize(
    ("pseudo", "region", "host"),
    [
        ("fips-us-east-1", "us-east-1", "runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ("us-east-1-fips", "us-east-1", "runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        ("us-gov-west-1-fips", "us-gov-west-1", "runtime.sagemaker.us-gov-west-1.amazonaws.com"),
    ],
)
@pytest.mark.parametrize("per_call", [False, True])
async def test_a_pseudo_region_is_the_region_with_fips(pseudo: str, region: str, host: str, *, per_call: bool) -> None:
    """So regions were written before there was a switch; a signature for the pseudo region would be refused."""
    http = ScriptedHTTPClient()

    if per_call:
        await client(http).invoke_endpoint(PARAMS, override(region=pseudo))
    else:
        made = client(http, region=pseudo)
        assert (region, True) == (made.options.region, made.options.endpoint_options.use_fips_endpoint)
        await made.invoke_endpoint(PARAMS)

    (request,) = http.requests
    assert host == request.host
    assert f"/{region}/sagemaker/aws4_request" in request.headers["authorization"]


def test_a_pseudo_region_for_one_call_leaves_the_client_as_it_was() -> None:
    """The switch it turns on is the call's."""
    made = client(region="eu-west-1", endpoint_options=EndpointResolverOptions(use_dual_stack_endpoint=True))

    options = changed_by((override(region="fips-us-east-1"),), made.options)

    assert "us-east-1" == options.region
    assert EndpointResolverOptions(use_fips_endpoint=True, use_dual_stack_endpoint=True) == options.endpoint_options
    assert ("eu-west-1", False) == (made.options.region, made.options.endpoint_options.use_fips_endpoint)


def test_another_mode_keeps_the_policy_and_the_quota_and_is_one_retryer_however_often_it_is_asked_for() -> None:
    """A call that may not run twice stays one, and a storm of overrides does not get a full quota each."""
    own = StandardRetryer(max_attempts=5, retry_lost_connections=False)
    made = client(retryer=own)

    first = facts(made, "InvokeEndpoint", override(retry_mode="adaptive"))[RETRYER]
    second = facts(made, "InvokeEndpointAsync", override(retry_mode="adaptive", app_id="b"))[RETRYER]

    assert first is second
    assert (5, False, own.quota, "adaptive") == (
        first.max_attempts,
        first.retry_lost_connections,
        first.quota,
        first.mode,
    )
    assert first.in_mode("standard", made.options.clock).quota is own.quota


def test_a_pseudo_region_and_a_url_of_ones_own_exclude_each_other_where_they_are_given() -> None:
    """FIPS is meant by the one, and cannot be known of the other; to learn that with the first call is late."""
    with pytest.raises(EndpointError, match="base_endpoint and FIPS exclude each other"):
        client(region="fips-us-east-1", base_endpoint="https://host")


QUEUED = InvokeEndpointAsyncOutput(output_location="s3://bucket/out")


async def test_a_result_is_fetched_from_the_store_that_the_options_name() -> None:
    """A service's code waits without a further argument, and the store is where it is deployed."""
    http = ScriptedHTTPClient([answer(200, b"setosa")])
    made = client(http, s3_endpoint_url="http://store:9000/base")

    found = await made.wait_for_output(QUEUED)
    await made.wait_for_output(QUEUED)

    assert b"setosa" == found.body
    assert ["http://store:9000/base/bucket/out"] * 2 == [request.url for request in http.requests]


async def test_a_wait_takes_options_of_its_own_and_leaves_the_clients() -> None:
    """Where, as whom, through what and by which clock: all that a wait uses of the options."""
    ours, theirs = ScriptedHTTPClient([answer(200)]), ScriptedHTTPClient([answer(404), answer(200)])
    made, clock = client(ours), ManualClock()
    there = override(s3_endpoint_url="http://store", region="eu-west-1", http_client=theirs, clock=clock)

    await made.wait_for_output(QUEUED, there)
    await made.wait_for_output(QUEUED)

    assert ["http://store/bucket/out"] * 2 == [request.url for request in theirs.requests]
    assert "/eu-west-1/s3/aws4_request" in theirs.requests[0].headers["authorization"]
    assert 1 == len(clock.slept)
    assert ["https://bucket.s3.us-east-1.amazonaws.com/out"] == [request.url for request in ours.requests]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("store:9000", "the URL 'store:9000' is not absolute"),
        ("http://store?x=y", "has a query"),
        (b"http://store", "Options.s3_endpoint_url is of type bytes; it takes a URL"),
    ],
)
def test_a_store_that_no_request_can_reach_is_refused_when_the_client_is_made(value: object, problem: str) -> None:
    """The wait for a result comes long after, and then an inference has been paid for."""
    with pytest.raises(ConfigError, match=problem):
        client(s3_endpoint_url=value)


def test_an_override_is_pickled_without_its_hash() -> None:
    """The hash of a string is another one in another process, where a client would not find the override again."""
    known = override(region="eu-west-1")
    hash(known)

    code = "import pickle, sys; found = pickle.load(sys.stdin.buffer); print(hash(found) == hash((found.changes, found.appended)))"
    said = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(known), capture_output=True, check=True)  # noqa: S603

    assert b"True" == said.stdout.strip()
