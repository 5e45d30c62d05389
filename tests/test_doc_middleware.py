"""The guide to middleware is right about right and wrong, and the table of ids about the default stack."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import re
import time
from pathlib import Path
from typing import Any

import pytest
from doc_pages import DOCS, blocks, rows, under
from support import client as stubbed_client, options as stubbed_options

import sagemaker_runtime
from sagemaker_runtime import (
    APIOption,
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Key,
    NopRetryer,
    SageMakerRuntimeError,
    ServiceError,
    Stack,
    StaticCredentialsProvider,
    Timeout,
    context,
    credentials,
    endpoints,
    event_signing,
    operations,
    override,
    retry,
)
from sagemaker_runtime.local import LocalEndpoint
from sagemaker_runtime.plugins.circuit_breaker import CircuitBreaker
from sagemaker_runtime.testing import ConformanceError, StubHTTPClient, assert_conforms, respond, respond_stream

GUIDE = DOCS / "middleware.md"
TABLE = DOCS / "ids.md"
PARTS = {part.splitlines()[0]: part for part in under(GUIDE, "Common mistakes").split("\n### ")[1:]}
RULES = {
    heading: " ".join(found[1].split())
    for heading, part in PARTS.items()
    if (found := re.search(r"\s\*([A-Za-z\s]+)\*\n", part))
}
STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")


# Common mistakes


def run(source: str) -> dict[str, Any]:
    """What a block defines."""
    public = {name: getattr(sagemaker_runtime, name) for name in sagemaker_runtime.__all__}
    given = {"asyncio": asyncio, "gzip": gzip, "time": time, "Path": Path, "CircuitBreaker": CircuitBreaker}
    names = public | given | {"TENANT": Key[str]("tenant"), "print": lambda *_: None}
    before = names.copy()
    exec(compile(source, "docs/middleware.md", "exec"), names)  # noqa: S102 - our own page
    return {name: value for name, value in names.items() if before.get(name) is not value and name != "__builtins__"}


def middleware(source: str) -> Any:
    """What a block's class makes."""
    (made,) = [value for value in run(source).values() if inspect.isclass(value)]
    return made()


def pair(heading: str) -> tuple[str, str]:
    """The wrong and the right way under a heading."""
    wrong, right = blocks(PARTS[heading], "python")
    return wrong, right


@pytest.mark.parametrize("heading", PARTS)
def test_there_is_a_wrong_and_a_right_way_and_each_is_complete(heading: str) -> None:
    """A snippet that does not even run teaches nothing."""
    wrong, right = pair(heading)

    assert wrong.startswith("# wrong: ")
    assert right.startswith("# right")
    assert run(wrong)
    assert run(right)


@pytest.mark.parametrize(("heading", "rule"), RULES.items())
async def test_the_wrong_way_breaks_the_rule_that_the_guide_names_and_the_right_way_none(
    heading: str, rule: str
) -> None:
    """A warning that does not come true would teach readers to pass over the others."""
    wrong, right = pair(heading)
    purpose = {"answers": "InvokeEndpointOutput(" in right, "repeats": right.count("await next(") > 1}

    with pytest.raises(ConformanceError) as caught:
        await assert_conforms(middleware(wrong), **purpose)
    await assert_conforms(middleware(right), **purpose)

    assert rule == caught.value.rule
    assert len(RULES) == 5


@pytest.mark.parametrize(
    ("heading", "error"),
    [
        ("Changing the body after its length and hash", SageMakerRuntimeError),
        ("Changing headers after signing", ServiceError),
    ],
)
async def test_what_is_changed_too_late_is_refused_and_the_right_way_is_not(
    heading: str, error: type[Exception]
) -> None:
    """By a service that checks signatures, as the real one does."""
    params = InvokeEndpointInput(endpoint_name="iris", body=b"1,2" * 100, content_type="text/plain")
    wrong, right = map(middleware, pair(heading))

    async with LocalEndpoint({"iris": lambda _: b"setosa"}) as local:
        once = override(retryer=NopRetryer(), timeout=Timeout(read=0.5))  # a body shorter than was said is waited for
        async with Client(local.options(), once, override(api_options=[wrong])) as client:
            with pytest.raises(error):
                await client.invoke_endpoint(params)
        async with Client(local.options(), once, override(api_options=[right])) as client:
            output = await client.invoke_endpoint(params)

    assert b"setosa" == output.body


async def test_what_blocks_holds_up_the_loop_and_a_thread_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Seen by another task, which has its turn while the right one waits, and none in the wrong one's middleware."""
    (tmp_path / "tenant.txt").write_text("acme")
    monkeypatch.chdir(tmp_path)
    turns: list[int] = []

    for source in pair("Blocking"):
        stub = StubHTTPClient([respond()])
        client = Client(stub.options(), override(api_options=[added(middleware(source))]))
        other = asyncio.create_task(count(stub))
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))
        turns.append(await other)

    assert turns[0] == 0
    assert turns[1] > 0


