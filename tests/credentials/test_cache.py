"""Credentials kept until they expire, renewed once for all that wait, and before anybody must."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import subprocess
import sys
import threading

import pytest
from credentials.sources import ScriptedProvider
from support import ManualClock

from sagemaker_runtime import ConfigError, Credentials, CredentialsError, StaticCredentialsProvider
from sagemaker_runtime.credentials import CredentialsCache


def cache_of(provider, **changes) -> CredentialsCache:
    return CredentialsCache(provider, **{"clock": provider.clock or ManualClock(), "draw": lambda: 0.0, **changes})


async def turns(count: int = 5) -> None:
    """Let everything that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider(ManualClock())


async def test_credentials_are_there_without_waiting_once_they_were_retrieved(provider):
    """The question of every call, so it must not cost a turn of the loop."""
    cache = cache_of(provider)
    before = cache.current()

    retrieved = await cache.retrieve()

    assert before is None
    assert retrieved is cache.current()
    assert retrieved is await cache.retrieve()
    assert 1 == provider.asked


async def test_credentials_that_last_are_kept_until_they_are_invalidated():
    """Keys without a session do not expire, but may be revoked."""
    provider = ScriptedProvider()
    clock = ManualClock()
    cache = cache_of(provider, clock=clock)
    first = await cache.retrieve()
    clock.advance(1e9)
    kept = cache.current()

    cache.invalidate()

    assert first is kept
    assert cache.current() is None
    assert "token-2" == (await cache.retrieve()).session_token


async def test_a_thousand_callers_ask_the_provider_once(provider):
    """At the start of a process; an instance's metadata service responds to more with a throttling error."""
    provider.gate = asyncio.Event()
    cache = cache_of(provider)
    waiting = [asyncio.ensure_future(cache.retrieve()) for _ in range(1000)]
    await turns()

    provider.gate.set()
    found = await asyncio.gather(*waiting)

    assert {"token-1"} == {credentials.session_token for credentials in found}
    assert 1 == provider.asked


async def test_an_expiry_among_a_thousand_callers_causes_one_refresh_and_no_failure(provider):
    """Those that come after it wait for the new ones; nobody gets what has expired."""
    provider.lasts = 60.0
    cache = cache_of(provider, expiry_window=0)
    expired: list[Credentials] = []

    async def call(number: int) -> str:
        if number == 500:
            provider.clock.advance(60.0)
        credentials = await cache.retrieve()
        if credentials.expires_at <= provider.clock.now():
            expired.append(credentials)
        return credentials.session_token

    await cache.retrieve()
    tokens = await asyncio.gather(*(call(number) for number in range(1000)))

    assert ["token-1"] * 500 + ["token-2"] * 500 == tokens
    assert [] == expired
    assert 2 == provider.asked


async def test_a_caller_that_is_cancelled_cancels_no_other(provider):
    """The first to come has started the refresh for all."""
    provider.gate = asyncio.Event()
    cache = cache_of(provider)
    first, second = (asyncio.ensure_future(cache.retrieve()) for _ in range(2))
    await turns()

    first.cancel()
    await turns()
    provider.gate.set()

    assert "token-1" == (await second).session_token
    assert first.cancelled()


