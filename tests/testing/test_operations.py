"""`StubOperations`: a real client, whose calls end above the wire."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from sagemaker_runtime import (
    REQUEST_ID,
    Client,
    ConfigError,
    Context,
    EventStreamError,
    InitializeHandler,
    InitializeInput,
    InvalidParamsError,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    Metadata,
    ModelError,
    ModelStreamError,
    Options,
    Output,
    ResponseStream,
    StackError,
    initialize_middleware,
    with_api_options,
)
from sagemaker_runtime.testing import StubOperations, UnexpectedCallError, stream_output

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")
STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"once")


async def test_a_client_gives_what_was_said_for_the_operation() -> None:
    """The application gets a client as in production, with outputs of the types that it is checked against."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"7", content_type="text/csv"))
    stub.on("InvokeEndpointAsync", InvokeEndpointAsyncOutput(output_location="s3://bucket/result"))
    client = Client(stub.options())
    queued = InvokeEndpointAsyncInput(endpoint_name="slow", body=b"")

    outputs = [await client.invoke_endpoint(PARAMS), await client.invoke_endpoint_async(queued)]

    assert [b"7", "s3://bucket/result"] == [outputs[0].body, outputs[1].output_location]
    assert [PARAMS, queued] == stub.inputs


async def test_results_come_in_order_and_the_last_one_stays() -> None:
    """First failing and then well is the case that an application's own retry is for."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", ModelError("no memory"), InvokeEndpointOutput(body=b"7"))
    client = Client(stub.options())

    with pytest.raises(ModelError, match="no memory") as caught:
        await client.invoke_endpoint(PARAMS)
    bodies = [(await client.invoke_endpoint(PARAMS)).body for _ in range(2)]

    assert ("InvokeEndpoint", [b"7", b"7"]) == (caught.value.operation, bodies)


async def test_the_first_rule_that_fits_the_input_counts() -> None:
    """An application calls more than one endpoint, and the results are not the same."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"i"), when=lambda given: given.endpoint_name == "iris")
    stub.on("InvokeEndpoint", lambda given: InvokeEndpointOutput(body=given.endpoint_name.encode()))
    client = Client(stub.options())

    outputs = [
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b"")) for name in ("iris", "other")
    ]

    assert [b"i", b"other"] == [output.body for output in outputs]


async def test_a_call_without_a_rule_says_which_rules_there_are() -> None:
    """The text must be enough to put it right."""
    stub = StubOperations()
    client = Client(stub.options())

    with pytest.raises(
        UnexpectedCallError, match=r"no rule fits InvokeEndpoint with .*'iris'.*; no rules have been added"
    ):
        await client.invoke_endpoint(PARAMS)
    stub.on("InvokeEndpointWithResponseStream", stream_output([]))
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b""), when=lambda given: False)
    with pytest.raises(
        UnexpectedCallError, match="the rules are for InvokeEndpointWithResponseStream, InvokeEndpoint when"
    ):
        await client.invoke_endpoint(PARAMS)


def test_a_rule_needs_something_to_return() -> None:
    """Found where it is written, and not in the middle of the application."""
    with pytest.raises(ValueError, match="InvokeEndpoint needs something to return"):
        StubOperations().on("InvokeEndpoint")


async def test_a_stream_is_a_new_one_for_each_call() -> None:
    """A stream can be read but once."""
    stub = StubOperations()
    stub.on("InvokeEndpointWithResponseStream", stream_output([b"once ", b"upon"], content_type="text/plain"))
    client = Client(stub.options())

    outputs = [await client.invoke_endpoint_with_response_stream(STREAMED) for _ in range(2)]
    texts = [[text async for text in output.body.iter_text()] for output in outputs]

    assert [["once ", "upon"]] * 2 == texts
    assert "text/plain" == outputs[0].content_type


async def test_a_stream_may_end_in_an_error() -> None:
    """What an application shows of half a response is worth a test."""
    stub = StubOperations()
    stub.on("InvokeEndpointWithResponseStream", stream_output([b"once "], error=ModelStreamError("gone")))
    output = await Client(stub.options()).invoke_endpoint_with_response_stream(STREAMED)
    parts = []

    with pytest.raises(ModelStreamError, match="gone") as caught:  # noqa: PT012 - the parts before it count
        async for part in output.body.iter_bytes():
            parts.append(part)  # noqa: PERF401 - as above

    assert ([b"once "], "InvokeEndpointWithResponseStream") == (parts, caught.value.operation)


