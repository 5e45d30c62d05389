"""`invoke_many`: each record is sent, each result is given, and what is about all records is raised."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing

import pytest
from attrs import evolve
from support import ManualClock, ScriptedHTTPClient, answer, client as scripted

from sagemaker_runtime import (
    Client,
    ConfigError,
    ConnectError,
    CredentialsError,
    EndpointError,
    InvalidParamsError,
    InvokeEndpointInput,
    ModelError,
    ReadTimeoutError,
    ServiceError,
    StandardRetryer,
    StaticCredentialsProvider,
    SyncClient,
    ValidationError,
    override,
)
from sagemaker_runtime.bulk import PatientRetryer, Result, invoke_many
from sagemaker_runtime.local import Invocation, LocalEndpoint, RandomFaults, Reset, Throttled
from sagemaker_runtime.plugins.concurrency import KneeLimit


def echo(invocation: Invocation) -> bytes:
    return invocation.body


def picky(invocation: Invocation) -> bytes:
    if invocation.body.endswith(b"7"):
        raise ValueError("no")
    return invocation.body


async def never(invocation: Invocation) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    models = {"echo": echo, "picky": picky, "never": never}
    async with LocalEndpoint(models) as endpoint:
        yield endpoint


def records(number: int, name: str = "echo") -> Iterator[InvokeEndpointInput]:
    return (InvokeEndpointInput(endpoint_name=name, body=b"%d" % index) for index in range(number))


async def later(number: int) -> AsyncIterator[InvokeEndpointInput]:
    for record in records(number):
        await asyncio.sleep(0)
        yield record


@pytest.mark.parametrize("source", [records, later])
@pytest.mark.parametrize("number", [0, 1, 500])
async def test_each_record_has_its_result_in_order(client: Client, source: Callable[..., object], number: int) -> None:
    """From an ordinary source and from an asynchronous one, of any length."""
    results = [result async for result in invoke_many(client, source(number))]  # type: ignore[call-overload]

    assert [result.index for result in results] == list(range(number))
    assert [result.output.body for result in results] == [b"%d" % index for index in range(number)]
    assert all(result.error is None for result in results)


async def test_results_come_as_they_are_made_if_order_does_not_matter() -> None:
    """A slow record holds up none of the others."""
    others = asyncio.Event()  # set when all their results have come

    async def model(invocation: Invocation) -> bytes:
        if invocation.body == b"0":
            await others.wait()
        return invocation.body

    indexes: list[int] = []
    async with asyncio.timeout(60), LocalEndpoint({"echo": model}) as local, Client(local.options()) as client:
        async for result in invoke_many(client, records(8), limit=8, ordered=False):
            indexes.append(result.index)
            if len(indexes) == 7:
                others.set()

    assert 0 == indexes[-1]
    assert list(range(8)) == sorted(indexes)


@pytest.mark.parametrize("source", [records, later])
async def test_a_slow_record_does_not_keep_those_behind_it_from_being_sent(source: Callable[..., object]) -> None:
    """It takes one place; in order, the results of the others wait for its own, and their places go to new records."""
    last = asyncio.Event()

    async def model(invocation: Invocation) -> bytes:
        if invocation.body == b"0":
            await last.wait()
        if invocation.body == b"19":
            last.set()
        return invocation.body

    async with asyncio.timeout(60), LocalEndpoint({"echo": model}) as local, Client(local.options()) as client:
        results = [result.index async for result in invoke_many(client, source(20), limit=2)]  # type: ignore[call-overload]

    assert results == list(range(20))


async def test_the_error_of_a_record_is_its_result(client: Client) -> None:
    """The others go on; asking a failed record for its output raises."""
    results = [result async for result in invoke_many(client, records(30, "picky"))]

    assert [result.index for result in results if result.error is not None] == [7, 17, 27]
    with pytest.raises(ModelError):
        _ = results[7].output


async def test_an_input_that_breaks_the_model_is_its_records_error(client: Client) -> None:
    """Nothing is sent for it, and the run goes on."""
    wrong = InvokeEndpointInput(endpoint_name="echo", body=b"b", inference_id="no!\n")
    inputs = [InvokeEndpointInput(endpoint_name="echo", body=b"a"), wrong]

    good, bad = [result async for result in invoke_many(client, inputs)]

    assert good.output.body == b"a"
    assert isinstance(bad.error, InvalidParamsError)


async def test_the_first_error_ends_it_where_that_is_asked_for(client: Client) -> None:
    """After all results before it; the error says of which record it is."""
    given: list[int] = []

    async def read() -> None:
        async for result in invoke_many(client, records(100, "picky"), on_error="raise"):
            given.append(result.index)  # noqa: PERF401 - what came before the error is to be seen

    with pytest.raises(ModelError) as caught:
        await read()

    assert given == list(range(7))
    assert caught.value.__notes__ == ["of record 7"]


class NoCredentials:
    """A machine without a role."""

    async def retrieve(self) -> object:
        raise CredentialsError("none")


RUN_ERRORS: dict[str, tuple[list[object], type[Exception]]] = {
    "unknown endpoint": ([], ValidationError),
    "impossible endpoint": ([], InvalidParamsError),
    "wrong secret": ([override(credentials=StaticCredentialsProvider("AKID", "wrong"))], ServiceError),
    "no credentials": ([override(credentials=NoCredentials())], CredentialsError),  # type: ignore[arg-type]
    "unknown region": ([override(base_endpoint=None, region="atlantis")], EndpointError),
}


@pytest.mark.parametrize("name", RUN_ERRORS)
async def test_what_every_record_would_meet_is_raised(client: Client, name: str) -> None:
    """A dead letter for each of a million records would help nobody."""
    options, error = RUN_ERRORS[name]
    endpoint = {"unknown endpoint": "nowhere", "impossible endpoint": "no!"}.get(name, "echo")

    with pytest.raises(error):
        async for _ in invoke_many(client, records(100, endpoint), *options):  # type: ignore[call-overload]
            pass


async def test_half_of_all_attempts_may_be_throttled_and_no_record_fails() -> None:
    """The quota of a client's retryer loses a third of them."""
    clock, faults = ManualClock(), RandomFaults({Throttled(): 0.5}, seed=7)
    async with LocalEndpoint({"echo": echo}, faults=faults, clock=clock) as local, Client(local.options()) as client:
        eager = override(clock=clock)
        results = [result async for result in invoke_many(client, records(2_000), eager)]

    assert len(results) == 2_000
    assert [result.error for result in results if result.error is not None] == []


