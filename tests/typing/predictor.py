"""Predictors and codecs as a checker sees them. Never run; see ``api.py``."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

import cattrs
import msgspec
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_jsonable_python

from sagemaker_runtime import (
    Client,
    Codec,
    CSVCodec,
    Encoded,
    InvokeEndpointAsyncOutput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamOutput,
    JSONCodec,
    JSONLinesCodec,
    NumPyCodec,
    Prediction,
    PredictionStream,
    Predictor,
    ServerSentEvent,
    SyncClient,
    SyncPredictionStream,
    SyncPredictor,
    SyncResponseStreamOutput,
    TextParser,
    TritonCodec,
    override,
)
from sagemaker_runtime.predictor import (
    BYTES,
    JSON_LINES,
    LINES,
    SERVER_SENT_EVENTS,
    TEXT,
    Documents,
    Members,
    StreamFormat,
    json_lines,
)


class Model(BaseModel):
    """A type of pydantic's."""

    name: str


class Struct(msgspec.Struct):
    """A type of msgspec's."""

    name: str


@dataclass
class Plain:
    """A type of nobody's."""

    name: str


def make(document: object) -> Plain:
    """A function as a type."""
    return cattrs.structure(document, Plain)


async def types(client: Client) -> None:
    """`predict` returns what the codec's type makes, and no caller needs a cast."""
    assert_type(await Predictor(client, "iris", codec=JSONCodec()).predict([1]), object)
    assert_type(await Predictor(client, "iris", codec=JSONCodec(type=Model)).predict([1]), Model)
    assert_type(
        await Predictor(client, "iris", codec=JSONCodec(type=TypeAdapter(list[Model]))).predict([1]), list[Model]
    )
    assert_type(
        await Predictor(client, "iris", codec=JSONCodec(type=msgspec.json.Decoder(Struct))).predict([1]), Struct
    )
    assert_type(await Predictor(client, "iris", codec=JSONCodec(type=make)).predict([1]), Plain)
    by_lambda = JSONCodec(type=lambda document: cattrs.structure(document, Plain), default=cattrs.unstructure)
    assert_type(await Predictor(client, "iris", codec=by_lambda).predict(Plain("a")), Plain)
    assert_type(await Predictor(client, "iris", codec=JSONLinesCodec()).predict([1]), Documents[object])
    assert_type(await Predictor(client, "iris", codec=JSONLinesCodec(type=Model)).predict([1]), Documents[Model])
    _models: list[Model] = await Predictor(client, "iris", codec=JSONLinesCodec(type=Model)).predict([1])
    assert_type(await Predictor(client, "iris", codec=CSVCodec()).predict([1, 2]), list[list[str]])
    assert_type(await Predictor(client, "iris", codec=CSVCodec(field=float)).predict([[1], [2]]), list[list[float]])
    assert_type(await Predictor(client, "iris", codec=NumPyCodec()).predict(np.zeros(3)), npt.NDArray[Any])
    triton = Predictor(client, "iris", codec=TritonCodec())
    assert_type(await triton.predict({"x": np.zeros(3)}), dict[str, npt.NDArray[Any]])

    JSONCodec(type=Model, default=to_jsonable_python, object_hook=dict)
    JSONCodec(type=7)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    await Predictor(client, "iris", codec=NumPyCodec()).predict([1])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await Predictor(client, "iris", codec=CSVCodec()).predict(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await triton.predict([np.zeros(3)])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Predictor(client, "iris", codec=JSONCodec)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Predictor(client, "iris")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def calls(client: Client) -> None:
    """Each way to call, with options and members; a wrong member is an error, of the predictor and of a call."""
    iris = Predictor(client, "iris", codec=JSONCodec(type=Model), target_variant="blue", invocation_timeout_seconds=60)
    assert_type(iris, Predictor[object, Model])
    assert_type(iris.members, Members)
    assert_type(iris.session_id, str | None)
    prediction = await iris.invoke([1], override(region="eu-west-1"), custom_attributes="a", target_model=None)
    assert_type(prediction, Prediction[Model])
    assert_type(prediction.value, Model)
    assert_type(prediction.output, InvokeEndpointOutput)
    assert_type(await iris.predict_async([1], timeout=5, request_ttl_seconds=60), Model)
    assert_type(await iris.predict_async("s3://bucket/key"), Model)
    submitted = await iris.submit_async([1], inference_id="mine")
    assert_type(submitted, InvokeEndpointAsyncOutput)
    assert_type(await iris.wait_for_prediction(submitted, timeout=None), Model)
    async with iris.session(open_body={"a": 1}, close_body=Encoded(b"", "text/x"), target_variant="blue") as session:
        assert_type(session, Predictor[object, Model])

    Predictor(client, "iris", codec=JSONCodec(), target_varient="blue")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Predictor(client, "iris", codec=JSONCodec(), request_ttl_seconds="60")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await iris.predict([1], target_varient="blue")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await iris.predict([1], target_variant=7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await iris.predict([1], filename="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await iris.predict_async([1], target_variant="blue")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await Predictor(client, "iris", codec=NumPyCodec()).predict_async([1])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def streams(client: Client) -> None:
    """The pieces are of the format's type, the codec's, or text."""
    llm = Predictor(client, "llm", codec=JSONCodec(type=Model))
    async with llm.stream("hello", session_id="mine") as stream:
        assert_type(stream, PredictionStream[str])
        assert_type(stream.output, InvokeEndpointWithResponseStreamOutput)
        async for piece in stream:
            assert_type(piece, str)
    assert_type(llm.stream("hello", format=TEXT), PredictionStream[str])
    assert_type(llm.stream("hello", format=LINES), PredictionStream[str])
    assert_type(llm.stream("hello", format=BYTES), PredictionStream[bytes])
    assert_type(llm.stream("hello", format=JSON_LINES), PredictionStream[object])
    assert_type(llm.stream("hello", format=SERVER_SENT_EVENTS), PredictionStream[ServerSentEvent])
    assert_type(llm.stream("hello", format=json_lines(type=Model)), PredictionStream[Model])
    assert_type(llm.stream("hello", format=json_lines(type=TypeAdapter(Model))), PredictionStream[Model])
    assert_type(llm.stream("hello", format=json_lines(type=msgspec.json.Decoder(Struct))), PredictionStream[Struct])
    assert_type(llm.stream("hello", format=json_lines(type=make)), PredictionStream[Plain])
    assert_type(llm.stream("hello", format=StreamFormat("mine", TextParser)), PredictionStream[str])
    documents = Predictor(client, "llm", codec=JSONLinesCodec(type=Model))
    assert_type(documents.stream(["hello"]), PredictionStream[Model])
    assert_type(documents.stream(["hello"], format=TEXT), PredictionStream[str])
    plain = Predictor(client, "llm", codec=JSONLinesCodec())
    assert_type(plain.stream(["hello"]), PredictionStream[object])

    llm.stream("hello", target_model="x")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    llm.stream("hello", format="text")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]


def sync(client: SyncClient) -> None:
    """The same types, without ``await``."""
    iris = SyncPredictor(client, "iris", codec=JSONCodec(type=Model), session_id=None)
    assert_type(iris.predict([1], target_variant="blue"), Model)
    assert_type(iris.invoke([1]).output, InvokeEndpointOutput)
    assert_type(iris.predict_async("s3://bucket/key", timeout=5), Model)
    assert_type(iris.submit_async([1]), InvokeEndpointAsyncOutput)
    assert_type(iris.stream("hello"), SyncPredictionStream[str])
    assert_type(iris.stream("hello").output, SyncResponseStreamOutput)
    assert_type(iris.stream("hello", format=SERVER_SENT_EVENTS), SyncPredictionStream[ServerSentEvent])
    documents = SyncPredictor(client, "iris", codec=JSONLinesCodec(type=Model))
    assert_type(documents.stream(["hello"]), SyncPredictionStream[Model])
    with iris.session() as session:
        assert_type(session, SyncPredictor[object, Model])

    iris.predict([1], target_varient="blue")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    iris.predict_async([1], session_id="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def clients(client: Client, sync_client: SyncClient) -> None:
    """Each predictor takes its own kind of client."""
    SyncPredictor(client, "iris", codec=JSONCodec())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Predictor(sync_client, "iris", codec=JSONCodec())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


class Words:
    """A codec of a user's own."""

    content_type = "text/plain"
    accept = None

    def encode(self, value: list[str], /) -> bytes:
        """As text."""
        return " ".join(value).encode()

    def decode(self, body: bytes, content_type: str | None, /) -> int:
        """From text."""
        return len(body)


async def own(client: Client) -> None:
    """It is a codec by its members, and needs no base."""
    codec: Codec[list[str], int] = Words()
    assert_type(await Predictor(client, "words", codec=codec).predict(["a"]), int)
    assert_type(await Predictor(client, "words", codec=Words()).predict(["a"]), int)
    await Predictor(client, "words", codec=Words()).predict([1])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
