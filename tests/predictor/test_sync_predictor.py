"""`SyncPredictor`, with a `SyncClient` against the local endpoint. What it shares with `Predictor` is tested there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from predictor.bodies import SECRET
from predictor.models import Chat, echo, events, lines

from sagemaker_runtime import (
    REQUEST_ID,
    AsyncInferenceError,
    Client,
    ConfigError,
    CSVCodec,
    DecodeError,
    EncodeError,
    EventStreamError,
    JSONCodec,
    JSONLinesCodec,
    ModelError,
    ModelStreamError,
    NumPyCodec,
    PredictionStream,
    Predictor,
    SessionError,
    StreamContentError,
    SyncClient,
    SyncPredictionStream,
    SyncPredictor,
    Timeout,
    TotalTimeoutError,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, Latency, LocalEndpoint, Sessions, StreamError
from sagemaker_runtime.predictor import BYTES, JSON_LINES, LINES, SERVER_SENT_EVENTS, json_lines

JSON = JSONCodec()


def html(_: Invocation) -> Answer:
    return Answer(body=b"<html>s3cr3t", content_type="text/html")


def fail(_: Invocation) -> Answer:
    raise RuntimeError("no model")


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def local(chat: Chat) -> Iterator[LocalEndpoint]:
    models: dict[str, Any] = {"echo": echo, "lines": lines, "events": events, "html": html, "fail": fail}
    with LocalEndpoint({**models, "chat": Sessions(chat)}) as local:
        yield local


@pytest.fixture
def client(local: LocalEndpoint) -> Iterator[SyncClient]:
    with SyncClient(local.options()) as client:
        yield client


def without_awaiting(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without the asynchronous iterable that it may be, too."""
    return parameter.replace(annotation=str(parameter.annotation).replace(" | AsyncIterable[I_contra]", ""))


def test_it_has_the_methods_of_predictor_with_the_same_parameters() -> None:
    """Who knows the one knows the other."""
    for own, other in ((SyncPredictor, Predictor), (SyncPredictionStream, PredictionStream)):
        names = {name for name in dir(other) if not name.startswith("_")} - {"aclose"}
        assert names == {name for name in dir(own) if not name.startswith("_")} - {"close"}
        for name in names:
            method = getattr(other, name)
            if callable(method):
                expected = [without_awaiting(each) for each in inspect.signature(method).parameters.values()]
                found = list(inspect.signature(getattr(own, name)).parameters.values())
                assert expected[1:] == found[1:], name


def test_a_value_in_gives_a_value_out(client: SyncClient) -> None:
    """With the output beside it, members and options."""
    predictor = SyncPredictor(client, "echo", codec=JSON, custom_attributes="tenant=acme")
    prediction = predictor.invoke({"a": [1]}, accept="text/x")

    assert {"a": [1]} == predictor.predict({"a": [1]}) == prediction.value
    assert "application/json -> text/x; tenant=acme; None" == prediction.output.custom_attributes
    assert REQUEST_ID in prediction.output.result_metadata
    assert [[1.5, 2.0]] == SyncPredictor(client, "echo", codec=CSVCodec(field=float)).predict([1.5, 2])
    assert [1, 2] == SyncPredictor(client, "echo", codec=NumPyCodec()).predict(np.array([1, 2])).tolist()


def test_threads_share_it(client: SyncClient) -> None:
    """A thread pool is what most programs have."""
    predictor = SyncPredictor(client, "echo", codec=JSON)

    with ThreadPoolExecutor(8) as pool:
        assert list(range(100)) == list(pool.map(predictor.predict, range(100)))


def test_errors_are_those_of_predictor(client: SyncClient, local: LocalEndpoint) -> None:
    """Before a call, of the call, and of the response."""
    with pytest.raises(EncodeError, match=r'\["a"\] is of type set'):
        SyncPredictor(client, "echo", codec=JSON).predict({"a": {SECRET}})
    with pytest.raises(ConfigError, match="Did you mean 'target_variant'"):
        SyncPredictor(client, "echo", codec=JSON).predict(1, target_varient="a")  # type: ignore[call-arg]
    with pytest.raises(ModelError):
        SyncPredictor(client, "fail", codec=JSON).predict(1)
    with pytest.raises(DecodeError, match=r"12 bytes of type text/html.*InvokeEndpoint, request id") as caught:
        SyncPredictor(client, "html", codec=JSON).predict(1)
    assert SECRET not in str(caught.value)
    local.inject("echo", Latency(5.0), call=1)
    with pytest.raises(TotalTimeoutError):
        SyncPredictor(client, "echo", codec=JSON).predict(1, override(timeout=Timeout(total=0.05)))


