"""The default stack: its outline, and that a request passes it in that order."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import attrs
import pytest
from attrs import frozen
from support import ManualClock, ScriptedHTTPClient, answer, options

from sagemaker_runtime import (
    AdaptiveRetryer,
    AnonymousCredentialsProvider,
    Client,
    ClientLogMode,
    Context,
    DefaultEndpointResolver,
    EndpointResolverOptions,
    HTTP2Client,
    InvokeEndpointInput,
    NopRetryer,
    Options,
    Output,
    SigV4Signer,
    Stack,
    Timeout,
    override,
    pipeline,
)
from sagemaker_runtime.clock_skew import ClockSkew
from sagemaker_runtime.context import OPENED, STARTED
from sagemaker_runtime.retry import RETRYER

OUTLINE = """\
{operation}
    Initialize
        OperationInputValidation
    Serialize
        ResolveEndpoint
        OperationSerializer
    Build
        ClientRequestID
        ComputeContentLength
        ComputePayloadHash
        UserAgent
        RecursionDetection
    Finalize
        Retry
        RetryMetricsHeader
        Signing
    Deserialize
        CloseResponseBody
        ResponseErrorWrapper
        OperationDeserializer
        RequestIDRetriever
        RecordResponseTiming
        RequestResponseLogger"""

PLACES = [line.strip() for line in OUTLINE.splitlines() if line.startswith("        ")]
STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")
OPERATIONS = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")
PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


@frozen
class Wrapped:
    """Stands in a place in front of who stood there, and says when it is passed."""

    inner: object
    passed: list[str]

    @property
    def id(self) -> str:
        return self.inner.id

    def __getattr__(self, name: str) -> object:
        handle = getattr(self.inner, name)

        async def passing(ctx: object, step: object, next: object) -> Output:
            self.passed.append(self.id)
            output = await handle(ctx, step, next)
            self.passed.append(f"{self.id} done")
            return output

        return passing


def instrument(stack: Stack, passed: list[str]) -> None:
    for name in STEPS:
        step = getattr(stack, name)
        for id in step.ids():
            step.swap(id, Wrapped(step.get(id), passed))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"retryer": NopRetryer(), "timeout": Timeout(total=1), "app_id": "shop"},
        {"client_log_mode": ~ClientLogMode(0), "base_endpoint": "http://localhost:1"},
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_default_stack_has_every_place_whatever_the_options(operation: str, changes: dict[str, object]) -> None:
    """Each id is a place that others anchor on, so none may come and go with an option, or from one operation to another."""
    assert str(Client(options(**changes)).stack(operation)) == OUTLINE.format(operation=operation)


def test_inside_lambda_the_stack_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """An anchor that works on a laptop must work there."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")

    assert str(Client(options()).stack("InvokeEndpoint")) == OUTLINE.format(operation="InvokeEndpoint")


async def test_a_call_passes_every_place_once_in_the_printed_order() -> None:
    """The printed order is the one that runs."""
    passed: list[str] = []
    client = Client(options(api_options=[lambda stack: instrument(stack, passed)]))

    await client.invoke_endpoint(PARAMS)

    assert [*PLACES, *(f"{place} done" for place in reversed(PLACES))] == passed


async def test_a_retry_passes_again_only_what_stands_below_it() -> None:
    """Once per call, and once per attempt: the two phrases of the documentation."""
    passed: list[str] = []
    script = ScriptedHTTPClient([answer(503), answer()])
    client = Client(options(script, api_options=[lambda stack: instrument(stack, passed)]))

    await client.invoke_endpoint(PARAMS)

    downward = [each for each in passed if not each.endswith("done")]
    below = PLACES[PLACES.index("Retry") + 1 :]
    assert PLACES + below == downward


