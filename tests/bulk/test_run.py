"""`run_bulk`: every record in the output or among the dead letters, once; and what stops a run says so by name."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from bulk.doubling import LIST, doubling, numbers

from sagemaker_runtime import (
    BEFORE,
    Client,
    ConfigError,
    Context,
    CredentialsError,
    InitializeHandler,
    InitializeInput,
    InvalidParamsError,
    InvokeEndpointInput,
    OptFn,
    Output,
    Stack,
    StandardRetryer,
    StaticCredentialsProvider,
    ValidationError,
    initialize_middleware,
    override,
    with_api_options,
)
from sagemaker_runtime.bulk import (
    BulkError,
    BulkInterval,
    BulkReport,
    BulkRun,
    JSONBody,
    JSONLines,
    JSONLinesBody,
    PatientRetryer,
    run_bulk,
)
from sagemaker_runtime.bulk.feeding import Feed
from sagemaker_runtime.bulk.local_folder import LocalDestination
from sagemaker_runtime.bulk.parts import Part
from sagemaker_runtime.bulk.places import InputFile
from sagemaker_runtime.bulk.plan import check_identity
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, RandomFaults, Reset, Throttled


def echo(invocation: Invocation) -> Answer:
    return Answer(body=invocation.body, content_type=invocation.content_type)


def lines(invocation: Invocation) -> Answer:
    """The same lines, if all of them are JSON."""
    for line in invocation.body.splitlines():
        json.loads(line)
    return echo(invocation)


def one_short(invocation: Invocation) -> bytes:
    return json.dumps(json.loads(invocation.body)["instances"][1:]).encode()


class Model:
    """A model that can be mended, and that remembers what it was asked."""

    def __init__(self) -> None:
        self.broken = True
        self.bodies: list[bytes] = []

    def __call__(self, invocation: Invocation) -> Answer:
        self.bodies.append(invocation.body)
        if self.broken:
            raise ValueError("broken")
        return Answer(body=invocation.body, content_type="application/json")


class Slow:
    """A model that answers when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    async def __call__(self, invocation: Invocation) -> Answer:
        self.asked.set()
        await self.may.wait()
        return Answer(body=invocation.body, content_type="application/json")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def local(model: Model, slow: Slow) -> AsyncIterator[LocalEndpoint]:
    models = {
        "doubled": doubling(indent=1),
        "echo": echo,
        "lines": lines,
        "short": one_short,
        "model": model,
        "slow": slow,
    }
    async with LocalEndpoint(models) as endpoint:
        yield endpoint


def written(folder: Path, pattern: str = "part-*") -> list[dict[str, object]]:
    """The lines of all parts, in order."""
    return [json.loads(line) for path in sorted(folder.glob(pattern)) for line in path.read_bytes().splitlines()]


def dead(folder: Path) -> list[dict[str, object]]:
    return written(folder, "dead-letters/*")


async def test_each_record_is_in_the_output_or_a_dead_letter_in_order(
    client: Client, rows: Path, tmp_path: Path
) -> None:
    """A record that spoils its request is found, and the others of the request have their results."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, format=JSONLines(shard_bytes=400))

    expected = [{"file": "rows.jsonl", "record": n, "output": 2 * n} for n in range(300) if n % 100 != 13]
    assert expected == written(tmp_path / "out")
    assert [13, 113, 213] == [letter["record"] for letter in dead(tmp_path / "out")]
    assert (297, 3, 300, {"ModelError": 3}) == (report.succeeded, report.failed, report.records, report.failures)


async def test_a_dead_letter_says_what_was_sent_and_what_came(client: Client, rows: Path, tmp_path: Path) -> None:
    """Enough to understand it, and to quote it to somebody."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    letter = dead(tmp_path / "out")[0]
    assert {
        "file": "rows.jsonl",
        "record": 13,
        "input": 13,
        "status": 424,
        "code": "ModelError",
    }.items() <= letter.items()
    assert "unlucky" in str(letter["message"])
    assert letter["request_id"]


