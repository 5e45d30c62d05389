"""`BulkReport`: what a run has done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.history import read_history
from sagemaker_runtime.bulk.journal import Entries
from sagemaker_runtime.bulk.plan import Plan
from sagemaker_runtime.bulk.rounds import Rounds

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from sagemaker_runtime.bulk.over_time import Point, Process, Record
    from sagemaker_runtime.bulk.tally import Tally


@frozen
class BulkReport:
    """
    What a run has done since its beginning, however often it was stopped. ``report.json`` has the same fields, and
    ``report.html`` shows them.

    Times are in seconds since 1970, UTC.
    """

    endpoint: str
    """The name of the endpoint."""

    output: str
    """Where the results are: a folder, or ``s3://bucket/prefix/``."""

    run_id: str
    """Eight hexadecimal digits; inference ids begin with them."""

    records: int
    """Records of the input so far: ``succeeded`` plus ``failed``."""

    succeeded: int
    """Records with a result."""

    failed: int
    """Records that are dead letters now."""

    share: float
    """The share of the input that is done, from 0.0 to 1.0; once a retry has begun, the share of its dead letters."""

    failures: Mapping[str, int]
    """Errors of records by code, including those of records that *retry_dead* has since saved or tried again."""

    requests: int
    """Requests with a response or an error, including the halves of failed ones."""

    attempts: int
    """Their attempts, retries included. Work that was lost when the process was killed is not counted."""

    throttled: int
    """Attempts that were throttled."""

    seconds: float
    """How long the run took, without the pauses between its processes. A killed process counts until it last wrote."""

    records_per_second: float
    """``records`` divided by ``seconds``."""

    latency: Mapping[str, float | None]
    """Seconds that the last attempt of a request took: ``p50``, ``p90``, ``p99`` and ``max``, within 9 %. Each is None without
    requests."""

    variants: Mapping[str, Mapping[str, float | None]]
    """The same for each production variant that responded, with its number of ``requests``."""

    slowest: Sequence[Mapping[str, object]]
    """The ten slowest requests: seconds, file and first record."""

    first_failures: Sequence[Mapping[str, object]]
    """The first ten dead letters, without their records; after *retry_dead*, those of the last retry."""

    processes: Sequence[Mapping[str, object]]
    """The processes that worked on the run, the first and the last 25: when each ``began`` and was ``seen`` last, its ``round``
    (0, or the number of the retry), its ``records``, its ``end`` (``"finished"``, ``"stopped"``, or None if it was killed or is
    still running), and the ``reason`` if it was stopped."""

    processes_omitted: int
    """How many processes in between are left out."""

    interval: int
    """The length of an entry of ``over_time``, in seconds."""

    over_time: Sequence[Mapping[str, object]]
    """The run over time, in at most 240 entries. Each has ``at``, when it begins; ``seconds``, for how long a process was running;
    the counts ``records``, ``failed``, ``requests``, ``throttled`` and ``errors`` (attempts that failed otherwise); the averages
    ``limit`` and ``in_flight``; ``waited``, for how many seconds every attempt failed, and ``reason``, the last error of those;
    ``latency``, and ``variants`` if there are several, as above. It counts whatever came back, so work that a killed process could
    not write is counted twice, and up to a second of what it did write may be missing."""

    @classmethod
    def of(cls, output: str, rounds: Rounds, record: Record) -> BulkReport:
        """
        The report of a run.

        Args:
            output: Where the results are.

            rounds: The progress of the run, from its journal.

            record: The run over time, from its history.
        """
        tally, failed, units = rounds.tally(), rounds.failed(), rounds.units()
        records, seconds = tally.rows + failed, tally.seconds
        return cls(
            endpoint=rounds.plan.settings["endpoint"] or "",
            output=output,
            run_id=rounds.plan.run_id,
            records=records,
            succeeded=tally.rows,
            failed=failed,
            share=1.0 if rounds.is_done or not units[1] else min(1.0, units[0] / units[1]),
            failures=dict(tally.codes),
            requests=tally.requests,
            attempts=tally.attempts,
            throttled=tally.throttled,
            seconds=round(seconds, 3),
            records_per_second=round(records / seconds, 1) if seconds else 0.0,
            latency=tally.percentiles(),
            variants=_variants(tally),
            slowest=record.slowest,
            first_failures=record.failures,
            processes=[_process(each, tally.rows + tally.dead) for each in record.processes],
            processes_omitted=record.omitted,
            interval=record.interval,
            over_time=[_point(each, several=len(tally.latencies.keys() - {""}) > 1) for each in record.even()],
        )

    def to_json(self) -> bytes:
        """The content of ``report.json``, with each entry of ``over_time`` on one line."""
        facts = asdict(self)
        points = ",\n".join(f"    {json.dumps(point)}" for point in facts.pop("over_time"))
        text = json.dumps(facts, indent=2).removesuffix("\n}")
        return f'{text},\n  "over_time": [\n{points}\n  ]\n}}\n'.encode()

    def to_html(self) -> bytes:
        """The content of ``report.html``: a page that runs no script and loads nothing."""
        from sagemaker_runtime.bulk.page.document import document  # only when it is needed

        return document(self)


