"""The door: options for one call, and the compiled stacks that are kept for them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs
import pytest
import support
from support import ManualClock, ScriptedHTTPClient, client

from sagemaker_runtime import (
    APIOption,
    Client,
    ClientLogMode,
    ConfigError,
    EndpointResolverOptions,
    InvokeEndpointInput,
    NopRetryer,
    Options,
    Request,
    SigV4Signer,
    Stack,
    StackError,
    StaticCredentialsProvider,
    Timeout,
    override,
    with_api_options,
)
from sagemaker_runtime.plans import PLANS_KEPT

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
OPERATIONS = len(support.OPERATIONS)


class MarkingSigner(SigV4Signer):
    """Signs by a mark."""

    def sign_http(self, request: Request, **_: object) -> None:
        request.headers["authorization"] = "marked"


def sent(check: Callable[[Request], object]) -> Callable[[ScriptedHTTPClient], object]:
    return lambda http: check(http.requests[-1])


@pytest.mark.parametrize(
    ("changes", "effect", "value"),
    [
        ({"region": "eu-west-1"}, sent(lambda r: r.host), "runtime.sagemaker.eu-west-1.amazonaws.com"),
        ({"region": "eu-west-1"}, sent(lambda r: "/eu-west-1/sagemaker/" in r.headers["authorization"]), True),
        ({"http_signer_v4": MarkingSigner()}, sent(lambda r: r.headers["authorization"]), "marked"),
        (
            {"credentials": StaticCredentialsProvider("OTHER", "x")},
            sent(lambda r: "OTHER" in str(r.headers.raw)),
            True,
        ),
        ({"timeout": Timeout(read=5)}, lambda http: http.timeouts[-1], Timeout(read=5)),
        ({"retryer": NopRetryer()}, sent(lambda r: r.headers["amz-sdk-request"]), "attempt=1; max=1"),
        ({"retry_max_attempts": 9}, sent(lambda r: r.headers["amz-sdk-request"]), "attempt=1; max=9"),
        (
            {"base_endpoint": "http://localhost:1/v1"},
            sent(lambda r: r.url),
            "http://localhost:1/v1/endpoints/iris/invocations",
        ),
        ({"endpoint_options": EndpointResolverOptions(disable_https=True)}, sent(lambda r: r.scheme), "http"),
        ({"app_id": "shop"}, sent(lambda r: r.headers["user-agent"].endswith(" app/shop")), True),
        ({"clock": ManualClock(0.0)}, sent(lambda r: r.headers["x-amz-date"]), "19700101T000000Z"),
        (
            {"api_options": [lambda s: s.finalize.remove("Signing")]},
            sent(lambda r: "authorization" in r.headers),
            False,
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
async def test_an_override_counts_for_its_call_and_for_no_other(
    changes: dict[str, object], effect: Callable[[ScriptedHTTPClient], object], value: object
) -> None:
    """The Go SDK ignores some of these for a call, in silence."""
    http = ScriptedHTTPClient()
    made = client(http)

    await made.invoke_endpoint(PARAMS, override(**changes))
    during = effect(http)
    await made.invoke_endpoint(PARAMS)

    assert value == during
    assert value != effect(http)


async def test_the_transport_the_logger_and_the_log_mode_can_be_overridden(caplog: pytest.LogCaptureFixture) -> None:
    """One call can go elsewhere, and one call can be looked at."""
    http, other = ScriptedHTTPClient(), ScriptedHTTPClient()
    made = client(http)

    with caplog.at_level(logging.DEBUG):
        await made.invoke_endpoint(
            PARAMS,
            override(http_client=other, logger=logging.getLogger("mine"), client_log_mode=ClientLogMode.REQUEST),
        )
        await made.invoke_endpoint(PARAMS)

    assert (len(http.requests), len(other.requests)) == (1, 1)
    assert [record.name for record in caplog.records] == ["mine"]
    assert other.closed == 0


async def test_a_function_of_the_users_own_changes_the_options_of_one_call() -> None:
    """An option function is any function of Options."""
    http = ScriptedHTTPClient()
    made = client(http)

    def elsewhere(options: Options) -> None:
        options.region = "eu-west-1"

    await made.invoke_endpoint(PARAMS, elsewhere)

    assert "eu-west-1" in http.requests[0].host
    assert made.options.region == "us-east-1"


async def test_an_api_option_runs_once_for_each_operation_and_again_for_a_call_with_functions() -> None:
    """So a middleware with state is made outside it; the documentation promises these numbers."""
    runs: list[Stack] = []
    made = client(api_options=[runs.append])
    extra: list[Stack] = []

    assert len(runs) == OPERATIONS
    await made.invoke_endpoint(PARAMS)
    assert len(runs) == OPERATIONS
    await made.invoke_endpoint(PARAMS, with_api_options(extra.append))

    assert (len(runs), len(extra)) == (OPERATIONS + 1, 1)
    assert made.options.api_options == [runs.append]


async def test_the_stack_of_an_override_is_compiled_once_and_kept() -> None:
    """A stack costs 40 µs to build; an override at module level should cost nothing per call."""
    runs: list[Stack] = []
    made = client(api_options=[runs.append])

    for _ in range(3):
        await made.invoke_endpoint(PARAMS, override(app_id="a"))
    assert len(runs) == OPERATIONS + 1
    await made.invoke_endpoint(PARAMS, override(app_id="b"))
    assert len(runs) == OPERATIONS + 2
    for _ in range(2):
        await made.invoke_endpoint(PARAMS, override(api_options=[runs.append, str]))

    assert len(runs) == OPERATIONS + 3


async def test_an_override_that_cannot_be_looked_up_is_compiled_each_time() -> None:
    """A function of an unhashable class is a user's right, and costs what a stack costs."""

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, stack: Stack) -> None:
            runs.append(stack)

    runs: list[Stack] = []
    made = client()

    for _ in range(2):
        await made.invoke_endpoint(PARAMS, with_api_options(Unhashable()))

    assert 2 == len(runs)


