"""What becomes of calls that meet faults: one by one against the table of docs/faults.md, and twenty thousand at once."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from local import survival_table

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Options,
    SageMakerRuntimeError,
    StandardRetryer,
    StaticCredentialsProvider,
    Timeout,
)
from sagemaker_runtime.local import Fault, Journal
from sagemaker_runtime.local.faults.kinds import DuplexFault
from sagemaker_runtime.local.faults.plan import FAULTS_KEPT

SERVER = Path(__file__).with_name("survival_server.py")
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")
CALLS = 20_000
IN_FLIGHT = 200
WARM = 5_000  # calls after which no more memory is needed
MAX_ATTEMPTS = 3
DOWN_EACH = 100  # one call of so many is to an endpoint that always fails, so that all attempts are made
MODEL_NOT_READY = "ModelNotReadyException"

TYPED = {
    "ReadTimeoutError",
    "TruncatedResponseError",
    "EventStreamError",
    "InternalFailure",
    "ModelError",
    "ModelStreamError",
}

# Of an attempt that another one may follow: its status and its error. None is an attempt that got no response.
MAY_BE_REPEATED = {
    (503, "ServiceUnavailable"),
    (500, "InternalFailure"),
    (429, MODEL_NOT_READY),
    (400, "ThrottlingException"),
    (403, "InvalidSignatureException"),
    (None, None),
}


async def test_the_page_says_what_becomes_of_a_call_that_meets_a_fault() -> None:
    """The page is written from such a run; a change of the client that moves a line of it is one that users notice."""
    page = survival_table.TABLE.search(survival_table.PAGE.read_text())

    assert page is not None
    assert page[0] == await survival_table.table(), (
        "docs/faults.md says otherwise; if the client is right, run `PYTHONPATH=tests python tests/local/survival_table.py --write`"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say how much the peer has taken")
async def test_the_page_says_what_becomes_of_a_call_that_meets_trouble_on_its_way() -> None:
    """Servers, links and proxies that no local endpoint can stand for, each of them real."""
    page = survival_table.TABLE_ON_THE_WAY.search(survival_table.PAGE.read_text())

    assert page is not None
    assert page[0] == await survival_table.table_on_the_way(), (
        "docs/faults.md says otherwise; if the client is right, run `PYTHONPATH=tests python tests/local/survival_table.py --write`"
    )


def test_the_page_has_a_row_for_every_fault() -> None:
    """A fault that nobody has seen the client meet is one that it may not survive."""
    assert set(Fault.__args__) - set(DuplexFault.__args__) == {type(fault) for fault, _ in survival_table.FAULTS}


def test_the_page_has_the_numbers_of_the_code() -> None:
    """Who looks for an exchange that was dropped asks the page how many are kept."""
    flat = " ".join(survival_table.PAGE.read_text().split())

    assert f"the last {Journal().max_exchanges:,} exchanges, and {Journal().max_bytes // 2**20} MiB of" in flat
    assert f"the last {FAULTS_KEPT:,} faults" in flat


def descriptors() -> set[str]:
    """What the open descriptors are, less what reading them opens itself."""
    found = set()
    for entry in DESCRIPTORS.iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return found


def resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Load:
    """Calls, so many at once, whose outcomes are counted and not kept."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.outcomes: Counter[str] = Counter()
        self.begun = 0
        self.resident: list[int] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(self._work())

    async def _work(self) -> None:
        while self.begun < CALLS:
            self.begun += 1
            number = self.begun
            if number in (WARM, CALLS):
                self.resident.append(resident())
            try:
                self.outcomes[await (self._stream(number) if number % 2 else self._whole(number))] += 1
            except SageMakerRuntimeError as error:
                self.outcomes[type(error).__name__] += 1

    async def _whole(self, number: int) -> str:
        name = "down" if number % DOWN_EACH == 0 else "it"
        output = await self.client.invoke_endpoint(InvokeEndpointInput(endpoint_name=name, body=b"%d" % number))
        return self._judged(number, output.body)

    async def _stream(self, number: int) -> str:
        params = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"%d" % number)
        output = await self.client.invoke_endpoint_with_response_stream(params)
        async with output.body as stream:
            return self._judged(number, b"".join([piece async for piece in stream.iter_bytes()]))

    @staticmethod
    def _judged(number: int, body: bytes) -> str:
        return "response" if body == b"%d second third" % number else "a wrong response"


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="memory and descriptors are counted in /proc")
async def test_twenty_thousand_calls_among_faults_all_end_and_leave_nothing() -> None:
    """A service runs for months among such faults: no call may hang, run twice against the policy, or leave a trace."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, SERVER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26
    )
    assert server.stdout is not None
    url, *keys = json.loads(await server.stdout.readline())
    before = asyncio.all_tasks() | descriptors()
    options = Options(
        base_endpoint=url,
        region="us-east-1",
        credentials=StaticCredentialsProvider(*keys),
        retryer=StandardRetryer(draw=lambda: 0.0),
        timeout=Timeout(read=2.0),
    )

    async with Client(options) as client:
        load = Load(client)
        await load.run()
    left: set[object] = set()
    for _ in range(1000):  # turns of the loop, in one of the next of which each closed connection is let go of
        left = (asyncio.all_tasks() | descriptors()) - before
        if not left:
            break
        await asyncio.sleep(0)
    printed, _ = await server.communicate(b"")  # which closes its standard input

    journal = json.loads(printed)
    calls: dict[str, list[list[object]]] = defaultdict(list)
    for invocation_id, *exchange in journal["exchanges"]:
        calls[invocation_id].append(exchange)
    repeated_too_often = [
        attempts
        for attempts in calls.values()
        if sum(error != MODEL_NOT_READY for _, _, error in attempts) > MAX_ATTEMPTS
    ]
    repeated_though_begun = [
        attempts
        for attempts in calls.values()
        if any(
            (status, error) not in MAY_BE_REPEATED or "Latency" in str(fault) for fault, status, error in attempts[:-1]
        )
    ]
    assert CALLS == load.outcomes.total()
    assert 0 == load.outcomes["a wrong response"]
    assert 0.9 * CALLS < load.outcomes["response"] < CALLS
    assert set(load.outcomes) >= TYPED
    assert 0 == journal["dropped"]
    assert 0.09 * CALLS < journal["faults"]
    assert 0.99 * CALLS < len(calls) <= CALLS
    assert [] == repeated_too_often
    assert [] == repeated_though_begun
    assert set() == left
    grown = load.resident[1] - load.resident[0]
    assert grown < 5e6, f"{grown / 1e6:.1f} MB more after {CALLS} calls than after {WARM}"
