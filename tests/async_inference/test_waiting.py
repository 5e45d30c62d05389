"""The wait for an asynchronous inference: what ends it, what does not, and what it says when nobody comes."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from attrs import define, field
from support import NOON, ManualClock

from sagemaker_runtime.async_inference import DEFAULT_WAIT
from sagemaker_runtime.async_inference.s3 import S3Object
from sagemaker_runtime.async_inference.waiting import AsyncInferenceResult, wait_for_output
from sagemaker_runtime.errors import (
    AsyncInferenceError,
    CertificateError,
    ConfigError,
    ConnectError,
    CredentialsError,
    ReadTimeoutError,
    ServiceError,
    TruncatedResponseError,
    WaitTimeoutError,
)

OUTPUT = "s3://bucket/out/7.out"
FAILURE = "s3://bucket/failures/7-error.out"
RESULT = S3Object(b"42", "text/csv")
FAILED = S3Object("  Modèle en panne\n".encode())

Seen = S3Object | Exception | None


def refused(status: int, code: str) -> ServiceError:
    error = ServiceError("No.")
    error.status, error.code = status, code
    return error


@define
class ScriptedS3:
    """For each location what the looks see, in order; the last serves for all that come after."""

    output: list[Seen] = field(factory=lambda: [None])
    failure: list[Seen] = field(factory=lambda: [None])
    clock: ManualClock = field(factory=ManualClock)
    takes: float = 0.0
    looks: list[tuple[float, str]] = field(factory=list)

    async def read(self, location: str) -> S3Object | None:
        self.looks.append((self.clock.monotonic(), location))
        self.clock.advance(self.takes)
        script = self.output if location == OUTPUT else self.failure
        seen = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(seen, Exception):
            raise seen
        return seen


async def wait(s3: ScriptedS3, failure_location: str | None = FAILURE, **changes: object) -> AsyncInferenceResult:
    return await wait_for_output(OUTPUT, failure_location, s3=s3, clock=s3.clock, **changes)  # type: ignore[arg-type]


async def test_a_result_that_is_there_already_is_given_without_a_wait() -> None:
    """Whoever asks late should not be made to wait."""
    s3 = ScriptedS3([RESULT])

    found = await wait(s3)

    assert AsyncInferenceResult(b"42", "text/csv", OUTPUT) == found
    assert [(0.0, OUTPUT), (0.0, FAILURE)] == s3.looks
    assert [] == s3.clock.slept


def test_no_repr_shows_the_result() -> None:
    """It is somebody's data, and a repr ends up in a log."""
    assert f"AsyncInferenceResult(body=<9 bytes>, content_type=None, location='{OUTPUT}')" == repr(
        AsyncInferenceResult(b"patient 7", None, OUTPUT)
    )


@pytest.mark.parametrize(("drawn", "share"), [(0.0, 0.5), (1.0, 1.0)])
async def test_the_intervals_grow_to_the_most_that_is_allowed(drawn: float, share: float) -> None:
    """Quick for what is quick, cheap for what is not; and the jitter keeps a thousand waits from falling into step."""
    s3 = ScriptedS3([None] * 8 + [RESULT])

    await wait(s3, max_interval=1.5, draw=lambda: drawn)

    intervals = [0.5, 0.625, 0.78125, 0.9765625, 1.220703125, 1.5, 1.5, 1.5]
    assert [interval * share for interval in intervals] == s3.clock.slept


async def test_the_jitter_is_drawn_unless_it_is_given() -> None:
    """A default that always gave the same would be none."""
    first, second = (ScriptedS3([None] * 5 + [RESULT]) for _ in range(2))

    await wait(first)
    await wait(second)

    assert first.clock.slept != second.clock.slept


async def test_the_last_look_is_at_the_deadline() -> None:
    """A result that comes in the last moment is not missed, and nobody sleeps beyond what was agreed."""
    s3 = ScriptedS3()

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(s3, timeout=1.5, draw=lambda: 1.0)

    assert [0.0, 0.5, 1.125, 1.5] == [time for time, location in s3.looks if location == OUTPUT]
    assert (
        f"no result after 1.5 s and 4 checks; the inference may still be running; {OUTPUT} does not exist yet; "
        f"{FAILURE} does not exist yet"
    ) == str(caught.value)
    assert caught.value.__cause__ is None


async def test_the_wait_ends_after_an_hour_by_default() -> None:
    """Other clients wait for ever; an inference that was lost would hold its task as long as the process lives."""
    s3 = ScriptedS3()

    with pytest.raises(WaitTimeoutError, match=r"no result after 3600\.0 s"):
        await wait(s3)

    assert NOON + DEFAULT_WAIT == pytest.approx(s3.clock.time)
    assert 300 < len(s3.clock.slept) < 400
    assert 15.0 >= max(s3.clock.slept)


async def test_a_wait_without_deadline_goes_on() -> None:
    """None is for those who set a limit of their own around the call."""
    s3 = ScriptedS3([None] * 1_000 + [RESULT])

    assert b"42" == (await wait(s3, timeout=None)).body
    assert DEFAULT_WAIT < s3.clock.monotonic()