async def test_lost_connections_are_made_up_for() -> None:
    """As often as it takes."""
    clock, faults = ManualClock(), RandomFaults({Reset(): 0.4}, seed=7)
    async with LocalEndpoint({"echo": echo}, faults=faults, clock=clock) as local, Client(local.options()) as client:
        eager = override(clock=clock)
        results = [result async for result in invoke_many(client, records(300), eager)]

    assert [result.output.body for result in results] == [b"%d" % index for index in range(300)]


async def test_no_more_are_taken_than_are_sent(client: Client) -> None:
    """A source of a billion records must not be read into memory, however slowly results are taken."""
    taken = 0

    def endless() -> Iterator[InvokeEndpointInput]:
        nonlocal taken
        while True:
            taken += 1
            yield InvokeEndpointInput(endpoint_name="echo", body=b"x")

    async with aclosing(invoke_many(client, endless(), limit=4)) as results:
        for _ in range(10):
            await anext(results)
            await asyncio.sleep(0.01)

    assert taken <= 10 * 4 + 4


async def test_a_fixed_limit_is_kept() -> None:
    """No more at once, from the first call on."""
    now = most = 0

    async def count(invocation: Invocation) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return b""

    async with LocalEndpoint({"echo": count}) as local, Client(local.options()) as client:
        assert len([result async for result in invoke_many(client, records(60), limit=3)]) == 60

    assert most == 3


async def test_a_limit_may_be_shared_and_watched(client: Client) -> None:
    """Two runs through one client have one endpoint between them."""
    limit = KneeLimit(2, maximum=2)

    async def run() -> int:
        return len([result async for result in invoke_many(client, records(50), limit=limit)])

    assert await asyncio.gather(run(), run()) == [50, 50]
    assert limit.limits["echo"].limit == 2


