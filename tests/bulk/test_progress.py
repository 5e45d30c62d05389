"""How a run is shown."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve
from support import ManualClock

from sagemaker_runtime import Client, StandardRetryer, override
from sagemaker_runtime.bulk import PatientRetryer, run_bulk
from sagemaker_runtime.bulk.progress import Bar, Lines, display, line
from sagemaker_runtime.bulk.status import Status
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Throttled

STATUS = Status(
    done=1_500,
    failed=2,
    share=0.25,
    records_per_second=50.0,
    in_flight=8,
    limit=9,
    throttled=3,
    paused=0.0,
    reason=None,
)
PAUSED = evolve(STATUS, paused=12.0, reason="ThrottlingException: \x1b[2JRate exceeded")


class Terminal(io.StringIO):
    """What says that it is one."""

    def isatty(self) -> bool:
        return True


def echo(invocation: Invocation) -> Answer:
    return Answer(body=invocation.body, content_type="application/json")


def test_a_line_says_how_far_it_is_and_how_long_it_will_take() -> None:
    """And what makes it slow."""
    assert "1,500 records, 25%, 50/s, 8 in flight, limit 9, 3 throttled, 2 failed, about 90 s left" == line(STATUS)


def test_a_pause_is_shown_with_its_reason_and_without_what_a_terminal_would_obey() -> None:
    """The reason is a peer's text."""
    assert line(PAUSED).endswith("waiting for 12 s: ThrottlingException:  [2JRate exceeded")


def test_before_anything_is_done_nothing_is_foretold() -> None:
    """Not even at a division by nothing."""
    assert "left" not in line(evolve(STATUS, done=0, share=0.0, records_per_second=0.0))


@pytest.mark.parametrize(("seconds", "said"), [(90, "90 s"), (600, "10 min"), (3 * 3600 + 600, "3 h 10 min")])
def test_times_are_told_as_people_tell_them(seconds: int, said: str) -> None:
    """Seconds, minutes, hours."""
    status = evolve(STATUS, done=seconds, share=0.5, records_per_second=1.0)

    assert line(status).endswith(f"about {said} left")


def test_without_a_terminal_there_is_a_line_every_thirty_seconds() -> None:
    """A log of a day has 2,880 of them."""
    file = io.StringIO()
    shown = Lines("iris", file)

    for _ in range(65):
        shown.show(STATUS)

    assert [f"iris: {line(STATUS)}"] * 2 == file.getvalue().splitlines()


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins where the run goes on, and says the same as the line."""
    monkeypatch.setenv("COLUMNS", "300")
    file = Terminal()
    shown = display("iris", file)
    assert isinstance(shown, Bar)

    shown.show(STATUS)
    shown.show(evolve(PAUSED, done=3_000, share=0.5))
    shown.close()

    drawn = file.getvalue()
    assert "1500/6000" in drawn
    assert "8 in flight, limit 9, 3 throttled, 2 failed" in drawn
    assert "waiting for 12 s: ThrottlingException" in drawn
    assert "\x1b[2J" not in drawn


def test_without_tqdm_a_terminal_has_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    assert isinstance(display("iris", Terminal()), Lines)


async def test_a_function_may_look_instead(tmp_path: Path) -> None:
    """At the beginning and at the end at least; why a run waits is in what it gets."""
    (tmp_path / "rows.jsonl").write_text("1\n" * 50)
    seen: list[Status] = []
    clock = ManualClock()
    patient = override(retryer=PatientRetryer(StandardRetryer(), draw=lambda: 0.0), clock=clock)
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        local.inject("echo", Throttled(), call=1, times=2)
        await run_bulk(client, "echo", tmp_path / "rows.jsonl", tmp_path / "out", patient, progress=seen.append)

    assert (0, 0.0) == (seen[0].done, seen[0].share)
    assert (50, 1.0, 2, None) == (seen[-1].done, seen[-1].share, seen[-1].throttled, seen[-1].reason)


async def test_a_retry_counts_the_dead_letters_that_it_takes_up(tmp_path: Path) -> None:
    """Counted together with the records before, the share would be of something else, and the time left wrong."""
    (tmp_path / "rows.jsonl").write_text("1\n" * 10 + "no JSON\n" * 4)
    seen: list[Status] = []
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        where = (client, "echo", tmp_path / "rows.jsonl", tmp_path / "out")
        await run_bulk(*where)
        await run_bulk(*where, retry_dead=True, progress=seen.append)

    assert (0, 0, 0.0) == (seen[0].done, seen[0].failed, seen[0].share)
    assert (4, 4, 1.0) == (seen[-1].done, seen[-1].failed, seen[-1].share)


async def test_a_function_that_raises_does_not_end_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and not called again."""
    (tmp_path / "rows.jsonl").write_text("1\n" * 50)

    def fail(status: Status) -> None:
        raise ValueError("no screen")

    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        report = await run_bulk(client, "echo", tmp_path / "rows.jsonl", tmp_path / "out", progress=fail)

    assert report.succeeded == 50
    assert "the progress of a bulk run is no longer shown" in caplog.text


def test_neither_tqdm_nor_pyarrow_is_imported_with_the_package() -> None:
    """They are extras, and pyarrow takes 100 MB of memory."""
    code = "import sys, json, sagemaker_runtime.bulk; print(json.dumps([*sys.modules]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - a program of this test

    assert not {"tqdm", "pyarrow", "jmespath"} & set(json.loads(ran.stdout))
