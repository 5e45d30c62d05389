"""
MLflow's scoring server behind the local endpoint, as it stands in a container of `mlflow sagemaker build-and-push-container`.

`make interop-mlflow` sets up its environment and runs these tests; elsewhere they are skipped.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from doc_pages import DOCS, blocks, under
from interop.running import HERE, variables

from sagemaker_runtime import Client, InvokeEndpointInput, ModelError
from sagemaker_runtime.bulk import CSV, Body, CSVBody, JSONBody, invoke_many, run_bulk
from sagemaker_runtime.local import Container, LocalEndpoint
from sagemaker_runtime.predictor import CSVCodec, DecodeError, JSONCodec, JSONLinesCodec, Predictor

if "INTEROP_MLFLOW" not in os.environ:
    pytest.skip(
        "INTEROP_MLFLOW names no Python that has MLflow; run `make interop-mlflow`, which is on request only",
        allow_module_level=True,
    )

NAMES = ["a", "b", "c"]
ROWS = [[1.5, 2.0, -3.25], [0.1, 0.2, 0.3], [1e300, 0.0, 1.0]]
SUMS = [0.25, 0.1 + 0.2 + 0.3, 1e300]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the server, before it listens: MLflow takes some seconds to be imported."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = str(HERE / "servers" / "mlflow_models.py")
    command = [os.environ["INTEROP_MLFLOW"], script, str(port), str(tmp_path_factory.mktemp("models"))]
    with subprocess.Popen(command, env=variables(), stdin=subprocess.PIPE) as process:  # noqa: S603 - our own words
        yield f"http://127.0.0.1:{port}"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


@pytest.fixture
async def client(server: str) -> AsyncIterator[Client]:
    models = {name: Container(f"{server}/{name}", start_timeout=180) for name in ("signed", "unsigned")}
    async with LocalEndpoint(models) as local, Client(local.options()) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "document"),
    [
        ("signed", {"dataframe_split": {"columns": NAMES, "data": ROWS}}),
        ("signed", {"dataframe_records": RECORDS}),
        ("signed", {"inputs": COLUMNS}),
        ("signed", {"instances": RECORDS}),
        ("unsigned", {"inputs": ROWS}),
        ("unsigned", {"instances": ROWS}),
    ],
    ids=["split", "records", "inputs", "instances", "inputs of rows", "instances of rows"],
)
async def test_mlflow_reads_each_of_its_documents(client: Client, model: str, document: dict[str, Any]) -> None:
    """They are plain JSON, so `JSONCodec` needs to know nothing of them; the page shows all four."""
    found = await Predictor(client, model, codec=JSONCodec()).predict(document)

    assert list(found) == ["predictions"]
    assert found["predictions"] == pytest.approx(SUMS, rel=1e-9)


@pytest.mark.parametrize("model", ["signed", "unsigned"])
async def test_csv_has_the_names_of_the_columns_as_its_first_row(client: Client, model: str) -> None:
    """By the codec that the page shows, since what is copied from there must work."""
    shown = blocks(under(DOCS / "predictor.md", "Models of MLflow"), "python")[-1]
    page: dict[str, Any] = {}
    exec(shown.partition("\niris = ")[0], page)  # noqa: S102 - our own page

    found = await Predictor(client, model, codec=page["NamedRows"](NAMES)).predict(ROWS)

    assert found["predictions"] == pytest.approx(SUMS, rel=1e-9)


async def test_a_first_row_without_names_is_taken_for_names(client: Client) -> None:
    """Without a signature nothing says so, which is why the page warns of it."""
    codec = CSVCodec()
    unsigned = InvokeEndpointInput(endpoint_name="unsigned", body=codec.encode(ROWS), content_type="text/csv")

    output = await client.invoke_endpoint(unsigned)
    with pytest.raises(ModelError, match="Model is missing inputs") as refused:
        await Predictor(client, "signed", codec=codec).predict(ROWS)

    assert json.loads(output.body)["predictions"] == pytest.approx(SUMS[1:], rel=1e-9)
    assert refused.value.original_status_code == 400


async def test_csv_is_answered_in_json(client: Client) -> None:
    """MLflow does not look at what is asked for, so numbers cannot be read of it by `CSVCodec`, and its error says that."""
    with pytest.raises(DecodeError, match="of type application/json, cannot be read as text/csv"):
        await Predictor(client, "signed", codec=CSVCodec(field=float)).predict([NAMES, *ROWS])


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        (
            {"dataframe_split": {"columns": NAMES[:2], "data": [[1, 2]]}},
            "INVALID_PARAMETER_VALUE",
            "Model is missing inputs ['c']",
        ),
        ({"dataframe_records": [dict.fromkeys(NAMES, "x")]}, "BAD_REQUEST", "could not convert string to float"),
        ({"rows": ROWS}, "BAD_REQUEST", "exactly one of the input fields"),
        (ROWS, "BAD_REQUEST", "Received a list"),
    ],
    ids=["a column is missing", "text for a number", "an unknown key", "rows alone"],
)
async def test_what_mlflow_refuses_is_a_model_error_with_its_json(
    client: Client, document: object, code: str, words: str
) -> None:
    """Its text says what is wrong with the request, and its code can be told apart by a program."""
    with pytest.raises(ModelError) as raised:
        await Predictor(client, "signed", codec=JSONCodec()).predict(document)

    assert (424, 400) == (raised.value.status, raised.value.original_status_code)
    told = json.loads(str(raised.value.original_message))
    assert code == told["error_code"]
    assert words in told["message"]
    assert words in str(raised.value)


async def test_a_type_that_mlflow_does_not_read_is_refused_by_name(client: Client) -> None:
    """In plain text, unlike its other errors."""
    with pytest.raises(ModelError, match="only supports the following content types") as raised:
        await Predictor(client, "signed", codec=JSONLinesCodec()).predict(RECORDS)

    assert raised.value.original_status_code == 415


async def test_many_requests_at_once_have_each_their_own_predictions(client: Client) -> None:
    """MLflow computes in threads; a request that it refuses costs no other."""
    documents = [
        {"instances": [{"a": number, "b": row, "c": "x" if number == 7 else 0} for row in range(4)]}
        for number in range(20)
    ]
    inputs = [
        InvokeEndpointInput(endpoint_name="signed", body=json.dumps(document).encode(), content_type="application/json")
        for document in documents
    ]

    results = [result async for result in invoke_many(client, inputs)]

    errors = {result.index: result.error for result in results if result.error is not None}
    assert [7] == list(errors)
    assert isinstance(errors[7], ModelError)
    assert {number: [number + row for row in range(4)] for number in range(20) if number != 7} == {
        result.index: json.loads(result.output.body)["predictions"] for result in results if result.error is None
    }


def written(folder: Path) -> dict[int, Any]:
    """The output of each record."""
    lines = [line for part in sorted(folder.glob("part-*.jsonl")) for line in part.read_text().splitlines()]
    return {line["record"]: line["output"] for line in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("model", "records", "bad"),
    [
        ("signed", [{"a": number, "b": 0.5, "c": "x" if number == 41 else 0} for number in range(100)], {41: 400}),
        ("unsigned", [[number, 0.25, 0.25] for number in range(100)], {}),
    ],
    ids=["records", "rows"],
)
async def test_a_file_of_rows_is_sent_as_instances(
    client: Client, tmp_path: Path, model: str, records: list[object], bad: dict[int, int]
) -> None:
    """Several a request; what MLflow refuses because of one row fails for that row alone."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(record) + "\n" for record in records))
    body = JSONBody(key="instances", max_rows=16, output_key="predictions")

    report = await run_bulk(client, model, rows, tmp_path / "out", body=body, progress=False)

    assert (100 - len(bad), len(bad)) == (report.succeeded, report.failed)
    assert report.requests < 20  # 7 requests, and the halves of the one that failed
    assert written(tmp_path / "out") == {number: number + 0.5 for number in range(100) if number not in bad}
    letters = "".join(part.read_text() for part in (tmp_path / "out").glob("dead-letters/*.jsonl"))
    assert list(bad) == [json.loads(letter)["record"] for letter in letters.splitlines()]


