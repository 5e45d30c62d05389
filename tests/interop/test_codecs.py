"""Codecs against containers that read and write with other people's libraries: LitServe, and pandas behind FastAPI."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from interop.running import HERE, WHY_SKIPPED, program, variables
from interop.test_servers import lit

from sagemaker_runtime import Client
from sagemaker_runtime.local import Container, LocalEndpoint
from sagemaker_runtime.predictor import (
    LINES,
    ArrowCodec,
    CSVCodec,
    JSONCodec,
    JSONLinesCodec,
    NumPyCodec,
    ParquetCodec,
    Predictor,
)

if "INTEROP_ENVIRONMENTS" not in os.environ:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)

ROWS = [[1.5, 2.0, -3.25], [0.1, 0.2, 0.3], [1e300, 0.0, 1.0]]
SUMS = [0.25, 0.1 + 0.2 + 0.3, 1e300]
TABLE = pa.table({name: [row[number] for row in ROWS] for number, name in enumerate("abc")})


@pytest.fixture(scope="module")
def tables() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program("servers"), str(HERE / "servers" / "tables.py"), str(port)]
    with subprocess.Popen(command, env=variables(), stdin=subprocess.PIPE) as process:  # noqa: S603 - our own words
        yield f"http://127.0.0.1:{port}"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
async def client(tables: str) -> AsyncIterator[Client]:
    async with LocalEndpoint({"tables": Container(tables)}) as local, Client(local.options()) as client:
        yield client


@pytest.mark.parametrize(
    ("codec", "given", "read"),
    [
        (JSONCodec(), {"instances": ROWS}, lambda found: [each["sum"] for each in found]),
        (
            JSONLinesCodec(),
            [dict(zip("abc", row, strict=True)) for row in ROWS],
            lambda found: [each["sum"] for each in found],
        ),
        (CSVCodec(field=float), ROWS, lambda found: [each for [each] in found]),
        (NumPyCodec(), np.array(ROWS), lambda found: found[:, 0].tolist()),
        (ArrowCodec(), TABLE, lambda found: found["sum"].to_pylist()),
        (ParquetCodec(), TABLE, lambda found: found["sum"].to_pylist()),
    ],
    ids=["JSON", "JSON Lines", "CSV", "NumPy", "Arrow", "Parquet"],
)
async def test_what_a_codec_writes_others_read_and_the_other_way_round(
    client: Client, codec: Any, given: Any, read: Any
) -> None:
    """A format is what two implementations of it agree on."""
    found = await Predictor(client, "tables", codec=codec).predict(given)

    assert read(found) == pytest.approx(SUMS, rel=1e-9)


async def test_litserve_takes_and_gives_json(tmp_path: Path) -> None:
    """And a stream of it is lines."""
    with lit("sums") as sums, lit("stream") as stream:
        async with (
            LocalEndpoint({"sums": Container(sums), "tell": Container(stream)}) as local,
            Client(local.options()) as client,
        ):
            found = await Predictor(client, "sums", codec=JSONCodec()).predict({"instances": [[1, 2], [3, 4.5]]})
            telling = Predictor(client, "tell", codec=JSONCodec()).stream(
                {"text": "once upon a time", "go_on": str(tmp_path)}, format=LINES
            )
            async with telling as lines:
                told = [line async for line in lines]

    assert found == {"predictions": [3, 7.5]}
    assert told == ["once", "upon", "a", "time"]