async def test_a_record_that_is_not_json_is_a_dead_letter_without_a_call(
    client: Client, tmp_path: Path, local: LocalEndpoint
) -> None:
    """Two broken lines that make a list of the right length together are found as well."""
    (tmp_path / "rows.jsonl").write_text('1\n[2\n3], 4\nsecret": 5\n6\n')

    await run_bulk(client, "doubled", tmp_path / "rows.jsonl", tmp_path / "out", body=LIST)

    assert [0, 4] == [row["record"] for row in written(tmp_path / "out")]
    assert [1, 2, 3] == [letter["record"] for letter in dead(tmp_path / "out")]
    assert {"EncodeError"} == {letter["code"] for letter in dead(tmp_path / "out")}
    assert local.calls("doubled") == 2


async def test_a_line_among_others_that_is_not_json_is_a_dead_letter_alone(
    client: Client, tmp_path: Path, local: LocalEndpoint
) -> None:
    """Lines are sent as they stand; those of a request that the model refuses are then looked at."""
    lines = [f'{{"a": {number}}}\n' for number in range(8)]
    lines[5] = "{bad}\n"
    (tmp_path / "rows.jsonl").write_text("".join(lines))

    await run_bulk(client, "lines", tmp_path / "rows.jsonl", tmp_path / "out", body=JSONLinesBody(max_rows=4), limit=1)

    assert [0, 1, 2, 3, 4, 6, 7] == [row["output"]["a"] for row in written(tmp_path / "out")]  # type: ignore[index]
    assert [5] == [letter["record"] for letter in dead(tmp_path / "out")]
    assert [4, 4, 1, 2] == [exchange.body.count(b"\n") for exchange in local.journal]


async def test_a_response_with_another_number_of_answers_is_no_result(
    client: Client, rows: Path, tmp_path: Path
) -> None:
    """Which belongs to which record, nobody could say."""
    report = await run_bulk(client, "short", rows, tmp_path / "out", body=LIST)

    assert (0, 300, {"DecodeError": 300}) == (report.succeeded, report.failed, report.failures)
    assert all(letter["request_id"] for letter in dead(tmp_path / "out"))


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_throttled_and_lost_calls_lose_no_record(tmp_path: Path, number: int) -> None:
    """Half of all calls are throttled, and more are lost: each is tried again for as long as it takes."""
    (tmp_path / "rows.jsonl").write_text("1\n" * number)
    faults = RandomFaults({Throttled(): 0.5, Reset(): 0.05}, seed=3)
    at_once = override(retryer=PatientRetryer(StandardRetryer(), draw=lambda: 0.0))
    async with LocalEndpoint({"echo": echo}, faults=faults) as local, Client(local.options()) as client:
        report = await run_bulk(client, "echo", tmp_path / "rows.jsonl", tmp_path / "out", at_once)

    assert (number, 0) == (report.succeeded, report.failed)
    assert report.throttled > number / 2


async def test_called_again_it_returns_the_report_and_sends_nothing(
    client: Client, rows: Path, tmp_path: Path, local: LocalEndpoint
) -> None:
    """So a script may be run again without a thought."""
    first = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    calls = local.calls("doubled")

    again = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    assert (first.succeeded, first.failed) == (again.succeeded, again.failed)
    assert calls == local.calls("doubled")


