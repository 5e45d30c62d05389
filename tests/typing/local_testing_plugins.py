"""The local endpoint, the testing kit and the plugins as a checker sees them. Never run; see ``api.py``."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from sagemaker_runtime import (
    APIOption,
    BuildHandler,
    BuildInput,
    Client,
    Clock,
    Credentials,
    Headers,
    HTTPClient,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    ModelStreamError,
    Options,
    Output,
    Request,
    Response,
    ResponseStream,
    StreamWatcher,
    append_custom_attributes,
    build_middleware,
    with_api_options,
)
from sagemaker_runtime.context import Context
from sagemaker_runtime.local import (
    Answer,
    Backend,
    Container,
    Exchange,
    Fault,
    InferenceComponents,
    InjectedFault,
    Invocation,
    Latency,
    LocalEndpoint,
    MultiModel,
    RandomFaults,
    Reset,
    Sessions,
    StreamError,
    Throttled,
    Variants,
)
from sagemaker_runtime.plugins.circuit_breaker import Circuit, CircuitBreaker, CircuitState
from sagemaker_runtime.plugins.concurrency import ConcurrencyLimit, KneeLimit
from sagemaker_runtime.plugins.custom_attributes import CustomAttributes
from sagemaker_runtime.plugins.hedging import HEDGED, Hedging
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.response_cache import CACHE_AGE, ResponseCache
from sagemaker_runtime.plugins.tracing import Tracing
from sagemaker_runtime.plugins.waterfall import WATERFALL, Trace, Waterfall
from sagemaker_runtime.testing import (
    ManualClock,
    Recorder,
    Replayer,
    SentRequest,
    StubHTTPClient,
    StubOperations,
    assert_conforms,
    respond,
    respond_error,
    respond_stream,
    stream_output,
)

# The local endpoint.


def shout(invocation: Invocation) -> bytes:
    """A model."""
    return invocation.body.upper()


async def count(invocation: Invocation) -> AsyncIterator[bytes]:
    """A model that streams."""
    yield invocation.body


async def say(invocation: Invocation) -> Answer:
    """A model with more to say than bytes."""
    assert_type(invocation.content_type, str | None)
    return Answer(body=iter([b"a", b"b"]), content_type="text/plain")


def text(invocation: Invocation) -> str:
    """A model that gives what cannot be sent."""
    return str(invocation)


def bare() -> bytes:
    """A model that takes nothing."""
    return b""


class Echo:
    """A backend of a user's own."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """The same again."""
        return Answer(body=invocation.body)


class Deaf:
    """It never starts, so it is no backend."""

    async def invoke(self, invocation: Invocation) -> Answer:
        """The same again."""
        return Answer(body=invocation.body)