# For each option another value than that of `support.options`.
OTHERS: dict[str, object] = {
    "api_options": [lambda stack: stack.build.remove("UserAgent")],
    "client_log_mode": ClientLogMode.RETRIES,
    "credentials": AnonymousCredentialsProvider(),
    "endpoint_options": EndpointResolverOptions(use_dual_stack_endpoint=True),
    "endpoint_resolver": DefaultEndpointResolver(),
    "base_endpoint": "https://elsewhere.test",
    "duplex_base_endpoint": "https://elsewhere.test:8443",
    "duplex_http_client": HTTP2Client(proxies={}),
    "replay_buffer": 0,
    "s3_endpoint_url": "https://s3.test",
    "http_signer_v4": SigV4Signer(),
    "logger": logging.getLogger("elsewhere"),
    "region": "eu-west-2",
    "retryer": AdaptiveRetryer(),
    "retry_mode": "adaptive",
    "retry_max_attempts": 7,
    "http_client": ScriptedHTTPClient(),
    "timeout": Timeout(read=1),
    "app_id": "shop",
    "disable_clock_skew_correction": True,
    "clock": ManualClock(),
}
OWN = ("BaseEndpointResolver",)  # what a middleware is given that is made for it


def what_it_is_made_of(thing: object) -> object:
    """All that a middleware holds, by name: things that it was given as they are, things made for it by what they hold."""
    held = {name: value for name, value in vars(thing).items() if name not in ("new_id", "marshaller")}
    return {
        name: what_it_is_made_of(value)
        if type(value).__name__ in OWN
        else "skew"
        if isinstance(value, ClockSkew)
        else getattr(value, "__self__", value)
        for name, value in held.items()
    }


def described(stack: Stack) -> dict[str, object]:
    return {id: what_it_is_made_of(getattr(stack, step).get(id)) for step in STEPS for id in getattr(stack, step).ids()}


def described_facts(context: Context) -> dict[str, object]:
    mode = getattr(context[RETRYER], "mode", None), context[RETRYER].max_attempts
    own = {STARTED, OPENED, RETRYER}
    return {key.name: context.get(key) for key in context if key not in own} | {"retryer": mode}


def test_every_option_has_another_value_here() -> None:
    """Or an option that is new would not be looked at below."""
    assert {field.name for field in attrs.fields(Options)} == set(OTHERS)


@pytest.mark.parametrize("name", OTHERS)
def test_a_plan_of_an_override_is_the_one_of_a_client_with_these_options(name: str) -> None:
    """A stack, or a fact, that was kept although it depends on the option would let an override pass without effect."""
    changed = override(**{name: OTHERS[name]})
    base = options()
    made, other = Client(base), Client(base, changed)

    before = described(made.stack("InvokeEndpoint"))
    plan = made._plans.plan_with("InvokeEndpoint", (changed,))
    expected = other._plans.plan("InvokeEndpoint")

    assert described(expected.stack) == described(plan.stack)
    _, context = made._plans.begin("InvokeEndpoint", (changed,))
    assert described_facts(expected.context) == described_facts(plan.context) == described_facts(context)
    assert before == described(made.stack("InvokeEndpoint"))


@pytest.mark.parametrize("name", OTHERS)
async def test_an_override_goes_to_the_transport_of_its_options(name: str) -> None:
    """The end of the stack is folded in with it."""
    http = ScriptedHTTPClient()

    async with Client(options(http)) as made:
        await made.invoke_endpoint(PARAMS, override(**{name: OTHERS[name]}))

    assert (0 if name == "http_client" else 1) == len(http.requests)


async def test_what_an_api_option_changes_in_a_middleware_is_seen_by_its_own_calls_alone() -> None:
    """One call's function may reach into a place of the stack; that place must not be another call's too."""

    def rename(stack: Stack) -> None:
        stack.build.get("UserAgent").by_retry_mode = {"standard": "mine/1"}

    http = ScriptedHTTPClient([answer()])
    client = Client(options(http))

    await client.invoke_endpoint(PARAMS)
    await client.invoke_endpoint(PARAMS, override(api_options=[rename]))
    await client.invoke_endpoint(PARAMS)
    await client.invoke_endpoint(PARAMS, override(timeout=Timeout(read=1)))

    renamed = [request.headers["user-agent"] == "mine/1" for request in http.requests]
    assert [False, True, False, False] == renamed


def test_the_pipeline_is_one_page_in_running_order_and_nothing_after_it() -> None:
    """Whoever wants to know what happens to a request reads it from top to bottom, and is done."""
    source = Path(pipeline.__file__).read_text()
    *_, page = ast.parse(source).body

    placed = [
        node.func.id
        for node in ast.walk(page)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES
    ]
    order = sorted(placed, key=lambda place: source.rindex(f"{place}("))
    assert PLACES == order
    assert isinstance(page, ast.FunctionDef)
    assert len(source.splitlines()) <= 110
