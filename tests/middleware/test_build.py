"""Build: what all attempts of a call share."""

from __future__ import annotations

import asyncio
import uuid
from hashlib import sha256

import pytest
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    Output,
    SerializeHandler,
    SerializeInput,
    Stack,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.context import PAYLOAD_HASH
from sagemaker_runtime.middleware.build import HASHED_AT_ONCE, ClientRequestID, printable

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


@serialize_middleware("SetHeaders")
async def set_headers(ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
    """An outer middleware's own headers."""
    step.request.headers.update({"User-Agent": "shop/1", "X-Amzn-Trace-Id": "mine"})
    return await next(ctx, step)


@initialize_middleware("LeaveUnsigned")
async def leave_unsigned(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
    """An outer middleware's own payload hash."""
    ctx[PAYLOAD_HASH] = "UNSIGNED-PAYLOAD"
    return await next(ctx, step)


async def test_a_call_has_one_name_for_all_its_attempts_and_another_call_another() -> None:
    """The service tells a retry from a new call by it."""
    http = ScriptedHTTPClient([answer(500), answer()])
    caller = client(http)

    await caller.invoke_endpoint(PARAMS)
    await caller.invoke_endpoint(PARAMS)

    first, retry, second = (request.headers["amz-sdk-invocation-id"] for request in http.requests)
    assert first == retry
    assert first != second


def test_a_name_is_a_version_4_uuid() -> None:
    """It is put together without the standard library's class, so it must still be one in every bit."""
    sources = [ClientRequestID(), ClientRequestID()]
    names = [source.new_id() for source in sources for _ in range(100)]

    parsed = [uuid.UUID(name) for name in names]

    assert [str(each) for each in parsed] == names
    assert {(each.version, each.variant) for each in parsed} == {(4, uuid.RFC_4122)}
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("size", [0, 3, HASHED_AT_ONCE, HASHED_AT_ONCE + 1, 3 * HASHED_AT_ONCE + 7])
async def test_a_body_is_sent_with_its_length_and_its_hash(size: int) -> None:
    """Whether it is hashed at once or in slices, the hash that is signed is the body's."""
    body = bytes(range(256)) * (size // 256 + 1)
    hashes: list[str] = []

    async def spy(ctx: Context, step: SerializeInput, next: SerializeHandler) -> Output:
        output = await next(ctx, step)
        hashes.append(ctx[PAYLOAD_HASH])
        return output

    http = ScriptedHTTPClient()
    caller = client(http, api_options=[lambda stack: stack.serialize.add(serialize_middleware("Spy")(spy))])
    await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=body[:size]))

    assert hashes == [sha256(body[:size]).hexdigest()]
    assert http.requests[0].headers["content-length"] == str(size)


async def test_hashing_a_large_body_lets_other_tasks_run() -> None:
    """Six megabytes at once would stall every other call of the process."""
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(bystander())
    await client().invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=bytes(8 * HASHED_AT_ONCE)))
    task.cancel()

    assert turns >= 8


async def test_a_payload_hash_set_by_an_outer_middleware_is_kept() -> None:
    """Somebody who has the hash already, or wants the body unsigned, says so in the context."""
    plain, unsigned = ScriptedHTTPClient(), ScriptedHTTPClient()
    new_id = "00000000-0000-4000-8000-000000000000"

    def fix_id(stack: Stack) -> None:
        from sagemaker_runtime.middleware.build import ClientRequestID

        stack.build.swap("ClientRequestID", ClientRequestID(new_id=lambda: new_id))

    await client(plain, api_options=[fix_id]).invoke_endpoint(PARAMS)
    await client(unsigned, api_options=[fix_id, lambda s: s.initialize.add(leave_unsigned)]).invoke_endpoint(PARAMS)

    first, second = plain.requests[0].headers, unsigned.requests[0].headers
    assert {**first.raw, "authorization": ""} == {**second.raw, "authorization": ""}
    assert first["authorization"] != second["authorization"]


async def test_a_user_agent_of_an_outer_middleware_stands_behind_ours() -> None:
    """AWS reads the front, and the user keeps what is theirs."""
    http = ScriptedHTTPClient()

    await client(http, api_options=[lambda s: s.serialize.add(set_headers)], app_id="shop").invoke_endpoint(PARAMS)

    agent = http.requests[0].headers["user-agent"]
    assert agent.startswith("sagemaker-runtime-python/")
    assert agent.endswith(" m/E app/shop shop/1")


@pytest.mark.parametrize(
    ("environment", "middleware", "sent"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "Root=1-2"}, False, "Root=1-2"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "a\nb\u00e9"}, False, "a%0Ab%C3%A9"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": "Root=1-2"}, True, "mine"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": ""}, False, None),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, False, None),
        ({"_X_AMZN_TRACE_ID": "Root=1-2"}, False, None),
    ],
)
async def test_inside_lambda_the_trace_id_is_passed_on(
    *, environment: dict[str, str], middleware: bool, sent: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS stops a function that calls itself in a circle by it; elsewhere the variable means nothing."""
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    http = ScriptedHTTPClient()
    api_options = [lambda s: s.serialize.add(set_headers)] if middleware else []

    await client(http, api_options=api_options).invoke_endpoint(PARAMS)

    assert sent == http.requests[0].headers.get("x-amzn-trace-id")
    assert "x-amzn-trace-id" not in http.requests[0].headers["authorization"]


def test_bytes_of_the_environment_that_are_no_text_are_encoded_too() -> None:
    """``os.environ`` keeps them as lone surrogates, which no header can carry."""
    assert printable("a\udcff b~") == "a%FF b~"
