"""The default stack: its outline, and that a request passes it in that order."""

from __future__ import annotations

import pytest
from attrs import frozen
from support import ScriptedHTTPClient, answer, options

from sagemaker_runtime import Client, ClientLogMode, InvokeEndpointInput, NopRetryer, Output, Stack, Timeout

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