async def test_a_clock_that_wakes_too_early_makes_no_second_last_look() -> None:
    """An event loop rounds; each of the looks that would fill the last millisecond costs two requests."""

    class Hasty(ManualClock):
        async def sleep(self, seconds: float, /) -> None:
            await super().sleep(seconds * 0.999)

    with pytest.raises(WaitTimeoutError, match="and 2 checks"):
        await wait(ScriptedS3(clock=Hasty()), timeout=0.25)


async def test_a_timeout_of_nothing_is_one_look() -> None:
    """It asks whether the result is there, and is a poll of the caller's own."""
    s3 = ScriptedS3()

    with pytest.raises(WaitTimeoutError, match=r"no result after 0\.0 s and 1 check;"):
        await wait(s3, timeout=0)

    assert [OUTPUT, FAILURE] == [location for _, location in s3.looks]


async def test_no_look_begins_after_the_deadline() -> None:
    """Where S3 itself is slow, each look may take as long as its own limits allow; one of them is enough."""
    s3 = ScriptedS3([ReadTimeoutError("no response for 20 s")], takes=20.0)

    with pytest.raises(WaitTimeoutError, match=r"after 40\.0 s and 1 check"):
        await wait(s3, timeout=5)

    assert [] == s3.clock.slept


async def test_a_result_that_comes_after_the_deadline_is_given_all_the_same() -> None:
    """A large object takes its time, and to throw it away at the last byte would help nobody."""
    s3 = ScriptedS3([RESULT], takes=20.0)

    assert b"42" == (await wait(s3, timeout=5)).body


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(
            (name, number)
            for name in ("timeout", "max_interval")
            for number in (-1, float("nan"), float("inf"), True, "60")
        ),
        ("max_interval", 0),
    ],
)
async def test_a_number_that_makes_no_sense_is_refused(name: str, number: object) -> None:
    """A deadline that is not a number never comes."""
    with pytest.raises(ConfigError, match=rf"wait_for_output\({name}={number!r}\): it takes a number of seconds"):
        await wait(ScriptedS3([RESULT]), **{name: number})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FAILED.body, "Modèle en panne"),
        (b"\xff broken", "\N{REPLACEMENT CHARACTER} broken"),
        (b" \n", "the failure object is empty"),
        (b"x" * 4_096, "x" * 4_096),
        (b"x" * 4_095 + "ü".encode(), "x" * 4_095 + "... (4097 bytes in all)"),
    ],
)
async def test_a_failure_is_raised_with_its_text(body: bytes, message: str) -> None:
    """Peers wait on when the inference has failed long ago, or say that it did and not why."""
    s3 = ScriptedS3(failure=[None, S3Object(body)])

    with pytest.raises(AsyncInferenceError) as caught:
        await wait(s3)

    assert (message, FAILURE) == (caught.value.message, caught.value.failure_location)
    assert 1 == len(s3.clock.slept)


@pytest.mark.parametrize("failure", [FAILED, refused(404, "NoSuchBucket"), ReadTimeoutError("slow"), None])
async def test_a_result_counts_whatever_is_at_the_other_location(failure: Seen) -> None:
    """An inference that failed first was run again; and who has the result need not care about a bucket for failures."""
    assert b"42" == (await wait(ScriptedS3([RESULT], [failure]))).body


async def test_a_failure_waits_until_it_is_known_that_there_is_no_result() -> None:
    """A look that S3 was too busy for has not shown that the result is missing."""
    s3 = ScriptedS3([refused(503, "SlowDown"), RESULT], [FAILED])

    assert b"42" == (await wait(s3)).body


@pytest.mark.parametrize(
    "output", [refused(503, "SlowDown"), refused(403, "AccessDenied"), refused(404, "NoSuchBucket")]
)
async def test_a_failure_is_raised_although_the_result_could_not_be_looked_for(output: Exception) -> None:
    """It is the service's own word, and says more than any trouble with S3 does."""
    with pytest.raises(AsyncInferenceError, match="Modèle en panne"):
        await wait(ScriptedS3([output], [FAILED]), timeout=10)


async def test_without_a_failure_location_the_result_alone_is_looked_for() -> None:
    """An endpoint may be configured without one, and then the timeout is all there is: so its text must say it."""
    s3 = ScriptedS3()

    with pytest.raises(WaitTimeoutError, match="no failure location was given, so a failure would not be seen"):
        await wait(s3, None, timeout=1)

    assert {OUTPUT} == {location for _, location in s3.looks}


@pytest.mark.parametrize(
    "trouble",
    [
        refused(500, "InternalError"),
        refused(503, "SlowDown"),
        refused(400, "RequestTimeout"),
        refused(403, "AccessDenied"),
        refused(403, "403"),
        ConnectError("no connection"),
        ReadTimeoutError("no response"),
        TruncatedResponseError("stopped"),
    ],
    ids=repr,
)
async def test_a_trouble_that_may_pass_does_not_end_the_wait(trouble: Exception) -> None:
    """An hour's wait meets a few; and a look changes nothing, so it can always be repeated."""
    s3 = ScriptedS3([trouble, trouble, RESULT], [trouble, None])

    assert b"42" == (await wait(s3)).body
    assert 2 == len(s3.clock.slept)