async def test_dead_letters_are_taken_up_alone(client: Client, rows: Path, tmp_path: Path, model: Model) -> None:
    """Their results are parts of their own, and those that fail again are dead letters again."""
    out, shards = tmp_path / "out", JSONLines(shard_bytes=400)
    first = await run_bulk(client, "model", rows, out, format=shards)
    model.bodies.clear()

    second = await run_bulk(client, "model", rows, out, format=shards, retry_dead=True)
    model.broken = False
    third = await run_bulk(client, "model", rows, out, format=shards, retry_dead=True)
    asked = len(model.bodies)
    fourth = await run_bulk(client, "model", rows, out, format=shards, retry_dead=True)

    assert [300, 300, 0, 0] == [report.failed for report in (first, second, third, fourth)]
    assert [0, 0, 300, 300] == [report.succeeded for report in (first, second, third, fourth)]
    assert list(range(300)) == [row["output"] for row in written(out)]
    assert [] == dead(out)
    assert asked == 600


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"body": JSONBody(max_rows=4)},
            r"started with body=JSONBody\(key='instances', .*and now it is JSONBody",
        ),
        ({"join": True}, "started with join=False, and now it is True"),
        ({"members": {"target_variant": "b"}}, "started with other members than these"),
    ],
)
async def test_other_settings_than_it_was_begun_with_are_refused(
    client: Client, rows: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    """Half of the output would be made otherwise than the other half."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    with pytest.raises(ConfigError, match=said):
        await run_bulk(client, "doubled", rows, tmp_path / "out", **({"body": LIST} | changed))  # type: ignore[arg-type]


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"300\n")


def other_middle(path: Path) -> None:
    """The same size, the same ends, the same time."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] = ord("9")
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touched(path: Path) -> None:
    os.utime(path, ns=(0, 1_796_000_000_123_456_789))


def gone(path: Path) -> None:
    path.rename(path.with_name("others.jsonl"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (longer, "its size was 1090 bytes and is now 1094; restore it, or choose another output"),
        (other_middle, "its first or last bytes differ; restore it"),
        (
            touched,
            r"modification time was .+Z and is now 2026-11-30T00:53:20\.123456789Z; .+ if verify=True is set from its",
        ),
        (gone, "no such file"),
    ],
)
async def test_an_input_that_has_changed_is_refused(
    client: Client, rows: Path, tmp_path: Path, change: object, said: str
) -> None:
    """Its records are not those that the output has results of."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    change(rows)  # type: ignore[operator]

    with pytest.raises(ConfigError, match=said):
        await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)


async def test_times_do_not_matter_if_all_of_the_input_is_compared(client: Client, rows: Path, tmp_path: Path) -> None:
    """A copy on another disk is as good."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, verify=True)
    os.utime(rows, (1, 1))

    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, verify=True)


async def test_who_forgets_to_compare_all_of_the_input_again_is_told(
    client: Client, rows: Path, tmp_path: Path
) -> None:
    """The work of the run is still good."""
    await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, verify=True)
    os.utime(rows, (1, 1))

    with pytest.raises(ConfigError, match=r"Continue the run with verify=True, which compares its content"):
        await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)


@pytest.mark.parametrize(
    ("fact", "before", "now", "said"),
    [
        (
            "mtime_ns",
            1_700_000_000_000_000_001,
            1_700_000_000_000_000_002,
            r"20\.000000001Z and is now .+20\.000000002Z",
        ),
        ("mtime_ns", -1, 10**21, r"1969-12-31T23:59:59\.999999999Z and is now 1000000000000000000000 ns"),
        ("etag", "a", "b", "its ETag was a and is now b; restore it"),
        ("version", 1, 2, "its version was 1 and is now 2; restore it"),
    ],
)
def test_a_change_of_any_fact_is_refused(fact: str, before: str | int, now: str | int, said: str) -> None:
    """However small or large, and of a kind that only a source of the user's knows."""
    file = InputFile("rows", "rows", 1, {fact: before})

    with pytest.raises(ConfigError, match=said):
        check_identity(file, {fact: now})

    check_identity(file, {fact: before})


