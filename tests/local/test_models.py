"""What a model may be, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable

import pytest

from sagemaker_runtime import Client, InvokeEndpointInput, InvokeEndpointOutput, ModelError
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Model


def plain(invocation: Invocation) -> bytes:
    return invocation.body.upper()


async def coroutine(invocation: Invocation) -> bytes:
    await asyncio.sleep(0)
    return invocation.body.upper()


async def repeated(times: int, invocation: Invocation) -> Answer:
    return Answer(body=invocation.body.upper() * times)


class PlainObject:
    """As one that holds a loaded model."""

    def __call__(self, invocation: Invocation) -> Answer:
        return Answer(body=invocation.body.upper())


class CoroutineObject:
    """The same, with something to wait for: only its result tells that it is no plain function."""

    async def __call__(self, invocation: Invocation) -> bytes:
        return invocation.body.upper()


async def invoke(model: Model, body: bytes = b"body") -> InvokeEndpointOutput:
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        return await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body))


@pytest.mark.parametrize(
    "model",
    [plain, coroutine, functools.partial(repeated, 1), PlainObject(), CoroutineObject()],
)
async def test_a_model_is_anything_that_can_be_called(model: Model) -> None:
    """Users bring functions, coroutine functions, and objects that hold a loaded model."""
    output = await invoke(model)

    assert b"BODY" == output.body


async def test_a_plain_function_does_not_hold_up_the_event_loop() -> None:
    """Client and server may share a loop: both calls must be inside the model at once, or neither would get out."""
    both_inside = threading.Barrier(2)

    def wait_for_the_other(invocation: Invocation) -> bytes:
        both_inside.wait(timeout=10)
        return invocation.body

    async with LocalEndpoint({"it": wait_for_the_other}) as local, Client(local.options()) as client:
        calls = [client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body)) for body in (b"1", b"2")]
        outputs = await asyncio.gather(*calls)

    assert [b"1", b"2"] == [output.body for output in outputs]


async def test_a_coroutine_function_runs_in_the_event_loop() -> None:
    """It may use what belongs to the loop: queues, events, clients."""
    threads: list[int] = []

    async def note_thread(invocation: Invocation) -> bytes:
        threads.append(threading.get_ident())
        return b""

    await invoke(note_thread)

    assert [threading.get_ident()] == threads


def raise_plainly(invocation: Invocation) -> bytes:
    raise ValueError("no such flower: \u2740")


async def raise_in_the_loop(invocation: Invocation) -> bytes:
    raise ValueError("no such flower: \u2740")


@pytest.mark.parametrize("model", [raise_plainly, raise_in_the_loop])
async def test_a_model_that_raises_is_a_model_error(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets what a failing container gives; whoever wrote the model gets the traceback, in the log."""
    with caplog.at_level(logging.ERROR, "sagemaker_runtime.local"), pytest.raises(ModelError) as raised:
        await invoke(model)

    error = raised.value
    assert (424, 500, "no such flower: \u2740") == (error.status, error.original_status_code, error.original_message)
    assert 'Received server error (500) from primary with message "no such flower: \u2740".' in error.message
    assert "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/it:" in (error.log_stream_arn or "")
    assert "ValueError" in caplog.text


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda _: "text", "the model gave str; it must give bytes, an iterator of bytes or an Answer"),
        (lambda _: None, "the model gave NoneType; it must give bytes, an iterator of bytes or an Answer"),
        (lambda _: Answer(body="text"), "'body' must be"),
        (lambda _: Answer(body=b"", custom_attributes="two\nlines"), "which an HTTP header cannot carry"),
        (lambda _: next(iter(())), "the model raised StopIteration"),
    ],
)
async def test_an_answer_that_cannot_be_sent_is_a_model_error(model: Callable[[Invocation], bytes], words: str) -> None:
    """A slip in the model must come back as an answer; a call that hangs, or a broken response, would explain nothing."""
    with pytest.raises(ModelError, match=words):
        await invoke(model)


async def test_the_server_goes_on_after_a_model_failed() -> None:
    """One bad request is the usual test of error handling, with good ones after it."""

    def divide(invocation: Invocation) -> bytes:
        return b"%d" % (12 // int(invocation.body))

    async with LocalEndpoint({"it": divide}) as local, Client(local.options()) as client:
        with pytest.raises(ModelError, match="division"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"0"))
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"4"))

    assert b"3" == output.body
