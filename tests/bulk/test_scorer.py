"""`Scorer`: batches of other people's pipelines."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from sagemaker_runtime import ConfigError, SyncClient
from sagemaker_runtime.bulk import ClientRecipe, FileBody, JSONBody, Scorer
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint

SEEN: list[Invocation] = []


def doubled(invocation: Invocation) -> bytes:
    SEEN.append(invocation)
    rows = json.loads(invocation.body)["instances"]
    if any(row["x"] == 13 for row in rows):
        raise ValueError("unlucky")
    return json.dumps({"predictions": [2 * row["x"] for row in rows]}).encode()


def size(invocation: Invocation) -> Answer:
    SEEN.append(invocation)
    return Answer(body=b"%d" % len(invocation.body), content_type="application/json")


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    """One that has been pickled; its credentials are the environment's."""
    with LocalEndpoint({"m": doubled, "size": size}) as local, pytest.MonkeyPatch.context() as patch:
        for name, value in local.environ().items():
            patch.setenv(name, value)
        made = Scorer(ClientRecipe(endpoint_url=local.url), "m", body=JSONBody(key="instances", max_rows=4))
        yield pickle.loads(pickle.dumps(made))  # noqa: S301 - it was made here
        made.close()


def test_a_batch_comes_back_with_results_and_errors(scorer: Scorer) -> None:
    """The rows beside one that fails have their results, in a column that is the same for all batches."""
    batch = {"id": np.array(["a", "b", "c"]), "x": np.array([1, 13, 3])}

    scored = scorer(batch)

    assert ["id", "x", "output", "error"] == list(scored)
    assert [2, None, 6] == list(scored["output"])
    assert [None, True, None] == [error and error.startswith("ModelError: ") for error in scored["error"]]
    assert object == scored["output"].dtype == scored["error"].dtype


def test_a_table_of_arrow_stays_one(scorer: Scorer) -> None:
    """Errors are text even in a batch that has none, or its blocks would have several schemas."""
    scored = scorer(pa.table({"x": [1, 2, 3, 4, 5]}))

    assert [2, 4, 6, 8, 10] == scored.column("output").to_pylist()
    assert pa.string() == scored.schema.field("error").type


def test_lists_and_some_columns(scorer: Scorer) -> None:
    """Only what the model is to see is sent."""
    SEEN.clear()
    columns = Scorer(scorer.recipe, "m", body=scorer.body, columns=["x"], output="score", error="why")

    assert {"name": ["Ann"], "x": [4], "score": [8], "why": [None]} == columns({"name": ["Ann"], "x": [4]})
    assert {"instances": [{"x": 4}]} == json.loads(SEEN[0].body)


def test_bytes_of_one_column_are_sent_as_they_are(scorer: Scorer) -> None:
    """Images, with the content type that the user gives."""
    SEEN.clear()
    images = Scorer(scorer.recipe, "size", columns="image", body=FileBody(), members={"content_type": "image/png"})

    assert [3, 2] == list(images({"image": [b"\x89PN", b"\x00\xff"]})["output"])
    assert {"image/png"} == {invocation.content_type for invocation in SEEN}


def test_an_error_that_every_row_meets_is_a_value_too(scorer: Scorer) -> None:
    """Raised, it would end a data set of hours, or have its blocks dropped without a word."""
    scored = Scorer(scorer.recipe, "gone")({"x": [1, 2]})

    assert [None, None] == scored["output"]
    assert all("ValidationError: " in error and "not found" in error for error in scored["error"])


def test_an_empty_batch_makes_no_call(scorer: Scorer) -> None:
    """Engines send them to learn the columns."""
    SEEN.clear()

    assert {"x": [], "output": [], "error": []} == scorer({"x": []})
    assert [] == SEEN


@pytest.mark.parametrize(
    ("batch", "columns", "said"),
    [
        ({"y": [1]}, ["x"], "the batch has no column 'x'; it has y"),
        ({"x": [1], "error": [1]}, None, "already has a column 'error'; choose other names with output= and error="),
        ([1, 2], None, "the batch is a list; a Scorer takes a pandas.DataFrame"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(scorer: Scorer, batch: object, columns: list[str], said: str) -> None:
    """It is the program's fault, and not the row's."""
    with pytest.raises(ConfigError, match=said):
        Scorer(scorer.recipe, "m", columns=columns)(batch)


@pytest.mark.parametrize("name", ["max_calls", "workers"])
def test_numbers_begin_with_one(scorer: Scorer, name: str) -> None:
    """None would be let through."""
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        Scorer(scorer.recipe, "m", **{name: 0})


def test_threads_share_a_client_and_a_limit(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask runs several tasks in a process: a client each would look for credentials with every batch."""
    made: list[object] = []
    make = ClientRecipe.client
    monkeypatch.setattr(ClientRecipe, "client", lambda self: made.append(self) or make(self))
    scorer.close()
    found: list[object] = []

    def work() -> None:
        found.extend(pickle.loads(pickle.dumps(scorer))({"x": [1, 2]})["output"])  # noqa: S301 - it was made here

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(4 * [2, 4]) == sorted(found)
    assert 1 == len(made)


def test_it_holds_no_credentials(scorer: Scorer) -> None:
    """Engines keep what they pickle, and show it."""
    import os

    packed = pickle.dumps(scorer)

    assert os.environ["AWS_SECRET_ACCESS_KEY"].encode() not in packed


def test_the_columns_of_dask_are_known_without_a_call(scorer: Scorer) -> None:
    """It would make up rows, and send them."""

    class Frame:
        dtypes = {"x": "int64"}  # noqa: RUF012 - as a data frame has it

    assert {"x": "int64", "output": "object", "error": "object"} == scorer.meta(Frame())


def test_it_is_no_client_that_a_scorer_takes() -> None:
    """Neither can be sent anywhere."""
    with pytest.raises(ConfigError, match="is a SyncClient"):
        Scorer(SyncClient(), "m")  # type: ignore[arg-type]
