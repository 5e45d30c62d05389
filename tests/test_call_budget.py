"""
What a call costs, counted and not timed: the functions that it calls in this package, once everything is warm.

A count is the same on every machine. Whoever makes a call dearer by a few steps sees it here, with the steps by name;
whoever makes it cheaper writes the lower figure down.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import pytest
from support import ManualClock, answer

import sagemaker_runtime
from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    NopRetryer,
    OptFn,
    Options,
    Request,
    Response,
    StaticCredentialsProvider,
    Timeout,
    override,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"5.1,3.5", content_type="text/csv")
HOME = str(Path(sagemaker_runtime.__file__).parent)
GUESTS = tuple(f"{HOME}/{name}/" for name in ("testing", "plugins", "local", "sync"))
CALLS = 10

# Functions of this package, and functions in C that it calls, for one call. Python 3.12 has no function for a
# comprehension any more.
BUDGET = {"a call": (79, 71), "a call with an override seen before": (80, 71)}
MARGIN = 0.03  # of what is counted; above it the test fails
SLACK = 0.12  # below it too: then the figures above have become meaningless


class Responder:
    """A transport that does nothing: the kit's would be counted too, which looks at each request as a server does."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        headers = {"x_amzn_RequestId": "42", "Date": "Sun, 22 Nov 2026 17:30:00 GMT", "content_type": "text/csv"}
        return answer(200, b"setosa", **headers)

    async def close(self) -> None: ...


def scripted() -> Client:
    keys = StaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    return Client(Options(region="us-east-1", credentials=keys, http_client=Responder(), clock=ManualClock()))


async def counted(client: Client, *opt_fns: OptFn) -> tuple[Counter[str], Counter[str]]:
    """By name, the functions of this package that `CALLS` calls have called, and those in C."""
    python: Counter[CodeType] = Counter()
    c: Counter[str] = Counter()

    def look(frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_filename
        if not name.startswith((HOME, "<attrs generated")) or name.startswith(GUESTS):
            return
        if event == "call":
            python[frame.f_code] += 1
        elif event == "c_call":
            c[getattr(argument, "__qualname__", repr(argument))] += 1

    async def calls() -> None:
        for _ in range(CALLS):
            await client.invoke_endpoint(PARAMS, *opt_fns)

    await calls()  # what is kept is made now
    sys.setprofile(look)
    try:
        await calls()
    finally:
        sys.setprofile(None)
    return Counter({code.co_qualname: count for code, count in python.items()}), c


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="counted on 3.11; later versions have fewer functions for the same"
)
@pytest.mark.parametrize("what", BUDGET)
async def test_a_call_takes_no_more_steps_than_were_written_down(what: str) -> None:
    """A call costs what it does because each step was weighed; one that creeps in is not seen in any other test."""
    opt_fns = () if what == "a call" else (override(retryer=NopRetryer()),)
    async with scripted() as client:
        found = await counted(client, *opt_fns)

    for kind, budget, steps in zip(("Python", "C"), BUDGET[what], found, strict=True):
        each = steps.total() / CALLS
        table = "\n".join(f"{count / CALLS:6.1f} {name}" for name, count in steps.most_common())
        assert each <= budget * (1 + MARGIN), f"{each} functions in {kind} and not {budget}:\n{table}"
        assert each >= budget * (1 - SLACK), f"only {each} functions in {kind}: write that down in place of {budget}"