@pytest.mark.parametrize("failure", [None, CredentialsError("none")])
async def test_what_all_callers_gave_up_waiting_for_is_finished_without_a_word(provider, failure):
    """A call with a short time limit must not keep the next from finding credentials, nor leave a report behind."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    provider.gate, provider.failure = asyncio.Event(), failure
    cache = cache_of(provider)
    only = asyncio.ensure_future(cache.retrieve())
    await turns()

    only.cancel()
    await turns()
    provider.gate.set()
    await turns()
    gc.collect()

    assert (failure is None) is (cache.current() is not None)
    assert [] == reported


@pytest.mark.parametrize(
    ("lasts", "window", "draw", "due"),
    [
        (3600.0, 300.0, 0.0, 3300.0),
        (3600.0, 300.0, 0.5, 3375.0),
        (3600.0, 300.0, 0.999, 3449.85),
        (100.0, 300.0, 0.0, 50.0),
        (3600.0, 0.0, 0.0, 3600.0),
    ],
    ids=["earliest", "drawn later", "latest", "short-lived", "no window"],
)
async def test_a_refresh_is_due_at_a_moment_drawn_from_the_first_half_of_the_window(lasts, window, draw, due):
    """A fleet started at once must not ask at once; and what lives shorter than the window is not asked for all the time."""
    provider = ScriptedProvider(ManualClock(), lasts)
    cache = cache_of(provider, expiry_window=window, draw=lambda: draw)
    await cache.retrieve()

    provider.clock.advance(due - 0.01)
    cache.current()
    await turns()
    asked_before = provider.asked
    provider.clock.advance(0.02)
    await cache.retrieve()
    await turns()

    assert (1, 2) == (asked_before, provider.asked)


async def test_a_refresh_in_the_background_makes_nobody_wait(provider):
    """Callers go on with the credentials that are still valid, and find the new ones when they are there."""
    provider.gate = asyncio.Event()
    provider.gate.set()
    cache = cache_of(provider)
    await cache.retrieve()
    provider.gate.clear()
    provider.clock.advance(3301.0)

    meanwhile = [cache.current() for _ in range(100)]
    await turns()
    meanwhile.append(await cache.retrieve())
    provider.gate.set()
    await turns()

    assert {"token-1"} == {credentials.session_token for credentials in meanwhile}
    assert "token-2" == cache.current().session_token
    assert 2 == provider.asked


async def test_credentials_that_expire_during_a_refresh_are_waited_for(provider):
    """The refresh that is under way serves; a second one would double the load of a slow source."""
    cache = cache_of(provider)
    await cache.retrieve()
    provider.gate = asyncio.Event()
    provider.clock.advance(3301.0)
    cache.current()
    await turns()

    provider.clock.advance(300.0)
    waiting = asyncio.ensure_future(cache.retrieve())
    await turns()
    provider.gate.set()

    assert "token-2" == (await waiting).session_token
    assert 2 == provider.asked


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (CredentialsError("the role is gone"), "the role is gone"),
        (RuntimeError("hush"), "ScriptedProvider failed with RuntimeError"),
    ],
    ids=["ours", "unknown"],
)
async def test_a_failed_refresh_in_the_background_is_logged_and_tried_again_after_growing_pauses(
    provider, caplog, failure, text
):
    """The credentials are good still; a source in trouble must not be asked at each call, nor forgotten."""
    cache = cache_of(provider, expiry_window=1000.0)
    await cache.retrieve()
    provider.clock.advance(2600.0)
    provider.failure = failure
    tries: list[float] = []

    for second in range(200):
        asked = provider.asked
        assert "token-1" == (await cache.retrieve()).session_token
        await turns()
        if provider.asked > asked:
            tries.append(second)
        provider.clock.advance(1.0)

    assert [0, 1, 3, 7, 15, 31, 63, 123, 183] == tries
    assert len(tries) == len(caplog.records)
    assert f"credentials could not be refreshed; the current ones expire in 1000 s: {text}" == caplog.messages[0]
    assert "hush" not in caplog.text


async def test_after_a_failed_refresh_a_good_one_makes_the_pauses_short_again(provider):
    """Trouble of an hour ago says nothing of now."""
    cache = cache_of(provider)
    await cache.retrieve()
    provider.clock.advance(3301.0)
    provider.failure = CredentialsError("none")
    for _ in range(4):
        cache.current()
        await turns()
        provider.clock.advance(10.0)
    provider.failure = None
    cache.current()
    await turns()
    asked = provider.asked

    provider.clock.advance(3301.0)
    provider.failure = CredentialsError("none")
    for _ in range(3):
        cache.current()
        await turns()
        provider.clock.advance(2.0)

    assert 3 == provider.asked - asked


async def test_a_source_that_gives_the_same_again_is_not_asked_at_each_call(provider):
    """Instance metadata does so until it has rotated them."""
    cache = cache_of(provider)
    await cache.retrieve()
    provider.clock.advance(3599.0)
    provider.lasts = 0.5

    for _ in range(100):
        cache.current()
        await turns()

    assert 2 == provider.asked


async def test_an_expired_refresh_that_fails_is_an_error_for_all_and_the_next_caller_tries_again(provider):
    """Each gets an error of its own, because the facts of its call are written on it."""
    cache = cache_of(provider)
    await cache.retrieve()
    provider.clock.advance(3600.0)
    provider.failure = CredentialsError("the role is gone")

    errors = await asyncio.gather(*(cache.retrieve() for _ in range(100)), return_exceptions=True)
    provider.failure = None
    recovered = await cache.retrieve()

    assert {"the role is gone"} == {str(error) for error in errors}
    assert 100 == len({id(error) for error in errors})
    assert all(isinstance(error, CredentialsError) for error in errors)
    assert "token-3" == recovered.session_token


async def test_a_caller_that_comes_as_a_refresh_has_failed_gets_a_try_of_its_own(provider):
    """It is the next caller, though the failed task is not yet cleared away."""
    cache = cache_of(provider)
    provider.failure = CredentialsError("none")
    first = asyncio.ensure_future(cache.retrieve())
    await asyncio.sleep(0)  # its task begins in the next turn, just before the second caller

    second = asyncio.ensure_future(cache.retrieve())
    errors = await asyncio.gather(first, second, return_exceptions=True)

    assert ["none", "none"] == [str(error) for error in errors]
    assert 2 == provider.asked


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (RuntimeError("hush"), "ScriptedProvider failed with RuntimeError"),
        (asyncio.CancelledError(), "ScriptedProvider cancelled itself"),
        (ConfigError("hush"), "ScriptedProvider failed with ConfigError"),
    ],
    ids=["unknown", "cancelled", "of another kind"],
)
async def test_whatever_a_provider_raises_becomes_a_credentials_error(provider, failure, text):
    """The protocol promises this one kind. An unknown text may hold a secret; a stray cancellation would end the task."""
    provider.failure = failure

    with pytest.raises(CredentialsError) as caught:
        await cache_of(provider).retrieve()

    assert text == str(caught.value)
    assert caught.value.__cause__ is (None if isinstance(failure, asyncio.CancelledError) else failure)


async def test_credentials_that_come_expired_are_refused(provider):
    """Signed with them, each request would get a riddle for a response; most often the machine's clock is wrong."""
    provider.lasts = -7.0

    with pytest.raises(CredentialsError, match=r"from ScriptedProvider expired 7 s ago, by this machine's"):
        await cache_of(provider).retrieve()