async def test_a_run_that_goes_on_takes_files_that_were_copied_for_what_they_are_now(
    client: Client, tmp_path: Path
) -> None:
    """It was let in, and then refused what it had let in when the first part was whole."""
    rows = numbers(tmp_path, 300)
    format = JSONLines(shard_bytes=400)
    with pytest.raises(BulkError, match="max_errors is 1"):
        await run_bulk(client, "doubled", rows, tmp_path / "out", format=format, body=LIST, verify=True, max_errors=1)
    os.utime(rows, (1, 1))

    report = await run_bulk(client, "doubled", rows, tmp_path / "out", format=format, body=LIST, verify=True)

    assert (297, 3) == (report.succeeded, report.failed)


async def test_parts_are_thought_of_when_they_are_due(
    client: Client, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input of a million shards would have as many in memory, at half a kilobyte each, from its first call to its last."""
    thought_of: list[int] = []
    ahead: list[int] = []
    really, put = Feed.parts, LocalDestination.put

    def parts(self: Feed, numbers: Sequence[int], suffix: str, round: int) -> Iterator[tuple[int, Part, int | None]]:
        for each in really(self, numbers, suffix, round):
            thought_of.append(each[0])
            yield each

    def note(self: LocalDestination, path: Path, name: str) -> None:
        if name.startswith("part-"):
            ahead.append(len(thought_of))
        put(self, path, name)

    monkeypatch.setattr(Feed, "parts", parts)
    monkeypatch.setattr(LocalDestination, "put", note)

    await run_bulk(client, "doubled", rows, tmp_path / "out", format=JSONLines(shard_bytes=4), body=LIST, limit=1)

    assert 273 == len(thought_of)
    assert ahead[0] < 150


async def test_a_file_more_than_it_was_begun_with_is_refused(client: Client, tmp_path: Path) -> None:
    """Its place among the parts is taken."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.jsonl").write_text("0\n")
    await run_bulk(client, "doubled", folder, tmp_path / "out", body=LIST)
    (folder / "b.jsonl").write_text("1\n")

    with pytest.raises(ConfigError, match=r"was started without: .*b\.jsonl"):
        await run_bulk(client, "doubled", folder, tmp_path / "out", body=LIST)


