"""What a model may be, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest
from both_clients import Client

from sagemaker_runtime import (
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelError,
    ModelNotReadyException,
    NopRetryer,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Model, MultiModel
from sagemaker_runtime.local.backends import workers
from sagemaker_runtime.local.backends.backends import FunctionBackend


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
    """The same, with something to wait for: only its result shows that it is no plain function."""

    async def __call__(self, invocation: Invocation) -> bytes:
        return invocation.body.upper()


async def invoke(model: Model, body: bytes = b"body") -> InvokeEndpointOutput:
    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        return await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=body))


@pytest.mark.twice
@pytest.mark.parametrize(
    "model",
    [plain, coroutine, functools.partial(repeated, 1), PlainObject(), CoroutineObject()],
)
async def test_a_model_is_anything_that_can_be_called(model: Model) -> None:
    """Users bring functions, coroutine functions, and objects that hold a loaded model."""
    output = await invoke(model)

    assert b"BODY" == output.body


@pytest.mark.twice
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


async def test_plain_functions_that_take_their_time_run_at_once() -> None:
    """As many as the event loop's executor has threads: a thread that is at work must not keep the others' calls."""
    all_inside = threading.Barrier(workers.THREADS)

    def wait_for_the_others(invocation: Invocation) -> bytes:
        all_inside.wait(timeout=10)
        return invocation.body

    backend = FunctionBackend(wait_for_the_others)
    calls = [backend.invoke(Invocation(endpoint_name="it", body=b"%d" % n)) for n in range(workers.THREADS)]
    answers = await asyncio.gather(*calls)

    assert [b"%d" % n for n in range(workers.THREADS)] == [answer.body for answer in answers]


async def test_calls_beyond_the_turn_of_a_thread_are_made_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread goes back after some calls, for others need it too; what came meanwhile must find the next one."""
    monkeypatch.setattr(workers, "THREADS", 1)
    all_wait = threading.Event()
    called: list[bytes] = []

    def note(invocation: Invocation) -> bytes:
        all_wait.wait(timeout=10)
        called.append(invocation.body)
        return invocation.body

    backend = FunctionBackend(note)
    bodies = [b"%d" % n for n in range(3 * workers.CALLS_PER_TURN)]
    async with asyncio.TaskGroup() as group:
        for body in bodies:
            group.create_task(backend.invoke(Invocation(endpoint_name="it", body=body)))
        await asyncio.sleep(0)
        all_wait.set()

    assert bodies == called


async def test_a_plain_function_is_not_called_for_a_caller_that_left_before_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody wants the result, and those behind would wait for it."""
    monkeypatch.setattr(workers, "THREADS", 1)
    leave = threading.Event()
    called: list[bytes] = []

    def note(invocation: Invocation) -> bytes:
        called.append(invocation.body)
        leave.wait(timeout=10)
        return invocation.body

    backend = FunctionBackend(note)
    calls = [
        asyncio.create_task(backend.invoke(Invocation(endpoint_name="it", body=body))) for body in (b"1", b"2", b"3")
    ]
    await asyncio.sleep(0)
    calls[0].cancel()  # which comes too late for it
    calls[1].cancel()
    await asyncio.sleep(0)
    leave.set()
    await asyncio.wait(calls)

    assert [b"1", b"3"] == called
    assert [True, True, False] == [call.cancelled() for call in calls]


async def test_quick_calls_share_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """To wake one for each would cost more than all the rest of the call."""
    monkeypatch.setattr(workers, "PATIENCE", 600.0)
    threads: list[int] = []

    def note_thread(invocation: Invocation) -> bytes:
        threads.append(threading.get_ident())
        return b""

    backend = FunctionBackend(note_thread)
    await asyncio.gather(*[backend.invoke(Invocation(endpoint_name="it", body=b"")) for _ in range(3)])

    assert 3 == len(threads)
    assert 1 == len(set(threads))
    assert threading.get_ident() not in threads


async def test_a_plain_function_sees_the_context_of_its_request() -> None:
    """Tracing and logging keep the current span there, whichever thread the model runs in."""
    span = ContextVar("span", default="none")
    backend = FunctionBackend(lambda _: span.get().encode())
    span.set("the request's")

    answer = await backend.invoke(Invocation(endpoint_name="it", body=b""))

    assert b"the request's" == answer.body


@pytest.mark.twice
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


@pytest.mark.twice
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


@pytest.mark.twice
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda _: "text", "the model returned str; it must return bytes, an iterator of bytes or an Answer"),
        (lambda _: None, "the model returned NoneType; it must return bytes, an iterator of bytes or an Answer"),
        (lambda _: Answer(body="text"), "'body' must be"),
        (lambda _: Answer(body=b"", custom_attributes="two\nlines"), "which an HTTP header cannot carry"),
        (lambda _: next(iter(())), "the model raised StopIteration"),
    ],
)
async def test_an_answer_that_cannot_be_sent_is_a_model_error(model: Callable[[Invocation], bytes], words: str) -> None:
    """A slip in the model must come back as a failure; a call that hangs, or a broken response, would explain nothing."""
    with pytest.raises(ModelError, match=words):
        await invoke(model)


@pytest.mark.twice
async def test_the_server_goes_on_after_a_model_failed() -> None:
    """One bad request is the usual test of error handling, with good ones after it."""

    def divide(invocation: Invocation) -> bytes:
        return b"%d" % (12 // int(invocation.body))

    async with LocalEndpoint({"it": divide}) as local, Client(local.options()) as client:
        with pytest.raises(ModelError, match="division"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"0"))
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"4"))

    assert b"3" == output.body


def piece_by_piece(invocation: Invocation) -> Iterator[bytes]:
    yield invocation.body


@pytest.mark.twice
@pytest.mark.usefixtures("full_executor")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("model", [plain, piece_by_piece, MultiModel(lambda name: plain, capacity=1)])
async def test_no_model_needs_a_thread_of_the_loops_executor(model: Model | MultiModel, host: str) -> None:
    """What a program runs there may itself wait for a call to the local endpoint."""
    async with (
        asyncio.timeout(20),
        LocalEndpoint({"it": model}, host=host) as local,
        Client(local.options(), override(retryer=NopRetryer())) as client,
    ):
        params = InvokeEndpointInput(
            endpoint_name="it", body=b"1", target_model="m" if isinstance(model, MultiModel) else None
        )
        while True:
            try:
                output = await client.invoke_endpoint(params)
            except ModelNotReadyException:  # it loads
                continue
            break

    assert b"1" == output.body