async def test_what_is_no_credentials_is_refused_by_name():
    """A provider of a user's own that forgot its return."""

    class Forgetful:
        async def retrieve(self):
            """Return nothing."""

    with pytest.raises(CredentialsError, match="returned NoneType; it must return Credentials"):
        await CredentialsCache(Forgetful()).retrieve()


async def test_a_clock_that_jumps_is_survived(provider):
    """Forward, what has expired by it is renewed; back again, the new ones serve, and tries are not put off."""
    cache = cache_of(provider)
    await cache.retrieve()

    provider.clock.advance(86_400.0)
    after = await cache.retrieve()
    provider.clock.advance(-86_400.0)
    back = cache.current()

    assert "token-2" == after.session_token
    assert after is back


def test_one_cache_serves_one_event_loop_after_another(provider, caplog):
    """A script calls asyncio.run twice; the first ends during a refresh, which must leave nothing behind."""
    cache = cache_of(provider)

    async def first() -> None:
        await cache.retrieve()
        provider.gate = asyncio.Event()
        provider.clock.advance(3301.0)
        cache.current()
        await turns()

    asyncio.run(first())
    gc.collect()
    provider.gate = None
    valid_still = asyncio.run(cache.retrieve())
    provider.clock.advance(300.0)

    assert "token-1" == valid_still.session_token
    assert "token-3" == asyncio.run(cache.retrieve()).session_token
    assert [] == caplog.records


def test_a_loop_that_was_closed_in_the_middle_is_forgotten(provider):
    """Without asyncio.run nobody cancels what still waits there, and it will never end."""
    cache = cache_of(provider)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it says that a pending task was destroyed, which is what is done here
    provider.gate = asyncio.Event()
    waiting = loop.create_task(cache.retrieve())
    loop.run_until_complete(turns())
    loop.close()
    provider.gate = None

    found = asyncio.run(cache.retrieve())

    assert "token-2" == found.session_token
    assert not waiting.done()
    assert {} == cache._tasks


