"""`SyncClient`: the calls of `Client` for code that knows nothing of an event loop, from any number of threads."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from attrs import fields

from sagemaker_runtime import (
    Client,
    ClientClosedError,
    ConfigError,
    Context,
    FinalizeInput,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamOutput,
    ModelError,
    Options,
    SageMakerRuntimeError,
    Timeout,
    TotalTimeoutError,
    finalize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.sync import LoopThread, SyncClient, SyncResponseStreamOutput

PARAMS = InvokeEndpointInput(endpoint_name="echo", body=b"5.1,3.5")


def echo(invocation: Invocation) -> bytes:
    return invocation.body


def fail(invocation: Invocation) -> Answer:
    return Answer(500, b"no")


async def story(invocation: Invocation):
    for number in range(int(invocation.body)):
        yield b"part %d\n" % number


async def never(invocation: Invocation) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEndpoint]:
    with LocalEndpoint({"echo": echo, "fail": fail, "story": story, "never": never}) as endpoint:
        yield endpoint


@pytest.fixture
def client(local: LocalEndpoint) -> Iterator[SyncClient]:
    with SyncClient(local.options()) as made:
        yield made


def threads_of_clients() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "sagemaker-runtime"}


def test_it_has_every_call_of_the_asynchronous_client_with_the_same_parameters() -> None:
    """A call that is added to one and forgotten in the other would be found by a user."""
    # What s3_client gives awaits: `run` is there for it.
    public = {name for name in dir(Client) if not name.startswith("_")} - {"s3_client"}

    assert public | {"run"} == {name for name in dir(SyncClient) if not name.startswith("_")}
    for name in public - {"options"}:
        mine, theirs = (inspect.signature(getattr(cls, name)).parameters for cls in (SyncClient, Client))
        assert [(each.name, each.kind, each.default) for each in mine.values()] == [
            (each.name, each.kind, each.default) for each in theirs.values()
        ], name


def test_the_output_of_a_stream_has_the_members_of_the_asynchronous_one() -> None:
    """A member that the model adds is in both."""
    assert [each.name for each in fields(SyncResponseStreamOutput)] == sorted(
        [each.name for each in fields(InvokeEndpointWithResponseStreamOutput)],
        key=[each.name for each in fields(SyncResponseStreamOutput)].index,
    )


def test_a_call_returns_what_the_model_answers(client: SyncClient) -> None:
    """And its facts, by the same keys."""
    output = client.invoke_endpoint(PARAMS, override(timeout=Timeout(total=10)))

    assert output.body == b"5.1,3.5"
    assert output.invoked_production_variant == "AllTraffic"


def test_a_coroutine_function_of_ones_own_runs_in_its_loop(client: SyncClient) -> None:
    """For what is asynchronous only, such as many calls at once."""

    async def three(found: Client) -> list[bytes]:
        return [output.body for output in await asyncio.gather(*(found.invoke_endpoint(PARAMS) for _ in range(3)))]

    assert client.run(three) == [b"5.1,3.5"] * 3


def test_a_call_raises_what_the_asynchronous_one_raises(client: SyncClient) -> None:
    """With the caller's own line in the traceback."""
    with pytest.raises(ModelError) as caught:
        client.invoke_endpoint(InvokeEndpointInput(endpoint_name="fail", body=b""))

    assert "test_a_call_raises" in caught.traceback[0].name
    assert caught.value.operation == "InvokeEndpoint"


def test_an_asynchronous_inference_is_queued_and_waited_for(client: SyncClient) -> None:
    """Both halves without an event loop."""
    queued = client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="echo", body=b"later"))

    assert client.wait_for_output(queued, timeout=20).body == b"later"


def test_threads_share_one_loop_and_lose_nothing(client: SyncClient) -> None:
    """A web server with sixteen threads has one client."""

    def call(number: int) -> bytes:
        return client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"%d" % number)).body

    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(call, range(800)))

    assert bodies == [b"%d" % number for number in range(800)]
    assert len(threads_of_clients()) == 1