async def test_leaving_cancels_what_is_under_way(client: Client, local: LocalEndpoint) -> None:
    """And so does a cancellation of the reader; nothing of it is left in the loop."""

    async def read() -> None:
        async with aclosing(invoke_many(client, records(10, "never"))) as results:
            async for _ in results:
                pass

    reading = asyncio.create_task(read())
    while len(local.journal) < 4:
        await asyncio.sleep(0.001)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert not [task for task in asyncio.all_tasks() if "Workload" in repr(task.get_coro())]


async def test_a_source_that_fails_ends_it(client: Client) -> None:
    """A file that breaks off is no end."""

    def broken() -> Iterator[InvokeEndpointInput]:
        yield from records(3)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        async for _ in invoke_many(client, broken()):
            pass


@pytest.mark.parametrize(("repeats", "expected"), [(False, ReadTimeoutError), (True, None)])
async def test_a_read_timeout_is_what_the_clients_policy_says(
    *, repeats: bool, expected: type[Exception] | None
) -> None:
    """The model may be running: it is the record's error unless somebody has said that it may run twice."""
    transport = ScriptedHTTPClient([ReadTimeoutError("late"), answer(200, b"ok")])
    async with scripted(transport, retryer=StandardRetryer(retry_read_timeouts=repeats)) as client:
        [result] = [each async for each in invoke_many(client, records(1))]

    assert (None if result.error is None else type(result.error)) is expected


def test_an_endpoint_that_nobody_has_reached_for_a_minute_is_given_up() -> None:
    """A misspelt host would be asked for ever; one that has responded once is waited for."""
    retryer = PatientRetryer(StandardRetryer(), draw=lambda: 0.5)
    refused = [ConnectError("refused")]

    assert retryer.delay(refused, elapsed=59.0) is not None
    assert retryer.delay(refused, elapsed=60.0) is None
    retryer.succeeded(())
    assert retryer.delay([ConnectError("refused")] * 50, elapsed=3_600.0) == 2.5


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": True}, {"limit": "4"}, {"on_error": "skip"}])
def test_arguments_that_make_no_sense_are_refused_at_once(arguments: dict[str, object]) -> None:
    """Not when the first result is asked for."""
    with pytest.raises(ConfigError):
        invoke_many(scripted(), records(1), **arguments)  # type: ignore[call-overload]


def test_a_synchronous_client_has_it_as_an_ordinary_iterator() -> None:
    """Inputs are taken in the caller's thread, where a generator may do what it likes, such as call."""
    here: set[str] = set()

    def source(client: SyncClient) -> Iterator[InvokeEndpointInput]:
        for record in records(300):
            here.add(threading.current_thread().name)
            yield evolve(record, body=client.invoke_endpoint(record).body) if record.body == b"5" else record

    with LocalEndpoint({"echo": echo, "picky": picky}) as local, SyncClient(local.options()) as client:
        results = list(invoke_many(client, source(client)))
        with closing(invoke_many(client, records(1_000))) as some:
            assert next(some).output.body == b"0"
        with pytest.raises(ModelError):
            list(invoke_many(client, records(20, "picky"), on_error="raise"))

    assert [result.output.body for result in results] == [b"%d" % index for index in range(300)]
    assert here == {threading.current_thread().name}


def test_an_asynchronous_source_is_refused_for_a_synchronous_client() -> None:
    """It would have to run in a loop that is not the caller's."""
    with (
        LocalEndpoint({"echo": echo}) as local,
        SyncClient(local.options()) as client,
        pytest.raises(ConfigError, match="a SyncClient takes an ordinary one"),
    ):
        invoke_many(client, later(3))  # type: ignore[call-overload]


async def test_memory_does_not_grow_with_the_number_of_records(client: Client) -> None:
    """What is done is forgotten."""
    seen = 0
    async for result in invoke_many(client, records(3_000)):
        seen += result.error is None
    del result
    gc.collect()

    assert seen == 3_000
    assert sum(isinstance(each, Result) for each in gc.get_objects()) < 10