async def test_the_middleware_of_initialize_and_the_validation_still_run() -> None:
    """They are the application's part of the call, and mistakes in the input are what its tests are to find."""
    seen = []

    @initialize_middleware("Look")
    async def look(ctx, step, next):
        seen.append(step.parameters.endpoint_name)
        return await next(ctx, step)

    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b""))
    client = Client(stub.options(), with_api_options(lambda stack: stack.initialize.add(look)))

    await client.invoke_endpoint(PARAMS)
    with pytest.raises(InvalidParamsError):
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="not a name", body=b""))

    assert (["iris"], [PARAMS]) == (seen, stub.inputs)


async def test_it_stands_in_a_client_with_options_of_its_own() -> None:
    """An application that makes its own options gets the stub as one of their api_options."""
    stub = StubOperations()
    metadata = Metadata()
    metadata[REQUEST_ID] = "id"
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"7", result_metadata=metadata))

    async with Client(Options(), with_api_options(stub)) as client:
        output = await client.invoke_endpoint(PARAMS)

    assert (b"7", "id") == (output.body, output.result_metadata[REQUEST_ID])


async def test_an_output_of_another_operation_is_refused_by_the_client() -> None:
    """A test that mixes them up must not hand the application what it never gets."""
    stub = StubOperations()
    with pytest.raises(
        ValueError, match="InvokeEndpoint returns InvokeEndpointOutput, not an object of type InvokeEndp"
    ):
        stub.on("InvokeEndpoint", InvokeEndpointAsyncOutput())
    with pytest.raises(ValueError, match="not an object of type bytes"):
        stub.on("InvokeEndpoint", b"7")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"no operation 'InvokeEndpont'.* Did you mean 'InvokeEndpoint'"):
        stub.on("InvokeEndpont", InvokeEndpointOutput(body=b""))
    stub.on("InvokeEndpoint", lambda _: InvokeEndpointAsyncOutput())

    with pytest.raises(StackError, match="returned InvokeEndpointAsyncOutput instead of InvokeEndpointOutput"):
        await Client(stub.options()).invoke_endpoint(PARAMS)


async def test_a_stream_is_closed_when_a_middleware_further_out_fails() -> None:
    """Nobody has got it then, so nobody else could close it, and it would end in a ResourceWarning."""
    given: list[ResponseStream] = []

    @initialize_middleware("Fails")
    async def fails(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        output = await next(ctx, step)
        given.append(output.result.body)
        raise ValueError("too late")

    stub = StubOperations()
    stub.on("InvokeEndpointWithResponseStream", stream_output([b"never read"]))
    async with Client(stub.options(), with_api_options(lambda stack: stack.initialize.add(fails))) as client:
        with pytest.raises(ValueError, match="too late"):
            await client.invoke_endpoint_with_response_stream(STREAMED)

    with pytest.raises(EventStreamError, match="closed"):
        await anext(given[0])


async def test_an_exception_is_raised_as_if_for_the_first_time() -> None:
    """The last exception stays, and its traceback would grow with each call."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", ModelError("no memory"))
    client = Client(stub.options())
    lengths = []
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            await client.invoke_endpoint(PARAMS)
        lengths.append(len(caught.traceback))

    assert lengths[0] == lengths[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("invoke_endpoint", InvokeEndpointOutput(body=b"")), "Did you mean 'InvokeEndpoint'"),
        ((InvokeEndpointInput(endpoint_name="iris", body=b""), b"7"), "there is no operation .*; the operations are"),
        ((["InvokeEndpoint"], b"7"), "there is no operation .*; the operations are"),
        (
            ("InvokeEndpoint", ModelError),
            r"not the class ModelError: give an object of it, such as ModelError\(\.\.\.\)",
        ),
        (("InvokeEndpoint", InvokeEndpointOutput), "not the class InvokeEndpointOutput: give an object of it"),
        (("InvokeEndpoint", None), "not an object of type NoneType: give an output, an exception, or a function"),
        (("InvokeEndpoint", [InvokeEndpointOutput(body=b"")]), "not an object of type list"),
        (
            ("InvokeEndpoint", InvokeEndpointOutput(body=b""), {"when": "iris"}),
            "when is of type str; it takes a function",
        ),
    ],
)
def test_a_rule_that_could_never_be_used_is_refused_where_it_is_written(arguments: tuple[Any, ...], words: str) -> None:
    """With what to write in its place."""
    *positional, options = (*arguments, {}) if not isinstance(arguments[-1], dict) else arguments

    with pytest.raises((ValueError, ConfigError), match=words):
        StubOperations().on(*positional, **options)


async def wrong(given: object) -> InvokeEndpointOutput:
    return InvokeEndpointOutput(body=b"7")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda given: b"7", r"returned bytes instead of InvokeEndpointOutput: return InvokeEndpointOutput\("),
        (lambda given: None, "returned NoneType instead of InvokeEndpointOutput"),
        (lambda given: ModelError, "returned the class ModelError instead of InvokeEndpointOutput"),
        (wrong, "returned coroutine instead of InvokeEndpointOutput: .*; it cannot be an async function"),
        (
            lambda given: InvokeEndpointAsyncOutput(),
            "returned InvokeEndpointAsyncOutput instead of InvokeEndpointOutput",
        ),
    ],
)
async def test_a_function_that_returns_something_else_is_told_so(answer: Any, words: str) -> None:
    """It is named with its rule; an AttributeError of the kit's own would send its user looking in the wrong place."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", answer)

    with pytest.raises(StackError, match=rf"a function in on\('InvokeEndpoint', \.\.\.\) {words}"):
        await Client(stub.options()).invoke_endpoint(PARAMS)


async def test_an_asynchronous_when_is_told_so() -> None:
    """What it gives is true, whatever it would come to."""

    async def never(given: object) -> bool:
        return False

    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b""), when=never)  # type: ignore[arg-type]

    with pytest.raises(StackError, match="returned an awaitable, which is always true: use a plain def"):
        await Client(stub.options()).invoke_endpoint(PARAMS)