async def count(stub: StubHTTPClient) -> int:
    """Turns of the loop until the request is sent."""
    turns = 0
    while not stub.requests:
        turns += 1
        await asyncio.sleep(0)
    return turns


async def test_a_body_that_is_read_on_the_way_is_lost_to_the_reader_of_a_stream() -> None:
    """The wrong way seems to work as long as nobody streams."""
    read: list[bytes] = []

    for source in pair("Reading the body of a response"):
        stub = StubHTTPClient([respond_stream([b"one", b"two"])])
        client = Client(stub.options(), override(api_options=[added(middleware(source))]))
        params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
        async with (await client.invoke_endpoint_with_response_stream(params)).body as stream:
            read.append(b"".join([piece async for piece in stream.iter_bytes()]))

    assert [b"", b"onetwo"] == read


def added(middleware: Any) -> APIOption:
    """Adds a middleware to each step that it has a method for."""

    def add(stack: Stack) -> None:
        for name in STEPS:
            if hasattr(middleware, f"handle_{name}"):
                getattr(stack, name).add(middleware)

    return add


def test_a_breaker_made_in_the_option_is_another_one_for_each_operation() -> None:
    """And the one that is made outside is the same for all."""
    same: list[bool] = []

    for source in pair("Shared state created anew"):
        client: Client = run(source)["client"]
        operations = ("InvokeEndpoint", "InvokeEndpointAsync")
        first, second = (client.stack(name).finalize.get("CircuitBreaker") for name in operations)
        same.append(first is second)

    assert [False, True] == same


# The table of ids


def table() -> dict[str, list[str]]:
    """The rows of the five tables, by id."""
    return {row[0].strip("`"): row for name in STEPS for row in rows(TABLE, name.capitalize())}


def test_the_table_has_the_ids_of_the_default_stack_in_its_order() -> None:
    """Guests anchor on what they read here."""
    stack = stubbed_client().stack("InvokeEndpoint")

    for name in STEPS:
        assert getattr(stack, name).ids() == [row[0].strip("`") for row in rows(TABLE, name.capitalize())]


async def test_the_table_says_what_each_middleware_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from around each of them and from inside, in Lambda and with credentials for a time: then each sets all it can."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1")
    stub = StubHTTPClient([respond(headers={"x-amzn-requestid": "r"})])
    seen: dict[str, set[str]] = {}
    watching = override(api_options=[lambda stack: watch(stack, seen)])
    client = Client(stubbed_options(stub, credentials=StaticCredentialsProvider("AKID", "secret", "token")), watching)

    await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1", content_type="text/csv"))

    assert seen == {id: set(re.findall(r"`(.*?)`", row[2])) for id, row in table().items()}


def key_names() -> dict[Key[Any], str]:
    """The public keys."""
    homes = [(context, name) for name in context.__all__]
    homes += [(endpoints, "ENDPOINT"), (retry, "RETRYER"), (credentials, "CREDENTIALS"), (operations, "TRAITS")]
    homes += [(credentials, "SIGNED_WITH"), (event_signing, "EVENT_SIGNER")]
    return {key: name for home, name in homes if isinstance(key := getattr(home, name), Key)}


def watch(stack: Stack, seen: dict[str, set[str]]) -> None:
    """Note, under its id, the headers and the public keys that each middleware sets."""
    names = key_names()

    def watched(id: str, handle: Any) -> Any:
        async def outside(ctx: Any, step: Any, next: Any) -> Any:
            facts, headers, metadata = dict(ctx), headers_of(step), set[object]()
            seen[id] = set()

            async def inside(ctx: Any, step: Any) -> Any:
                sent = headers_of(step)
                seen[id] |= {name for name in sent if sent[name] != headers.get(name)}
                seen[id] |= {names[key] for key in ctx if key in names and ctx[key] is not facts.get(key)}
                output = await next(ctx, step)
                metadata.update(output.metadata)
                return output

            output = await handle(ctx, step, inside)
            seen[id] |= {names[key] for key in output.metadata if key not in metadata}
            return output

        return outside

    for name in STEPS:
        step, as_middleware = getattr(stack, name), getattr(sagemaker_runtime, f"{name}_middleware")
        for id in step.ids():
            step.swap(id, as_middleware(id)(watched(id, getattr(step.get(id), f"handle_{name}"))))


def headers_of(step: Any) -> dict[str, str]:
    return dict(step.request.headers) if hasattr(step, "request") else {}


def test_the_table_of_keys_has_all_that_are_public_and_names_who_sets_them() -> None:
    """A key that is not here would be found by reading the source alone."""
    keys = rows(TABLE, "Keys")
    setters = {row[0].strip("`"): row[2] for row in keys}

    assert set(key_names().values()) == setters.keys()
    for id, row in table().items():
        for name in re.findall(r"`([A-Z_]+)`", row[2]):
            assert f"`{id}`" in setters[name]