def test_the_pieces_of_a_stream_are_what_the_format_says(client: SyncClient) -> None:
    """The same formats, and the same codecs."""
    predictor = SyncPredictor(client, "lines", codec=JSON)

    assert ['{"number": 0}', '{"number": 1}'] == list(predictor.stream(2, format=LINES))
    assert [{"number": 0}] == list(predictor.stream(1, format=JSON_LINES))
    assert [[0]] == list(predictor.stream(1, format=json_lines(type=lambda document: [*document.values()])))  # type: ignore[attr-defined]
    assert b'{"number": 0}\n' == b"".join(predictor.stream(1, format=BYTES))
    assert '{"number": 0}\n' == "".join(predictor.stream(1))
    assert [{"number": 0}] == list(SyncPredictor(client, "lines", codec=JSONLinesCodec()).stream([1]))
    words = SyncPredictor(client, "events", codec=JSON).stream("Alice was tired", format=SERVER_SENT_EVENTS)
    assert ["Alice", "was", "tired"] == [event.data for event in words]


def test_a_stream_opens_at_first_use_and_closes_with_its_context(client: SyncClient, local: LocalEndpoint) -> None:
    """And says so when it is read on."""
    stream = SyncPredictor(client, "lines", codec=JSON).stream(1_000, format=LINES)
    with pytest.raises(ConfigError, match="it opens at its first piece, or at 'with'"):
        _ = stream.output
    assert 0 == local.calls("lines")

    with stream as same:
        assert stream is same
        assert REQUEST_ID in stream.output.result_metadata
        assert '{"number": 0}' == next(stream)

    assert "<SyncPredictionStream of lines, closed>" == repr(stream)
    with pytest.raises(EventStreamError, match="closed before its end"):
        next(stream)
    ended = SyncPredictor(client, "lines", codec=JSON).stream(0)
    assert ([], []) == (list(ended), list(ended))


def test_a_stream_that_breaks_raises_it_again(client: SyncClient, local: LocalEndpoint) -> None:
    """An end in silence would be taken for the model's."""
    local.inject("lines", StreamError("ModelStreamError", after=1), call=1)
    stream = SyncPredictor(client, "lines", codec=JSON).stream(3)
    for _ in range(2):
        with pytest.raises(ModelStreamError):
            list(stream)
    broken = SyncPredictor(client, "html", codec=JSON).stream(1, format=JSON_LINES)
    for _ in range(2):
        with pytest.raises(StreamContentError, match="line 1") as caught:
            next(broken)
        assert broken.output.result_metadata[REQUEST_ID] == caught.value.request_id


def test_an_asynchronous_inference(client: SyncClient) -> None:
    """In one call, or in two."""
    predictor = SyncPredictor(client, "echo", codec=JSON)

    assert [1] == predictor.predict_async([1], timeout=30)
    assert [2] == predictor.wait_for_prediction(predictor.submit_async([2]))
    with pytest.raises(AsyncInferenceError):
        SyncPredictor(client, "fail", codec=JSON).predict_async(1)


def test_a_session_is_opened_used_and_closed(client: SyncClient, chat: Chat) -> None:
    """Whatever happens in it."""
    predictor = SyncPredictor(client, "chat", codec=JSON)
    with predictor.session() as session:
        session.predict("I am Alice")
        assert ["I am Alice", "Who am I?"] == session.predict("Who am I?")
        assert [session.session_id] == list(chat.said)
    assert {} == chat.said

    for kind in (LookupError, KeyboardInterrupt):
        with pytest.raises(kind), predictor.session():
            raise kind
        assert {} == chat.said

    chat.fail_to_close = True
    with pytest.raises(LookupError) as caught, predictor.session():
        raise LookupError
    assert caught.value.__notes__[0].startswith("the session could not be closed: ModelError:")
    with pytest.raises(SessionError), SyncPredictor(client, "echo", codec=JSON).session():
        pass


async def test_each_predictor_takes_its_own_kind_of_client(client: SyncClient) -> None:
    """The other's calls would give a coroutine that nobody awaits, or an output that nobody can."""
    mistakes: list[tuple[Any, Any, str]] = [
        (Predictor, client, "Predictor takes a Client; for a SyncClient there is SyncPredictor"),
        (SyncPredictor, Client(), "SyncPredictor takes a SyncClient; for a Client there is Predictor"),
        (Predictor, "iris", "the first argument of a predictor is of type str"),
        (SyncPredictor, None, "the first argument of a predictor is of type NoneType"),
    ]
    for kind, wrong, problem in mistakes:
        with pytest.raises(ConfigError, match=problem):
            kind(wrong, "iris", codec=JSON)
