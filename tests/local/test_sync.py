"""The local endpoint in a plain ``with``: for tests, and programs, without an event loop."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from sagemaker_runtime import Client, ConfigError, InvokeEndpointInput, NopRetryer, ServiceUnavailable, override
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


def echo(invocation: Invocation) -> bytes:
    return invocation.body


async def echo_in_the_loop(invocation: Invocation) -> bytes:
    await asyncio.sleep(0)
    return invocation.body


def invoke(local: LocalEndpoint, body: bytes = b"1") -> bytes:
    """One call, in an event loop of its own."""

    async def call() -> bytes:
        async with Client(local.options(), override(retryer=NopRetryer())) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=body))
        return output.body

    return asyncio.run(call())


def loop_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "LocalEndpoint" in thread.name]


class Backend:
    """Answers, and fails where it is asked to."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.calls: list[str] = []

    async def start(self) -> None:
        await self._note("start")

    async def stop(self) -> None:
        await self._note("stop")

    async def invoke(self, invocation: Invocation) -> Answer:
        return Answer(body=invocation.body)

    async def _note(self, what: str) -> None:
        self.calls.append(what)
        if what == self.fails:
            raise ValueError(f"it will not {what}")


@pytest.mark.parametrize("model", [echo, echo_in_the_loop])
def test_a_plain_function_can_use_it(model: object) -> None:
    """Most test-suites are synchronous; the model may be of either kind."""
    with LocalEndpoint({"echo": model}) as local:
        body = invoke(local, b"hello")

        assert b"hello" == body
        assert 1 == local.calls("echo")
        assert 1 == len(loop_threads())

    assert [] == loop_threads()


def test_a_call_can_be_made_to_fail_from_the_callers_thread() -> None:
    """What is set on the endpoint here is read in another thread."""
    with LocalEndpoint({"echo": echo}) as local:
        local.fail("echo", call=2)

        first = invoke(local)
        with pytest.raises(ServiceUnavailable):
            invoke(local)
        third = invoke(local)

        assert (b"1", b"1") == (first, third)
        assert 3 == local.calls("echo")


async def test_an_asynchronous_test_can_use_it_too() -> None:
    """A fixture that is synchronous serves both kinds of tests: the endpoint's loop is not the test's."""
    with LocalEndpoint({"echo": echo_in_the_loop}) as local:
        async with Client(local.options()) as client:
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"1"))

    assert b"1" == output.body


def test_two_may_run_at_once_and_one_twice_in_a_row() -> None:
    """Each has its own thread, and leaves nothing behind that the next would meet."""
    outer, inner = LocalEndpoint({"echo": echo}), LocalEndpoint({"echo": lambda invocation: b"inner"})

    with outer:
        with inner:
            assert (b"1", b"inner") == (invoke(outer), invoke(inner))
        with inner:
            assert (b"1", b"inner") == (invoke(outer), invoke(inner))

    assert [] == loop_threads()
    assert (2, 2) == (outer.calls("echo"), inner.calls("echo"))


@pytest.mark.parametrize("error", [ValueError("of the test"), KeyboardInterrupt()])
def test_an_error_in_the_body_ends_it(error: BaseException) -> None:
    """A failing test, or Ctrl-C, must not leave a server behind."""
    local = LocalEndpoint({"echo": echo})
    ports: list[int] = []

    def use() -> None:
        with local:
            ports.append(int(local.url.rpartition(":")[2]))
            raise error

    with pytest.raises(type(error)) as raised:
        use()

    assert error is raised.value
    assert [] == loop_threads()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]))


def test_what_goes_wrong_at_the_start_is_raised_to_the_caller() -> None:
    """In the thread nobody would see it, and the caller would wait without end."""
    good, bad = Backend(), Backend(fails="start")
    local = LocalEndpoint({"good": good, "bad": bad})

    with pytest.raises(ValueError, match="it will not start"), local:
        pytest.fail("it was entered")

    assert ["start", "stop"] == good.calls
    assert [] == loop_threads()
    assert "<LocalEndpoint not running, with good, bad>" == repr(local)

    bad.fails = ""
    with local:
        assert "start" == bad.calls[-1]


def test_what_goes_wrong_at_the_end_is_raised_to_the_caller() -> None:
    """A backend that cannot let go of something must not do so in silence."""
    with pytest.raises(ValueError, match="it will not stop"), LocalEndpoint({"bad": Backend(fails="stop")}) as local:
        url = local.url

    assert url
    assert [] == loop_threads()
    with pytest.raises(ConfigError, match="not running"):
        local.options()


def test_no_model_is_at_work_when_it_has_ended() -> None:
    """One that is would write into the files, and the output, of the next test. A thread cannot be cancelled."""
    begun, released, done = threading.Event(), threading.Event(), threading.Event()

    def slow(invocation: Invocation) -> bytes:
        begun.set()
        released.wait(timeout=5)
        done.set()
        return b""

    async def call_and_leave(local: LocalEndpoint) -> None:
        async with Client(local.options()) as client:
            params = InvokeEndpointInput(endpoint_name="echo", body=b"")
            call = asyncio.create_task(client.invoke_endpoint(params))
            assert await asyncio.to_thread(begun.wait, 5)
            call.cancel()
            await asyncio.wait([call])

    with LocalEndpoint({"echo": slow}) as local:
        asyncio.run(call_and_leave(local))
        threading.Timer(0.05, released.set).start()

    assert done.is_set()


def test_one_that_runs_cannot_be_entered_again() -> None:
    """Its inner end would stop the server under the outer one."""
    with LocalEndpoint({"echo": echo}) as local:
        with pytest.raises(ConfigError, match="already running"), local:
            pytest.fail("it was entered")

        assert b"1" == invoke(local)


async def test_it_is_stopped_by_the_end_of_its_with_alone() -> None:
    """Its sockets belong to the loop in the thread; from here they would be closed only in part."""
    with LocalEndpoint({"echo": echo}) as local:
        with pytest.raises(ConfigError, match="the end of its `with` stops it"):
            await local.stop()

        assert b"1" == await asyncio.to_thread(invoke, local)