def test_no_thread_is_left_after_close_and_none_is_made_before_a_call(local: LocalEndpoint) -> None:
    """A client at module level costs nothing in a process that never calls."""
    client = SyncClient(local.options())
    assert threads_of_clients() == set()
    assert "Retry" in client.stack("InvokeEndpoint").finalize.ids()
    assert client.options.region == "us-east-1"

    client.invoke_endpoint(PARAMS)
    assert len(threads_of_clients()) == 1
    client.close()
    client.close()

    assert threads_of_clients() == set()
    with pytest.raises(ClientClosedError, match="make a new one"):
        client.invoke_endpoint(PARAMS)


def test_a_closed_client_that_never_called_refuses_too(local: LocalEndpoint) -> None:
    """It must not start a thread then."""
    client = SyncClient(local.options())
    client.close()

    with pytest.raises(ClientClosedError):
        client.invoke_endpoint(PARAMS)
    assert threads_of_clients() == set()


def test_a_client_that_is_dropped_takes_its_thread_along(local: LocalEndpoint) -> None:
    """Nobody closes a client that was made in a function."""
    client = SyncClient(local.options())
    client.invoke_endpoint(PARAMS)
    [thread] = threads_of_clients()
    del client
    gc.collect()

    thread.join(20)
    assert not thread.is_alive()


def test_closing_ends_the_calls_of_other_threads(local: LocalEndpoint) -> None:
    """Each of them, those too that have not begun; none hangs."""
    client = SyncClient(local.options())
    client.invoke_endpoint(PARAMS)
    outcomes: list[str] = []
    began = threading.Barrier(9)

    def call() -> None:
        began.wait()
        try:
            client.invoke_endpoint(InvokeEndpointInput(endpoint_name="never", body=b""))
        except SageMakerRuntimeError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    began.wait()
    client.close()
    for thread in threads:
        thread.join(20)

    assert outcomes == ["ClientClosedError"] * 8


def test_middleware_sees_the_callers_context_variables(local: LocalEndpoint) -> None:
    """The current span of OpenTelemetry is one."""
    tenant: ContextVar[str] = ContextVar("tenant")
    seen: list[str] = []

    @finalize_middleware("See")
    def see(ctx: Context, step: FinalizeInput, next):
        seen.append(tenant.get())
        return next(ctx, step)

    with SyncClient(local.options(), with_api_options(lambda stack: stack.finalize.add(see))) as client:
        for name in ("acme", "globex"):
            tenant.set(name)
            client.invoke_endpoint(PARAMS)

    assert seen == ["acme", "globex"]


def test_a_call_from_its_own_loop_is_refused_with_what_to_do(local: LocalEndpoint) -> None:
    """It would wait for itself for ever."""
    clients: list[SyncClient] = []

    @finalize_middleware("CallAgain")
    def call_again(ctx: Context, step: FinalizeInput, next):
        clients[0].invoke_endpoint(PARAMS)
        return next(ctx, step)

    with SyncClient(local.options(), with_api_options(lambda stack: stack.finalize.add(call_again))) as client:
        clients.append(client)
        with pytest.raises(ConfigError, match="await an asynchronous Client"):
            client.invoke_endpoint(PARAMS)


async def test_a_call_from_another_running_loop_works(local: LocalEndpoint) -> None:
    """A notebook has a running loop in its main thread, which the call blocks as any other work would."""
    with SyncClient(local.options()) as client:
        assert client.invoke_endpoint(PARAMS).body == b"5.1,3.5"


def test_a_total_time_limit_holds(client: SyncClient) -> None:
    """The timers of the call are the loop's, in another thread."""
    with pytest.raises(TotalTimeoutError):
        client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="never", body=b""), override(timeout=Timeout(total=0.05))
        )


def test_a_handler_that_is_kept_opens_one_connection_for_a_hundred_calls() -> None:
    """A Lambda function is called again and again in one process."""
    with LocalEndpoint({"echo": echo}) as local, SyncClient(local.options()) as client:
        for _ in range(100):
            client.invoke_endpoint(PARAMS)

        assert len({exchange.connection for exchange in local.journal}) == 1