async def test_a_call_that_no_rule_fits_says_what_to_write() -> None:
    """For a stream that is something else than for a whole response; and whether it is the `when` that does not fit."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b""), when=lambda given: given.endpoint_name == "other")
    client = Client(stub.options())

    with pytest.raises(UnexpectedCallError, match=r"none has a `when` that is true for this input\. Add one with on\("):
        await client.invoke_endpoint(PARAMS)
    with pytest.raises(
        UnexpectedCallError, match=r"Add one with on\('InvokeEndpointWithResponseStream', stream_output"
    ):
        await client.invoke_endpoint_with_response_stream(STREAMED)


async def test_what_was_not_used_is_told_at_the_end() -> None:
    """A rule that no call matched is one whose code was never reached, or whose endpoint's name has a slip in it."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", ModelError("a"), ModelError("b"), InvokeEndpointOutput(body=b"7"))
    stub.on("InvokeEndpointAsync", InvokeEndpointAsyncOutput(), when=lambda given: True)
    client = Client(stub.options())

    with pytest.raises(ModelError):
        await client.invoke_endpoint(PARAMS)
    with pytest.raises(
        UnexpectedCallError,
        match=r"the rule for InvokeEndpoint has 2 of 3 answers left; and no call matched the rule for InvokeEndpointAsync "
        r"when \.\.\.\. There were 1 calls",
    ):
        stub.assert_done()

    with pytest.raises(ModelError):
        await client.invoke_endpoint(PARAMS)
    for _ in range(2):  # the last one serves for all further calls
        await client.invoke_endpoint(PARAMS)
    await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="iris", body=b""))
    stub.assert_done()


async def test_a_call_without_a_rule_is_told_at_the_end_although_the_code_swallowed_it() -> None:
    """Code that falls back on any error would pass its test without the call that the test is about."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b""), when=lambda given: given.endpoint_name == "iris")
    client = Client(stub.options())
    await client.invoke_endpoint(PARAMS)

    with contextlib.suppress(AssertionError):
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="other", body=b""))

    with pytest.raises(UnexpectedCallError, match=r"no rule fits InvokeEndpoint with .*'other'"):
        stub.assert_done()


async def test_a_stream_that_was_given_away_is_not_given_again() -> None:
    """It would be read to its end already, and look like an empty response."""
    given = stream_output([b"once"])(STREAMED)
    stub = StubOperations()
    stub.on("InvokeEndpointWithResponseStream", given)
    client = Client(stub.options())

    output = await client.invoke_endpoint_with_response_stream(STREAMED)
    assert [b"once"] == [part async for part in output.body.iter_bytes()]
    with pytest.raises(
        UnexpectedCallError, match=r"was already given to a call.*stream_output\(\[\.\.\.\]\) makes a new"
    ):
        await client.invoke_endpoint_with_response_stream(STREAMED)


async def test_a_wait_for_a_result_says_that_it_is_no_operation() -> None:
    """It reads S3, of which the stub knows nothing."""
    stub = StubOperations()
    stub.on("InvokeEndpointAsync", InvokeEndpointAsyncOutput(output_location="s3://bucket/result"))
    client = Client(stub.options())
    queued = await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="iris", body=b""))

    with pytest.raises(
        UnexpectedCallError, match="GET /result is a request below them; for what wait_for_output reads"
    ):
        await client.wait_for_output(queued, timeout=0)
