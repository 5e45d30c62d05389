"""
Take docs/pictures/bulk-report.png, the picture of a bulk run's report.

``make screenshots`` runs it. The run is made up, second by second, so that its picture
is the same each time: an endpoint that is scaled out, is gone for some minutes, and
throttles; a process that is killed, and one that goes on.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from pathlib import Path
from random import Random

from attrs import asdict
from headless import chromium

from sagemaker_runtime import AttemptRecord
from sagemaker_runtime.bulk import BulkReport
from sagemaker_runtime.bulk.formats.base import Shard
from sagemaker_runtime.bulk.journal import Entries, Entry
from sagemaker_runtime.bulk.over_time import Point, Process, Record
from sagemaker_runtime.bulk.plan import Plan
from sagemaker_runtime.bulk.rounds import Rounds
from sagemaker_runtime.bulk.tally import Tally, request_of

PICTURES = Path(__file__).parent / "pictures"
NINE = 1_789_981_200  # 21 September 2026, 9:00 UTC
# Seconds of the first process, of the stop, and of the second process.
FIRST, STOPPED, SECOND = 1_500, 2_700, 1_100
GONE = range(700, 910)  # seconds of the run in which the endpoint is not there
BUSY = range(1_150, 1_300)  # in which it throttles
PER_REQUEST = 32  # records
CANARY, FAILING, OF_MODEL = 0.1, 0.012, 0.8  # shares
WIDTH = 1_000  # CSS pixels


def second(at: int, draw: Random) -> Point:
    """What a second was like."""
    scaled = 1 / (1 + math.exp((at - 350) / -40))  # a second instance comes
    limit = round(min(6 + at / 6, 24 + 22 * scaled))
    point = Point(
        NINE + at,
        1.0,
        limit=limit,
        in_flight=min(limit + 8, limit + draw.uniform(3, 8)),
    )
    if at in GONE:
        point.errors = draw.randint(2, 9)
        point.limit, point.in_flight = 2, 10
        if at > GONE[0] + 5:
            point.waited, point.reason = 1.0, "ServiceUnavailable: no healthy instance"
        return point
    if at in BUSY:
        point.throttled = draw.randint(4, 16)
        point.limit = limit = round(limit * (0.55 + 0.2 * draw.random()))
        point.in_flight = limit + draw.uniform(3, 8)
    latency = 0.19 + 0.05 * (1 - scaled) + (0.12 if at in BUSY else 0)
    requests = round(limit / latency * draw.uniform(0.85, 1.0) / 2)
    tally = Tally(rows=requests * PER_REQUEST, throttled=point.throttled, seconds=1.0)
    counted = []
    for _ in range(requests):
        variant = "canary" if draw.random() < CANARY else "main"
        seconds = latency * draw.lognormvariate(
            0.35 if variant == "canary" else 0, 0.28
        )
        counted.append(request_of(variant, [AttemptRecord(1, seconds)]))
    tally.count(counted)
    tally.attempts += point.throttled
    if draw.random() < FAILING:
        tally.rows, tally.dead = tally.rows - 1, 1
        tally.codes["ModelError" if draw.random() < OF_MODEL else "DecodeError"] += 1
    point.tally = tally
    return point


def made_up() -> BulkReport:
    """The report of the run."""
    draw, record = Random(22), Record()  # noqa: S311 - a picture, and no secret
    for began, seconds in ((0, FIRST), (FIRST + STOPPED, SECOND)):
        done = sum(point.tally.rows + point.tally.dead for point in record.points)
        record.take({"process": asdict(Process(NINE + began, NINE + began, done=done))})
        for at in range(seconds):
            point = second(at + (0 if began == 0 else FIRST), draw)
            point.at = NINE + began + at
            record.take({"point": point.to_json()})
    record.take(
        {"end": "finished", "reason": None, "seen": NINE + FIRST + STOPPED + SECOND}
    )
    record.take(
        {
            "slowest": [
                {
                    "seconds": round(3.9 / (1 + n / 3), 3),
                    "file": f"day-{n + 3:02}.jsonl",
                    "first_record": 4_096 * (n + 1),
                }
                for n in range(10)
            ],
            "failures": [
                {
                    "file": f"day-{n + 1:02}.jsonl",
                    "record": 40_961 + 77 * n,
                    "status": 424,
                    "code": "ModelError",
                    "message": "ValueError: could not convert string to float: 'n/a'",
                    "request_id": f"5f1c{n}a70-9d5b-4c1e-8f0e-6c2d1b7a{n}e10",
                    "attempts": 1,
                }
                for n in range(3)
            ],
        }
    )
    total = Tally.of(point.tally.to_json() for point in record.points)
    record.thin()
    plan = Plan("7c9e6679", {"endpoint": "churn-model"}, [], [Shard(0, 0, 1)])
    entry = Entry("part-00000", 1, 1, counts=total.to_json(), state="done")
    return BulkReport.of(
        "s3://analytics/churn/2026-09-21/",
        Rounds(plan, Entries([entry]), ".jsonl"),
        record,
    )


async def main() -> None:
    """Make the page, and take its picture."""
    with tempfile.TemporaryDirectory() as name:
        page = Path(name) / "report.html"
        page.write_bytes(made_up().to_html())
        async with chromium() as browser:
            opened = await browser.new_page(viewport={"width": WIDTH, "height": 900})
            await opened.goto(page.as_uri())
            # Down to the chart of failed attempts, the third one.
            last = await opened.locator("figure").nth(2).bounding_box()
            assert last is not None
            clip = {
                "x": 0,
                "y": 0,
                "width": WIDTH,
                "height": last["y"] + last["height"],
            }
            path = PICTURES / "bulk-report.png"
            await opened.screenshot(path=path, full_page=True, clip=clip)
    print(path)


if __name__ == "__main__":
    asyncio.run(main())