@pytest.mark.parametrize(
    ("body", "succeeded"),
    [(JSONBody(key="dataframe_records", max_rows=16), 50), (CSVBody(max_rows=16), 0)],
    ids=["records", "CSV"],
)
async def test_a_file_of_csv_is_sent_as_records(client: Client, tmp_path: Path, body: Body, succeeded: int) -> None:
    """With the names of its columns; `CSVBody` leaves them out, and then every row fails, rather than one being lost."""
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b,c\n" + "".join(f"{number},0.25,0.25\n" for number in range(50)))

    report = await run_bulk(client, "signed", rows, tmp_path / "out", format=CSV(), body=body, progress=False)

    assert (succeeded, 50 - succeeded) == (report.succeeded, report.failed)
    assert written(tmp_path / "out") == {number: number + 0.5 for number in range(succeeded)}


async def test_rows_of_csv_that_are_taken_for_names_are_no_results(client: Client, tmp_path: Path) -> None:
    """A model without a signature answers 200 with one prediction too few: which row has which cannot be known."""
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b,c\n" + "".join(f"{number},0.25,0.25\n" for number in range(8)))

    report = await run_bulk(
        client, "unsigned", rows, tmp_path / "out", format=CSV(), body=CSVBody(max_rows=4), progress=False
    )

    assert (0, 8) == (report.succeeded, report.failed)
