"""What tracing and metrics see of a bulk run, and what a user's own plugin can see."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bulk.doubling import doubling, numbers
from opentelemetry.trace import StatusCode
from plugins.otel import ATTEMPT, CALL, PARENT, Measures, Spans, id_of, parent_of, under

from sagemaker_runtime import Client, Stack, with_api_options
from sagemaker_runtime.bulk import BulkError, BulkInterval, BulkRun, JSONBody, RunObserver, run_bulk
from sagemaker_runtime.local import LocalEndpoint, ModelFailure
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.tracing import BULK, Tracing

LIST = JSONBody(key="instances", max_rows=10)
ENDPOINT = {"rpc.service": "SageMaker Runtime", "aws.sagemaker.endpoint_name": "doubled"}


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"doubled": doubling(ModelFailure("unlucky"))}) as endpoint:
        yield endpoint


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of 40 numbers."""
    return numbers(tmp_path, 40)


async def test_a_run_is_a_span_and_each_call_a_trace_with_a_link_to_it(
    local: LocalEndpoint, rows: Path, tmp_path: Path
) -> None:
    """A million calls in one trace could be neither stored nor shown; as traces of their own they are sampled one by one."""
    spans = Spans()
    options = local.options()
    options.api_options = [Tracing(spans.provider)]

    async with Client(options) as client:
        with under(PARENT):
            report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    run, calls = spans.one(BULK), spans.named(CALL)
    assert PARENT.span_id == parent_of(run)
    assert {
        "aws.sagemaker.endpoint_name": "doubled",
        "aws.sagemaker.bulk.run_id": report.run_id,
        "aws.sagemaker.bulk.resumed": False,
        "aws.sagemaker.bulk.records": 40,
        "aws.sagemaker.bulk.dead_letters": 1,
    } == dict(run.attributes or {})
    assert StatusCode.UNSET is run.status.status_code
    assert report.requests == len(calls) == len({call.context.trace_id for call in calls})
    assert {(None, id_of(run))} == {(parent_of(call), *(link.context.span_id for link in call.links)) for call in calls}
    assert {id_of(call) for call in calls} == {parent_of(attempt) for attempt in spans.named(ATTEMPT)}


async def test_a_run_that_stops_is_a_failed_span_and_the_next_one_knows_its_run(
    local: LocalEndpoint, rows: Path, tmp_path: Path
) -> None:
    """Both have the run's id, by which they are found together."""
    spans = Spans()
    tracing = with_api_options(Tracing(spans.provider))

    async with Client(local.options()) as client:
        with pytest.raises(BulkError):
            await run_bulk(client, "doubled", rows, tmp_path / "out", tracing, body=LIST, max_errors=0, limit=1)
        await run_bulk(client, "doubled", rows, tmp_path / "out", tracing, body=LIST)

    stopped, finished = spans.named(BULK)
    assert (StatusCode.ERROR, "BulkError") == (stopped.status.status_code, (stopped.attributes or {})["error.type"])
    assert [False, True] == [(each.attributes or {})["aws.sagemaker.bulk.resumed"] for each in (stopped, finished)]
    assert 1 == len({(each.attributes or {})["aws.sagemaker.bulk.run_id"] for each in (stopped, finished)})
    assert 40 == sum((each.attributes or {})["aws.sagemaker.bulk.records"] for each in (stopped, finished))  # type: ignore[misc]


async def test_a_call_behind_a_run_is_a_child_again(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """What the run has put into the context ends with it."""
    from sagemaker_runtime import InvokeEndpointInput

    spans = Spans()
    options = local.options()
    options.api_options = [Tracing(spans.provider)]
    async with Client(options) as client:
        with under(PARENT):
            await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
            spans.exporter.clear()
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="doubled", body=b'{"instances": []}'))

    assert PARENT.span_id == parent_of(spans.one(CALL))
    assert not spans.one(CALL).links


async def test_records_dead_letters_and_the_limit_are_measured(
    local: LocalEndpoint, rows: Path, tmp_path: Path
) -> None:
    """For an alarm on dead letters, and a chart of how fast a run is; behind it, nothing is in flight, and nothing is allowed."""
    measures, seen = Measures(), []
    options = local.options()
    options.api_options = [Metrics(measures.provider), Keeping(seen)]

    async with Client(options) as client:
        await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, limit=3)

    assert 40 == measures.value("client.bulk.records", ENDPOINT)
    assert 1 == measures.value("client.bulk.dead_letters", {**ENDPOINT, "error.type": "ModelError"})
    assert {3} == {interval.limit for interval in seen}
    assert (0, 0) == (measures.value("client.bulk.limit", ENDPOINT), measures.value("client.bulk.in_flight", ENDPOINT))
    units = {name: metric.unit for name, metric in measures.collect().items() if name.startswith("client.bulk")}
    assert {"records": "{record}", "dead_letters": "{record}", "limit": "{call}", "in_flight": "{request}"} == {
        name.removeprefix("client.bulk."): unit for name, unit in units.items()
    }


class Keeping:
    """A user's plugin: it does nothing with calls, and keeps what it is told of runs."""

    def __init__(self, seen: list[BulkInterval], *, fails: bool = False) -> None:
        self.seen = seen
        self.runs: list[BulkRun] = []
        self.fails = fails

    def __call__(self, stack: Stack) -> None: ...

    @contextmanager
    def observe_run(self, run: BulkRun) -> Generator[Callable[[BulkInterval], None]]:
        self.runs.append(run)
        yield self.keep

    def keep(self, interval: BulkInterval) -> None:
        self.seen.append(interval)
        if self.fails:
            raise ValueError("of the plugin")


async def test_a_plugin_of_a_users_own_sees_a_run(local: LocalEndpoint, rows: Path, tmp_path: Path) -> None:
    """In the options of the client, or of the run alone."""
    keeping = Keeping([])
    assert isinstance(keeping, RunObserver)

    async with Client(local.options()) as client:
        report = await run_bulk(client, "doubled", rows, tmp_path / "out", with_api_options(keeping), body=LIST)

    assert [BulkRun("doubled", report.run_id, resumed=False, retry=0)] == keeping.runs
    assert (39, 1) == (
        sum(each.succeeded for each in keeping.seen),
        sum(each.failures.get("ModelError", 0) for each in keeping.seen),
    )


async def test_a_plugin_that_fails_does_not_stop_a_run(
    local: LocalEndpoint, rows: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in what looks on is no reason to lose a night's work; it is said, once."""
    keeping = Keeping([], fails=True)

    with caplog.at_level(logging.ERROR, "sagemaker_runtime"):
        async with Client(local.options()) as client:
            report = await run_bulk(client, "doubled", rows, tmp_path / "out", with_api_options(keeping), body=LIST)

    assert (40, 1) == (report.records, len(keeping.seen))
    assert ["an observer of bulk runs has raised, and is no longer called"] == [each.message for each in caplog.records]