def backends() -> None:
    """What may stand for an endpoint, also within another."""
    backend: Backend = Echo()
    variants = Variants({"old": (Container("http://127.0.0.1:8080", timeout=5), 9), "new": (say, 1.0)}, seed=7)
    models = MultiModel(lambda name: shout, capacity=2)
    components = InferenceComponents({"a": Sessions(variants, lifetime=60.0, clock=ManualClock()), "b": models})
    LocalEndpoint({"shout": shout, "count": count, "echo": backend, "shared": components})
    LocalEndpoint({"shout": lambda invocation: invocation.body})

    LocalEndpoint({"text": text})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    LocalEndpoint({"bare": bare})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    LocalEndpoint({"deaf": Deaf()})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    LocalEndpoint({"class": Echo})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    LocalEndpoint({"shout": shout}, 4570)  # type: ignore[arg-type, call-arg] # pyright: ignore[reportCallIssue]
    LocalEndpoint({"shout": shout}, prot=4570)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    LocalEndpoint({"shout": shout}, credentials=("key", "secret"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Variants({"old": shout})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    MultiModel({"a": shout})  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Container("http://127.0.0.1:8080", 5.0)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Answer(b"")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Answer(body="text")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Invocation(endpoint_name="iris", body="text")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def local_endpoint() -> None:
    """What it takes, and what it gives."""
    faults = RandomFaults({Throttled(): 0.05, Latency(0.2): 0.1}, seed=7)
    keys = Credentials("key", "secret", expires_at=1.0)
    async with LocalEndpoint({"shout": shout}, faults=faults, credentials=keys, clock=ManualClock()) as local:
        assert_type(local, LocalEndpoint)
        assert_type(local.options(), Options)
        local.inject("shout", Reset(after_head=True), call=1, times=2)
        local.fail("shout", call=3, error="ModelError")
        assert_type(local.calls("shout"), int)
        assert_type(local.faults, list[InjectedFault])
        assert_type(local.faults[0].fault, Fault)
        assert_type(local.journal[0], Exchange)
        assert_type(local.journal[1:], list[Exchange])
        assert_type(local.journal.of("shout")[0].status, int | None)
        assert_type(local.journal[0].invocation, Invocation | None)

        local.inject("shout", Reset, call=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        local.inject("shout", Reset(), 1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        local.inject("shout", "Reset", call=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        local.fail("shout")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        local.url = "http://127.0.0.1"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
        _ = local.journal[0].invocation.body  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    with LocalEndpoint({"shout": shout}) as threaded:
        assert_type(threaded, LocalEndpoint)
    RandomFaults({Reset(): 0.1})  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    RandomFaults({"Reset": 0.1}, seed=7)  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    StreamError(after="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def runs(sagemaker_runtime_local: type[LocalEndpoint]) -> None:
    """The fixture is `LocalEndpoint`, with its arguments."""
    assert_type(sagemaker_runtime_local({"shout": shout}, region="eu-west-1"), LocalEndpoint)
    sagemaker_runtime_local(shout)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


# The testing kit.


async def stubs() -> None:
    """A script takes responses, exceptions and functions; what was sent has types."""
    clock: Clock = ManualClock()
    stub = StubHTTPClient([respond(b"7").after(1.0), respond_error("ThrottlingException"), OSError(), by_path])
    transport: HTTPClient = stub
    client = Client(Options(http_client=transport, clock=clock))
    await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))
    assert_type(stub.requests, list[SentRequest])
    assert_type(stub.requests[0].attempt, int)
    assert_type(stub.requests[0].endpoint_name, str | None)
    StubHTTPClient([respond_stream([b"a"], error=ModelStreamError("broken"))], repeat=True, clock=ManualClock())
    recorded: HTTPClient = Recorder(transport, "calls.json")
    replayed: HTTPClient = Replayer("calls.json")
    Client(Options(http_client=recorded), with_api_options())
    Client(Options(http_client=replayed))

    StubHTTPClient([b"7"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    StubHTTPClient([respond])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    StubHTTPClient([respond("7")])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    StubHTTPClient([respond_stream(b"a")])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    StubHTTPClient([respond(b"7")], ManualClock())  # type: ignore[arg-type, call-arg] # pyright: ignore[reportCallIssue]
    respond_error(ModelStreamError)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def by_path(request: Request) -> Response | BaseException:
    """A script's function."""
    return OSError(request.path)


def operations() -> None:
    """Answers for whole operations; only those that there are."""
    stub = StubOperations()
    stub.on("InvokeEndpoint", InvokeEndpointOutput(body=b"7"), when=lambda parameters: parameters.endpoint_name == "a")
    stub.on("InvokeEndpointWithResponseStream", stream_output([b"a"]))
    option: APIOption = stub
    Client(stub.options(), with_api_options(option))

    stub.on("InvokeEndpoint", b"7")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stub.on("InvokeEndpoint", InvokeEndpointOutput)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@build_middleware("Tag")
async def tag(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
    """A middleware of a user's own."""
    return await next(ctx, step)


async def conforms() -> None:
    """Takes a middleware, and no function that was not made one."""
    await assert_conforms(tag, repeats=True, state=["seen"])
    await assert_conforms(CircuitBreaker())

    await assert_conforms(conforms)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await assert_conforms(CircuitBreaker)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert_conforms(tag)  # type: ignore[unused-coroutine] # pyright: ignore[reportUnusedCoroutine]


# The plugins.


async def plugins() -> None:
    """Each is an `APIOption` itself, and what it leaves in the metadata has a type."""
    everything: list[APIOption] = [
        CircuitBreaker(3, recovery_timeout=10.0),
        ConcurrencyLimit(32),
        KneeLimit(8, maximum=64),
        CustomAttributes("tenant=acme"),
        CustomAttributes(lambda ctx: str(len(ctx)), id="Length"),
        Hedging(percentile=99.0),
        CircuitBreaker(on_change=lambda url, old, new: (url, old.value, new.value)),
        ResponseCache(ttl=60.0, vary=("user-agent",), ignore=["x-request-id"]),
        Metrics(id="M"),
        Tracing(propagate_in_custom_attributes=True),
        Waterfall(on_finish=print),
    ]
    client = Client(Options(api_options=everything), with_api_options(ConcurrencyLimit(32)))
    output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b""))
    assert_type(output.result_metadata[WATERFALL], Trace)
    assert_type(output.result_metadata.get(CACHE_AGE), float | None)
    assert_type(output.result_metadata.get(HEDGED), bool | None)
    assert_type(CircuitBreaker().circuits, dict[str, Circuit])
    assert_type(CircuitBreaker().circuits["url"].state, CircuitState)
    append_custom_attributes(Headers(), "tenant=acme")

    with_api_options(CircuitBreaker)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with_api_options([ConcurrencyLimit(32)])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    CustomAttributes({"tenant": "acme"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ResponseCache()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    CircuitBreaker(on_change=print, max_circuits="1")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    append_custom_attributes({}, "tenant=acme")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ConcurrencyLimit("32")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Hedging(99.0)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Options(api_options=[ModelStreamError("broken")])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]


# What a plugin may watch.


class FirstPart:
    """Notified of a stream's first part and of its end."""

    def first_event(self, stream: ResponseStream) -> None:
        """The first part is there."""
        assert_type(stream.bytes_received, int)

    def closed(self, stream: ResponseStream, error: BaseException | None) -> None:
        """The stream has ended."""
        assert_type(stream.ended, bool)


class HalfNotified:
    """It has no ``closed``."""

    def first_event(self, stream: ResponseStream) -> None:
        """The first part is there."""


def watch(stream: ResponseStream) -> None:
    """A watcher has both methods."""
    watcher: StreamWatcher = FirstPart()
    stream.watch(watcher)
    stream.watch(HalfNotified())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    stream.watch(FirstPart)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def words() -> Iterator[bytes]:
    """Pieces of a response, and what is none."""
    Answer(body=words())
    Answer(body=[b"a", b"b"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    yield b""