async def test_functions_that_are_appended_are_kept_as_any_other_override_is() -> None:
    """They are a look-up when seen before, also where another ``with_api_options`` has been made of them."""
    runs: list[Stack] = []
    made = client()

    for _ in range(3):
        await made.invoke_endpoint(PARAMS, with_api_options(runs.append), override(app_id="a"))
    assert len(runs) == 1
    await made.invoke_endpoint(PARAMS, with_api_options(runs.append, lambda _: None))

    assert len(runs) == 2


# For each option that is a fact of a call and no part of the stack, another value than the client's.
FACTS: list[dict[str, object]] = [
    {"timeout": Timeout(read=1)},
    {"retryer": NopRetryer()},
    {"retry_mode": "adaptive"},
    {"retry_max_attempts": 7},
    {"clock": ManualClock(1.0)},
    {"logger": logging.getLogger("mine")},
    {"region": "eu-west-1"},
    {"credentials": StaticCredentialsProvider("OTHER", "x")},
    {"timeout": Timeout(read=2), "region": "eu-west-2", "retryer": NopRetryer()},
]


@pytest.mark.parametrize("changes", FACTS, ids=",".join)
async def test_an_override_of_facts_of_a_call_compiles_nothing(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    """The middleware read them in the context; so no ``api_options`` run again, and a value never seen costs little."""
    runs: list[Stack] = []
    made = client(api_options=[runs.append])
    compiled: list[Stack] = []
    compile = Stack.compile
    monkeypatch.setattr(Stack, "compile", lambda stack, transport: compiled.append(stack) or compile(stack, transport))

    def by_function(options: Options) -> None:
        for name, value in changes.items():
            setattr(options, name, value)

    await made.invoke_endpoint(PARAMS, override(**changes))
    await made.invoke_endpoint(PARAMS, by_function)
    assert ([], OPERATIONS) == (compiled, len(runs))

    await made.invoke_endpoint(PARAMS, override(**changes, app_id="shop"))

    assert (1, OPERATIONS + 1) == (len(compiled), len(runs)), "counted as it should be"


async def test_a_pseudo_region_compiles_because_it_settles_the_endpoint_options() -> None:
    """It is the one region that is more than a fact: the resolver's switches are in the stack."""
    http, runs = ScriptedHTTPClient(), list[Stack]()
    made = client(http, api_options=[runs.append])

    await made.invoke_endpoint(PARAMS, override(region="fips-us-east-1"))

    assert "runtime-fips.sagemaker.us-east-1.amazonaws.com" == http.requests[0].host
    assert len(runs) == OPERATIONS + 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"timeout": 5}, "Options.timeout is of type int; it takes a Timeout"),
        ({"retryer": "standard"}, "Options.retryer is of type str; it takes an object with delay"),
        ({"clock": ManualClock}, "Options.clock is the class ManualClock"),
        ({"logger": "mine"}, "Options.logger is of type str"),
        ({"region": 5}, "Options.region is of type int"),
        ({"credentials": "AKID"}, "Options.credentials is of type str"),
    ],
)
async def test_a_fact_that_makes_no_sense_is_refused_for_a_call_too(changes: dict[str, object], complaint: str) -> None:
    """No stack is built of it, and it is checked all the same, each time it is given."""
    made = client()

    for _ in range(2):
        with pytest.raises(ConfigError, match=complaint):
            await made.invoke_endpoint(PARAMS, override(**changes))