def test_what_is_loaded_is_what_load_config_finds(monkeypatch: pytest.MonkeyPatch, local: LocalEndpoint) -> None:
    """In a program without a loop, and in one that has a running loop."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": local.url,
    }.items():
        monkeypatch.setenv(name, value)

    async def in_a_loop() -> bytes:
        with SyncClient.load(region="us-east-1") as client:
            return client.invoke_endpoint(PARAMS).body

    async def asynchronously() -> bytes:
        async with await Client.load(override(timeout=Timeout(total=9)), region="us-east-1") as client:
            assert client.options.timeout.total == 9
            return (await client.invoke_endpoint(PARAMS)).body

    with SyncClient.load(override(timeout=Timeout(total=9)), region="us-east-1") as client:
        assert client.options.timeout.total == 9
        assert client.invoke_endpoint(PARAMS).body == b"5.1,3.5"
    assert asyncio.run(in_a_loop()) == b"5.1,3.5"
    assert asyncio.run(asynchronously()) == b"5.1,3.5"
    assert threads_of_clients() == set()


def test_options_that_make_no_sense_fail_where_the_client_is_made() -> None:
    """As they do for the asynchronous one."""
    with pytest.raises(ConfigError):
        SyncClient(Options(retry_max_attempts=0))


def test_a_middleware_may_close_its_client(local: LocalEndpoint) -> None:
    """It runs in the thread that would be waited for. The call itself has been ended with the others."""
    clients: list[SyncClient] = []

    @finalize_middleware("Close")
    async def close(ctx: Context, step: FinalizeInput, next):
        clients[0].close()
        return await next(ctx, step)

    client = SyncClient(local.options(), with_api_options(lambda stack: stack.finalize.add(close)))
    clients.append(client)
    with pytest.raises(ClientClosedError):
        client.invoke_endpoint(InvokeEndpointInput(endpoint_name="never", body=b""))
    client.close()

    assert threads_of_clients() == set()


def test_a_signal_handler_may_close_the_client_while_a_call_waits(local: LocalEndpoint) -> None:
    """As a server's handler of SIGTERM does, in the thread that it interrupts."""
    client = SyncClient(local.options())
    before = signal.signal(signal.SIGALRM, lambda *_: client.close())
    try:
        client.invoke_endpoint(PARAMS)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)  # again, for one that arrives just before the wait
        with pytest.raises(ClientClosedError):
            client.invoke_endpoint(InvokeEndpointInput(endpoint_name="never", body=b""))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert threads_of_clients() == set()


@pytest.mark.parametrize("what", ["close", "call"])
def test_a_signal_handler_may_use_the_client_while_its_thread_is_being_started(
    local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The lock of the start is held by the thread that the handler interrupts."""
    client = SyncClient(local.options())
    entering, began, go_on = threading.Event(), threading.Event(), threading.Event()
    stay = LoopThread._stay

    async def slow(self: LoopThread) -> None:
        if not entering.is_set():
            entering.set()
            await asyncio.to_thread(go_on.wait)
        await stay(self)

    def handle(number: int, frame: object) -> None:
        if began.is_set():
            return
        began.set()
        if what == "close":
            client.close()
        else:
            assert client.invoke_endpoint(PARAMS).body == b"5.1,3.5"
        go_on.set()

    def send() -> None:
        entering.wait()
        while not began.wait(0.02):  # one that arrives just before a lock is waited for does not end the wait
            os.kill(os.getpid(), signal.SIGALRM)

    monkeypatch.setattr(LoopThread, "_stay", slow)
    before = signal.signal(signal.SIGALRM, handle)
    threading.Thread(target=send).start()
    try:
        if what == "close":
            with pytest.raises(ClientClosedError):
                client.invoke_endpoint(PARAMS)
        else:
            assert client.invoke_endpoint(PARAMS).body == b"5.1,3.5"
    finally:
        signal.signal(signal.SIGALRM, before)
        client.close()
    for thread in threads_of_clients():
        thread.join(20)

    assert threads_of_clients() == set()


def test_a_client_is_neither_copied_nor_pickled(client: SyncClient) -> None:
    """As an argument of another process's task it would have no thread there; the error says where to make one."""
    for make in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="create one in each process"):
            make(client)


def test_five_hundred_threads_wait_for_their_turn(local: LocalEndpoint) -> None:
    """The limit of connections makes a call wait; none fails."""
    with SyncClient(local.options()) as client, ThreadPoolExecutor(500) as pool:
        bodies = list(pool.map(lambda _: client.invoke_endpoint(PARAMS).body, range(1000)))

    assert bodies == [b"5.1,3.5"] * 1000