async def test_files_of_a_folder_are_taken_in_order_and_named_by_their_place_in_it(
    client: Client, tmp_path: Path
) -> None:
    """Hidden files and the output, which may lie inside, are not among them."""
    for name in ("b/1.jsonl", "a.jsonl", ".hidden.jsonl", "_SUCCESS", "b/.git/x"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text('"x"\n')

    await run_bulk(client, "echo", tmp_path / "in", tmp_path / "in" / "out")

    expected = [{"file": name, "record": 0, "output": "x"} for name in ("a.jsonl", "b/1.jsonl")]
    assert expected == written(tmp_path / "in" / "out")


async def test_globs_are_followed(client: Client, tmp_path: Path) -> None:
    """As in a shell, ``**`` for folders."""
    for name in ("x/1.jsonl", "x/y/2.jsonl", "x/3.txt", "x/_4.jsonl", "x/.y/5.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")

    await run_bulk(client, "echo", tmp_path / "x" / "**" / "*.jsonl", tmp_path / "out")

    assert ["1.jsonl", "y/2.jsonl"] == [row["file"] for row in written(tmp_path / "out")]

    await run_bulk(client, "echo", tmp_path / "x" / "_*.jsonl", tmp_path / "hidden")

    assert ["_4.jsonl"] == [row["file"] for row in written(tmp_path / "hidden")]


async def test_an_output_with_another_runs_parts_is_refused(client: Client, rows: Path, tmp_path: Path) -> None:
    """They would be mixed."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.jsonl").write_text("")

    with pytest.raises(ConfigError, match="has the parts of another run"):
        await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)


async def test_two_runs_in_one_folder_are_refused(client: Client, rows: Path, tmp_path: Path, slow: Slow) -> None:
    """The second is told who is there; and the first comes to its end."""
    first = asyncio.create_task(run_bulk(client, "slow", rows, tmp_path / "out"))
    await slow.asked.wait()

    with pytest.raises(ConfigError, match=f"another run is using it .process {os.getpid()}."):
        await run_bulk(client, "slow", rows, tmp_path / "out")
    slow.may.set()

    assert (await first).succeeded == 300


async def test_too_many_failures_stop_it_and_more_are_allowed_later(
    client: Client, rows: Path, tmp_path: Path, model: Model
) -> None:
    """Before every record of a large input has failed for one reason."""
    with pytest.raises(BulkError, match="failed records: 11, and max_errors is 10"):
        await run_bulk(client, "model", rows, tmp_path / "out", max_errors=10)
    model.broken = False

    report = await run_bulk(client, "model", rows, tmp_path / "out", max_errors=20)

    assert 300 == report.succeeded + report.failed
    assert 11 == report.failed == len(dead(tmp_path / "out"))


class NoCredentials:
    """A role that has ended."""

    async def retrieve(self) -> object:
        raise CredentialsError("expired")


@pytest.mark.parametrize(
    ("endpoint", "opt_fn", "error"),
    [
        ("doubled", override(credentials=NoCredentials()), CredentialsError),  # type: ignore[arg-type]
        ("doubled", override(credentials=StaticCredentialsProvider("AKID", "wrong")), Exception),
        ("nobody", override(), ValidationError),
    ],
)
async def test_what_all_records_would_meet_stops_it_and_makes_no_dead_letter(
    client: Client, rows: Path, tmp_path: Path, endpoint: str, opt_fn: object, error: type[Exception]
) -> None:
    """Once it is mended, the same call goes on."""
    with pytest.raises(error) as caught:
        await run_bulk(client, endpoint, rows, tmp_path / "out", opt_fn, body=LIST)  # type: ignore[arg-type]

    assert "The same call continues it." in caught.value.__notes__[-1]
    assert [] == dead(tmp_path / "out")
    if endpoint == "doubled":
        assert (await run_bulk(client, endpoint, rows, tmp_path / "out", body=LIST)).succeeded == 297


async def test_cancelled_it_waits_for_what_is_under_way(
    client: Client, rows: Path, tmp_path: Path, slow: Slow, local: LocalEndpoint
) -> None:
    """What the model has worked out is not asked for again."""
    run = asyncio.create_task(run_bulk(client, "slow", rows, tmp_path / "out", limit=5))
    await slow.asked.wait()
    run.cancel("Ctrl-C")
    await asyncio.sleep(0)
    slow.may.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await run
    under_way = local.calls("slow")

    report = await run_bulk(client, "slow", rows, tmp_path / "out", limit=5)

    assert "The same call continues it." in caught.value.__notes__[-1]
    assert 300 == local.calls("slow")
    assert under_way < 300
    assert list(range(300)) == [row["output"] for row in written(tmp_path / "out")]
    assert report.requests == 300


async def test_cancelled_it_does_not_wait_for_ever(client: Client, rows: Path, tmp_path: Path, slow: Slow) -> None:
    """A model that hangs is left to itself."""
    run = asyncio.create_task(run_bulk(client, "slow", rows, tmp_path / "out", drain=0.01))
    await slow.asked.wait()
    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run
    slow.may.set()

    assert (await run_bulk(client, "slow", rows, tmp_path / "out")).succeeded == 300


async def test_results_may_have_their_records_beside_them(client: Client, tmp_path: Path) -> None:
    """And of both, what an expression selects is written."""
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "x": 1}\n{"id": "b", "x": 2}\n')

    await run_bulk(client, "echo", tmp_path / "rows.jsonl", tmp_path / "joined", join=True)
    await run_bulk(
        client, "echo", tmp_path / "rows.jsonl", tmp_path / "selected", select="{id: input.id, x: output.x, n: record}"
    )

    row = {"id": "a", "x": 1}
    assert {"file": "rows.jsonl", "record": 0, "input": row, "output": row} == written(tmp_path / "joined")[0]
    assert [{"id": "a", "x": 1, "n": 0}, {"id": "b", "x": 2, "n": 1}] == written(tmp_path / "selected")


async def test_members_may_come_of_records(client: Client, tmp_path: Path, local: LocalEndpoint) -> None:
    """Sessions and custom attributes; and ids, made of places, that results say too."""
    (tmp_path / "rows.jsonl").write_text('{"who": "ann", "tag": "t=1"}\n{"who": null}\n{"who": 3}\n')

    await run_bulk(
        client,
        "echo",
        tmp_path / "rows.jsonl",
        tmp_path / "out",
        session_id="who",
        custom_attributes="tag",
        inference_ids=True,
        limit=1,
    )

    first, second = written(tmp_path / "out")
    assert first["inference_id"] != second["inference_id"]
    assert ["the session_id of the record is of type int; it takes a string or null"] == [
        letter["message"] for letter in dead(tmp_path / "out")
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"session_id": "who", "body": LIST}, "session_id is taken from each record, but .* set max_rows=1"),
        ({"select": "]"}, "select is ']', which is not JMESPath"),
        ({"format": JSONLines(shard_bytes=1), "limit": 0}, "limit is 0"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_and_leave_nothing(
    client: Client, rows: Path, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    """Before a folder is made."""
    with pytest.raises(ConfigError, match=said):
        await run_bulk(client, "doubled", rows, tmp_path / "out", **settings)  # type: ignore[arg-type]

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("endpoint", "settings", "error", "said"),
    [
        ("no such name!", {}, InvalidParamsError, "endpoint_name"),
        ("no such name!", {"asynchronous": True}, InvalidParamsError, "endpoint_name"),
        ("doubled", {"members": {"target_variant": "-blue-"}}, InvalidParamsError, "target_variant"),
        ("doubled", {"members": {"accept": "text/csv\n"}}, InvalidParamsError, "accept"),
        ("doubled", {"asynchronous": True, "members": {"target_variant": "blue"}}, ConfigError, "no target_variant"),
    ],
)
async def test_a_member_that_is_wrong_for_every_record_alike_is_refused_and_leaves_nothing(
    client: Client,
    rows: Path,
    tmp_path: Path,
    endpoint: str,
    settings: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    """All records were dead letters, one by one; and a plan with it would stand in the way of the right one."""
    observed = client.options.copy()
    observed.api_options = [_Observer()]

    for each in (client, Client(observed)):
        with pytest.raises(error, match=said):
            await run_bulk(each, endpoint, rows, tmp_path / "out", body=LIST, progress=False, **settings)
        with pytest.raises(error, match=said):
            await run_bulk(each, endpoint, rows, tmp_path / "out", override(), body=LIST, progress=False, **settings)

    assert not (tmp_path / "out").exists()


class _Observer:
    """As traces do, it stands in front of the validation, and changes nothing."""

    id = "Observer"

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self, BEFORE)

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        return next(ctx, step)

    def observe_run(self, run: BulkRun) -> AbstractContextManager[Callable[[BulkInterval], object]]:
        return nullcontext(lambda _: None)


@initialize_middleware("Alias")
def alias(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
    """The endpoint behind a name of the user's own."""
    assert isinstance(step.parameters, InvokeEndpointInput)
    name = {"the/doubler": "doubled", "nothing/at/all": "no!"}[step.parameters.endpoint_name]
    return next(ctx, InitializeInput(evolve(step.parameters, endpoint_name=name)))


@pytest.mark.parametrize("where", ["client", "run"])
async def test_a_middleware_in_front_of_the_validation_may_change_what_is_validated(
    client: Client, rows: Path, tmp_path: Path, where: str
) -> None:
    """Only the call knows what it makes of a name; but if that is impossible, the first one still stops the run."""
    change = with_api_options(lambda stack: stack.initialize.add(alias, BEFORE))
    options: tuple[OptFn, ...] = (change,) if where == "run" else ()
    changed = Client(client.options, change) if where == "client" else client

    report = await run_bulk(changed, "the/doubler", rows, tmp_path / "out", *options, body=LIST, progress=False)
    with pytest.raises(InvalidParamsError, match="endpoint_name"):
        await run_bulk(changed, "nothing/at/all", rows, tmp_path / "no", *options, body=LIST, progress=False)

    assert 297 == report.succeeded
    assert [] == dead(tmp_path / "no")


async def test_options_of_the_run_may_replace_the_clients_stack(client: Client, rows: Path, tmp_path: Path) -> None:
    """What the client's own makes of a name is then nobody's business."""
    plain = Client(client.options, with_api_options(str))
    replaced = override(api_options=[lambda stack: stack.initialize.add(alias, BEFORE)])

    report = await run_bulk(plain, "the/doubler", rows, tmp_path / "out", replaced, body=LIST, progress=False)

    assert 297 == report.succeeded


class _NoEmptyBody:
    id = "OperationInputValidation"

    def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Awaitable[Output]:
        assert isinstance(step.parameters, InvokeEndpointInput)
        if not step.parameters.body:
            raise InvalidParamsError("1 problem:", ("body is empty",))
        return next(ctx, step)


async def test_a_validation_of_the_users_own_may_refuse_what_only_records_have(
    client: Client, rows: Path, tmp_path: Path
) -> None:
    """There is no record yet when the members are looked at that all of them share."""
    swap = with_api_options(lambda stack: stack.initialize.swap("OperationInputValidation", _NoEmptyBody()))

    report = await run_bulk(client, "doubled", rows, tmp_path / "out", swap, body=LIST, progress=False)

    assert 297 == report.succeeded


async def test_what_it_writes_can_be_read_by_its_owner_alone(client: Client, rows: Path, tmp_path: Path) -> None:
    """Records and results are nobody else's business, whatever the umask."""
    before = os.umask(0)
    try:
        await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)
    finally:
        os.umask(before)

    paths = list((tmp_path / "out").rglob("*"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "out", *paths] if path.is_dir()}
    assert ({0o600}, {0o700}) == (modes, folders)