@pytest.mark.parametrize(
    "trouble",
    [
        refused(403, "InvalidAccessKeyId"),
        refused(404, "NoSuchBucket"),
        refused(400, "ExpiredToken"),
        CertificateError("refused"),
        CredentialsError("none"),
        ConfigError("no location"),
        RuntimeError("a bug"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("where", ["output", "failure"])
async def test_a_trouble_that_stays_ends_the_wait_at_once(where: str, trouble: Exception) -> None:
    """The next look would meet it again, and the caller would learn of a misspelt bucket an hour later."""
    s3 = ScriptedS3(**{where: [trouble]})

    with pytest.raises(type(trouble)) as caught:
        await wait(s3)

    assert trouble is caught.value
    assert [] == s3.clock.slept


@pytest.mark.parametrize("found", [b"42", "42", {"Body": b"42"}], ids=lambda found: type(found).__name__)
@pytest.mark.parametrize("where", ["output", "failure"])
async def test_a_reader_that_gives_something_else_is_refused_with_what_it_must_give(where: str, found: object) -> None:
    """One of the caller's own; its result would be overlooked, and the wait end in vain an hour later."""
    s3 = ScriptedS3(**{where: [found]})

    with pytest.raises(ConfigError) as caught:
        await wait(s3)

    text = f"the S3 reader returned {type(found).__name__}; it must return an S3Object, or None"
    assert text == str(caught.value)
    assert [] == s3.clock.slept


async def test_the_timeout_says_which_permission_is_missing() -> None:
    """S3 returns 403 for what is missing too, so nothing but the end of the wait shows that it was meant."""
    forbidden = refused(403, "AccessDenied")
    s3 = ScriptedS3([forbidden], [forbidden])

    with pytest.raises(WaitTimeoutError) as caught:
        await wait(s3, timeout=0.5, draw=lambda: 1.0)

    assert (
        "no result after 0.5 s and 2 checks; the inference may still be running; "
        f"check 2 of {OUTPUT} failed with ServiceError: AccessDenied: No. (HTTP 403); "
        f"check 2 of {FAILURE} failed with ServiceError: AccessDenied: No. (HTTP 403); "
        "S3 returns 403 also for an object that is missing, unless the caller may list the bucket: grant s3:GetObject "
        "on the objects, and s3:ListBucket on the bucket to tell missing objects from forbidden ones"
    ) == str(caught.value)
    assert forbidden is caught.value.__cause__
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("output", "failure", "cause"),
    [
        ([ConnectError("first"), None], [None, ReadTimeoutError("second"), None], "second"),
        ([None, ConnectError("second"), None], [ReadTimeoutError("first"), None], "second"),
        ([ConnectError("the output's"), None], [ReadTimeoutError("the failure's"), None], "the output's"),
    ],
)
async def test_the_latest_trouble_is_the_cause_of_a_timeout(
    output: list[Seen], failure: list[Seen], cause: str
) -> None:
    """Who looks into a wait in vain wants the freshest trace; of two, the one that kept the result from them."""
    with pytest.raises(WaitTimeoutError, match=rf"check \d of {OUTPUT} failed with ConnectError: .*") as caught:
        await wait(ScriptedS3(output, failure), timeout=10)

    assert cause == str(caught.value.__cause__)
    assert "s3:GetObject" not in str(caught.value)


async def test_both_are_looked_for_at_the_same_time() -> None:
    """One after the other, each round would take two round trips, and a slow look would hide what the other has found."""
    both = asyncio.Barrier(2)

    @define
    class Meeting(ScriptedS3):
        async def read(self, location: str) -> S3Object | None:
            async with asyncio.timeout(60):
                await both.wait()
            return RESULT if location == OUTPUT else None

    assert b"42" == (await wait(Meeting())).body


async def in_a_look(reached: asyncio.Event) -> None:
    reached.set()
    await asyncio.Event().wait()


@pytest.mark.parametrize("moment", ["looking", "sleeping"])
async def test_a_wait_that_is_cancelled_leaves_no_task(moment: str) -> None:
    """Callers cancel all the time, and a look left behind would go on asking for nobody."""
    reached = asyncio.Event()

    @define
    class Slow(ScriptedS3):
        async def read(self, location: str) -> S3Object | None:
            return await in_a_look(reached) if moment == "looking" else None  # type: ignore[func-returns-value]

    class SlowClock(ManualClock):
        async def sleep(self, seconds: float, /) -> None:
            await in_a_look(reached)

    before = asyncio.all_tasks()
    waiting = asyncio.create_task(wait(Slow(clock=SlowClock())))
    await reached.wait()

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert before == asyncio.all_tasks()


async def test_a_reader_that_cancels_itself_is_not_taken_for_an_empty_place() -> None:
    """A client that is closed under a look may do so; to look on would then never end."""

    @define
    class Closing(ScriptedS3):
        async def read(self, location: str) -> S3Object | None:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await wait(Closing())