async def test_only_so_many_compiled_stacks_are_kept_and_the_longest_unused_goes_first() -> None:
    """An override that is new for each call must not fill the memory."""
    runs: list[Stack] = []
    made = client(api_options=[runs.append])
    kept = PLANS_KEPT
    often = override(app_id="often")

    for number in range(3 * kept):
        await made.invoke_endpoint(PARAMS, override(app_id=f"app-{number}"))
        await made.invoke_endpoint(PARAMS, often)

    assert len(made._plans._override_plans) == kept
    assert len(runs) == OPERATIONS + 3 * kept + 1


async def test_a_bad_anchor_fails_where_the_stack_is_built() -> None:
    """When the client is made, or else at the call: with the stack's own text, and before anything is sent."""
    http = ScriptedHTTPClient()
    made = client(http)
    complaint = r"finalize has no 'Sining'; it has Retry, .* Did you mean 'Signing'"

    def bad(stack: Stack) -> None:
        stack.finalize.remove("Sining")

    with pytest.raises(StackError, match=complaint):
        client(http, api_options=[bad])
    with pytest.raises(StackError, match=complaint):
        await made.invoke_endpoint(PARAMS, with_api_options(bad))
    assert http.requests == []


async def test_a_list_of_api_options_given_to_an_override_is_its_own() -> None:
    """What appends to the options of one call, or to the list afterwards, must not reach other calls."""
    runs: list[Stack] = []
    given: list[APIOption] = []
    none = override(api_options=given)
    made = client(api_options=[])

    def append(options: Options) -> None:
        options.api_options.append(runs.append)

    await made.invoke_endpoint(PARAMS, none, append)
    assert len(runs) == 1
    await made.invoke_endpoint(PARAMS, none)
    given.append(runs.append)
    await made.invoke_endpoint(PARAMS, none)

    assert len(runs) == 1


async def test_a_client_has_a_list_of_api_options_of_its_own() -> None:
    """A function that assigns somebody's list must not make it the client's."""
    runs: list[Stack] = []
    given: list[APIOption] = []

    def assign(options: Options) -> None:
        options.api_options = given

    made = client()
    clients = [Client(made.options, assign), Client(made.options, override(api_options=given))]
    given.append(runs.append)

    assert [[], []] == [each.options.api_options for each in clients]


async def test_a_refused_value_is_refused_after_an_equal_one_too() -> None:
    """True is equal to 1 and no number of attempts; whether it is refused must not depend on what came before."""
    made = client()
    await made.invoke_endpoint(PARAMS, override(retry_max_attempts=1))

    with pytest.raises(ConfigError, match="max_attempts"):
        await made.invoke_endpoint(PARAMS, override(retry_max_attempts=True))


def test_options_with_more_in_them_can_be_made() -> None:
    """Who embeds the client may keep something of its own beside; an option that is misspelt is told all the same."""

    class Ours(Options):
        def __init__(self) -> None:
            super().__init__(region="eu-west-1")
            self.tenant = "acme"

    assert "acme" == Ours().tenant
    assert "eu-west-1" == Client(Ours()).options.region


async def test_functions_that_are_merely_equal_are_not_taken_for_each_other() -> None:
    """1 equals True, and an object made of either does something else."""

    @attrs.frozen
    class Tag:
        value: object

        def __call__(self, stack: Stack) -> None:
            values.append(repr(self.value))

    values: list[str] = []
    made = client()

    for value in (1, True, 1.0):
        await made.invoke_endpoint(PARAMS, with_api_options(Tag(value)))

    assert ["1", "True", "1.0"] == values


async def test_what_a_later_override_replaces_is_not_looked_at() -> None:
    """As it is where they are given to a client; and the order of the names makes no difference."""
    made = client()

    await made.invoke_endpoint(PARAMS, override(timeout=5), override(timeout=Timeout(read=5)))  # type: ignore[arg-type]
    for changes in ({"timeout": 5, "app_id": "x"}, {"app_id": "x", "timeout": 5}):
        with pytest.raises(ConfigError, match=r"Options\.timeout is of type int"):
            await made.invoke_endpoint(PARAMS, override(**changes))
        await made.invoke_endpoint(PARAMS, override(**changes), override(timeout=Timeout()))


async def test_a_value_that_cannot_even_be_checked_may_be_replaced_too() -> None:
    """A lazy provider, for example, that is not configured yet."""

    class Lazy:
        @property
        def retrieve(self) -> Callable[[], object]:
            raise RuntimeError("not configured")

    made, lazy = client(), override(credentials=Lazy())  # type: ignore[arg-type]

    await made.invoke_endpoint(PARAMS, lazy, override(credentials=StaticCredentialsProvider("AKID", "x")))
    with pytest.raises(RuntimeError, match="not configured"):
        await made.invoke_endpoint(PARAMS, lazy)