def test_loops_in_several_threads_share_one_cache(provider):
    """However they meet, each asks at most once for itself."""
    cache = cache_of(provider)
    start = threading.Barrier(4)
    found: list[Credentials] = []

    async def calls() -> None:
        start.wait(10)
        for _ in range(50):
            found.extend(await asyncio.gather(*(cache.retrieve() for _ in range(10))))

    threads = [threading.Thread(target=asyncio.run, args=(calls(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 2000 == len(found)
    assert 1 <= provider.asked <= 4


async def test_a_loop_does_not_wait_for_what_another_has_begun(provider):
    """A future belongs to its loop; awaited in another, it would never wake anybody."""
    provider.gate = gate = asyncio.Event()
    cache = cache_of(provider)
    waiting = asyncio.ensure_future(cache.retrieve())
    await turns()
    provider.gate = None

    other = await asyncio.to_thread(asyncio.run, cache.retrieve())
    gate.set()

    assert "token-2" == other.session_token
    assert "token-1" == (await waiting).session_token


async def test_two_loops_do_not_refresh_in_the_background_both(provider):
    """Which thread comes first is enough; the other's callers have valid credentials meanwhile."""
    cache = cache_of(provider)
    await cache.retrieve()
    provider.gate = asyncio.Event()
    provider.clock.advance(3301.0)
    cache.current()
    await turns()

    other = await asyncio.to_thread(asyncio.run, cache.retrieve())
    provider.gate.set()
    await turns()

    assert "token-1" == other.session_token
    assert 2 == provider.asked


def test_synchronous_code_gets_what_is_valid_and_starts_nothing(provider):
    """There is no loop to refresh in."""
    cache = cache_of(provider)
    asyncio.run(cache.retrieve())
    provider.clock.advance(3301.0)

    assert "token-1" == cache.current().session_token
    assert 1 == provider.asked


FORKS = """
import asyncio, os
from credentials.sources import ScriptedProvider
from support import ManualClock
from sagemaker_runtime.credentials import CredentialsCache

provider = ScriptedProvider(ManualClock())
cache = CredentialsCache(provider, clock=provider.clock)

async def parent():
    await cache.retrieve()
    provider.gate = asyncio.Event()
    provider.clock.advance(3500.0)
    cache.current()
    for _ in range(5):
        await asyncio.sleep(0)
    assert 2 == provider.asked, provider.asked
    return os.fork()

child = asyncio.run(parent())
if child == 0:
    provider.gate = None
    provider.clock.advance(3600.0)
    print(asyncio.run(cache.retrieve()).session_token, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_during_a_refresh_makes_its_own():
    """A worker of a preloaded server: the refresh of the parent goes on in the parent only."""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "PYTHONPATH": path}

    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", FORKS], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ("token-3\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("window", [-1.0, float("inf"), float("nan")])
def test_a_window_that_is_no_time_is_refused(window):
    """Nothing would ever be fresh, or what is compared with it."""
    with pytest.raises(ConfigError, match=r"^expiry_window is .*; it takes a number of seconds, 0 or more"):
        CredentialsCache(StaticCredentialsProvider("AKID", "hush"), expiry_window=window)


async def test_a_pickled_cache_leaves_its_credentials_behind():
    """Options travel to worker processes; secrets that nobody put there do not go along."""
    cache = CredentialsCache(ScriptedProvider(ManualClock()), expiry_window=7.0, clock=ManualClock())
    await cache.retrieve()

    pickled = pickle.dumps(cache)
    again = pickle.loads(pickled)  # noqa: S301 - made in the line above

    assert b"hush" not in pickled
    assert again.current() is None
    assert "token-2" == (await again.retrieve()).session_token


async def test_a_cache_shows_its_provider_and_no_secret(provider):
    """It stands in the repr of what holds it."""
    cache = cache_of(provider)
    await cache.retrieve()

    assert f"CredentialsCache({provider!r})" == repr(cache)
    assert "hush" not in repr(cache)