def read_report(folder: str | os.PathLike[str]) -> BulkReport:
    """
    Make the report of a run from its journal and history, even if the run was stopped or is still running.

    Args:
        folder: The output or the state of a run, on this machine; or any folder with a ``report.json``, which is then read.

    Raises:
        ConfigError: The folder is not that of a run, is in S3, or has a file that cannot be read.
    """
    if str(folder).startswith("s3://"):
        raise ConfigError(
            f"{str(folder)!r} is in S3, but the journal of a run is on the disk of the machine that started it: name the folder that "
            "it was given as state=, or one into which you have copied its report.json"
        )
    path = Path(folder).expanduser().absolute()
    state = next((each for each in (path / ".bulk", path) if (each / "plan.json").is_file()), None)
    try:
        plan = None if state is None else Plan.read(state / "plan.json")
        if plan is None or state is None:
            report = BulkReport(**json.loads((path / "report.json").read_bytes()))
            report.to_html()  # fails here, where the path is known, if the file was edited by hand and broken
            return report
        rounds = Rounds(plan, Entries.of(state / "journal"), f".{plan.settings['output_format']}")
        return BulkReport.of(plan.settings["output"] or str(state.parent), rounds, read_history(state / "history"))
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}"
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        problem = f"a file in it cannot be read ({type(error).__name__})"
    raise ConfigError(
        f"{str(path)!r} is not the folder of a bulk run: {problem}; name the output of a run, or its state"
    )


def _process(process: Process, done: int) -> Mapping[str, object]:
    return {
        "began": round(process.began, 1),
        "seen": round(process.seen, 1),
        "round": process.round,
        "records": done - process.done if process.records is None else process.records,
        "end": process.end,
        "reason": process.reason,
    }


def _point(point: Point, *, several: bool) -> Mapping[str, object]:
    tally = point.tally
    facts: dict[str, object] = {
        "at": point.at,
        "seconds": round(point.seconds, 1),
        "records": tally.rows + tally.dead,
        "failed": tally.dead,
        "requests": tally.requests,
        "throttled": point.throttled,
        "errors": point.errors,
        "limit": round(point.limit, 1),
        "in_flight": round(point.in_flight, 1),
        "waited": round(point.waited, 1),
        "reason": point.reason,
        "latency": _rounded(tally.percentiles()),
    }
    return facts | {"variants": _variants(tally)} if several else facts


def _variants(tally: Tally) -> Mapping[str, Mapping[str, float | None]]:
    return {
        name: {"requests": counts.total(), **_rounded(tally.percentiles(name))}
        for name, counts in sorted(tally.latencies.items())
        if name
    }


def _rounded(latency: Mapping[str, float | None]) -> Mapping[str, float | None]:
    return {name: None if seconds is None else float(f"{seconds:.3g}") for name, seconds in latency.items()}