async def test_no_secret_is_in_any_file(client: Client, rows: Path, tmp_path: Path, local: LocalEndpoint) -> None:
    """Not in the plan, the journal or the report; nor are custom attributes."""
    await run_bulk(
        client, "doubled", rows, tmp_path / "out", body=LIST, members={"custom_attributes": "tenant=acme-corporation"}
    )

    text = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()).decode()
    environ = local.environ()
    for secret in (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], "acme-corporation"):
        assert secret not in text


async def test_a_full_disk_stops_it_and_is_said_to_be_the_cause(client: Client, rows: Path, tmp_path: Path) -> None:
    """With room, the same call goes on, and nothing is torn."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    shards = JSONLines(shard_bytes=500)
    await run_bulk(client, "doubled", rows, tmp_path / "expected", body=LIST, format=shards)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, limits[1]))
    try:
        with pytest.raises(BulkError, match="File too large"):
            await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, format=shards)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST, format=shards)

    assert (297, 3) == (report.succeeded, report.failed)
    assert written(tmp_path / "expected") == written(tmp_path / "out")


async def test_the_report_is_written_too(client: Client, rows: Path, tmp_path: Path) -> None:
    """As JSON, with what the call returns."""
    report = await run_bulk(client, "doubled", rows, tmp_path / "out", body=LIST)

    found = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert isinstance(report, BulkReport)
    assert (297, 3) == (found["succeeded"], found["failed"])
    assert found["variants"]["AllTraffic"]["requests"] > 0
    assert [13, 113, 213] == [failure["record"] for failure in found["first_failures"]]
    assert all("input" not in failure for failure in found["first_failures"])
    assert 10 == len(found["slowest"])
