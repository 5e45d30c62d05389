"""`Predictor`, against the local endpoint."""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
from typing import Any, get_type_hints

import attrs
import numpy as np
import pytest
from predictor.bodies import SECRET
from predictor.models import echo
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    ATTEMPTS,
    REQUEST_ID,
    AsyncInferenceError,
    Client,
    ConfigError,
    CSVCodec,
    DecodeError,
    Encoded,
    EncodeError,
    InvalidParamsError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    JSONCodec,
    ModelError,
    NumPyCodec,
    Predictor,
    Timeout,
    TotalTimeoutError,
    WaitTimeoutError,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, Latency, LocalEndpoint, Throttled
from sagemaker_runtime.predictor import AsyncMembers, InvokeMembers, Members, StreamMembers

JSON = JSONCodec()


async def test_a_value_in_gives_a_value_out_and_both_ends_are_told_the_type() -> None:
    """What the container gets is JSON, says so, and asks for JSON; the output is there beside the value."""
    value = {"instances": [[5.1, 3.5], None, "Ünïcode"]}
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        predictor = Predictor(client, "echo", codec=JSON)
        prediction = await predictor.invoke(value)

        assert value == await predictor.predict(value) == prediction.value
    assert "application/json -> application/json; None; None" == prediction.output.custom_attributes
    assert REQUEST_ID in prediction.output.result_metadata
    assert SECRET not in repr(attrs.evolve(prediction, value={SECRET}))


async def test_one_client_serves_codecs_of_every_kind_at_once() -> None:
    """Two codecs as middleware of one client got each other's objects."""
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        rows, document, array = await asyncio.gather(
            Predictor(client, "echo", codec=CSVCodec(field=int)).predict([1, 2]),
            Predictor(client, "echo", codec=JSON).predict([1, 2]),
            Predictor(client, "echo", codec=NumPyCodec()).predict(np.array([1, 2])),
        )

    assert ([[1, 2]], [1, 2], [1, 2]) == (rows, document, array.tolist())


async def test_members_of_the_predictor_and_of_the_call() -> None:
    """The call's replace the predictor's, those the codec's, and None takes either away."""
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        predictor = Predictor(client, "echo", codec=JSON, custom_attributes="tenant=acme", accept="text/x")

        async def told(**members: Any) -> str | None:
            return (await predictor.invoke([1], **members)).output.custom_attributes

        assert "application/json -> text/x; tenant=acme; None" == await told()
        assert "text/y -> text/x; tenant=globex; None" == await told(
            custom_attributes="tenant=globex", content_type="text/y"
        )
        assert "application/octet-stream -> None; None; None" == await told(
            custom_attributes=None, accept=None, content_type=None
        )
        predictor.members["accept"] = "text/z"
        assert "text/x" in (await told() or "")


async def test_a_type_that_depends_on_the_value_is_sent() -> None:
    """Triton's says how long the header is."""

    class Suffixed(JSONCodec[object]):
        def encode(self, value: object, /) -> Encoded:  # type: ignore[override]
            return Encoded(super().encode(value), f"application/json;n={len(str(value))}")

    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        prediction = await Predictor(client, "echo", codec=Suffixed()).invoke([1])

    assert (prediction.output.custom_attributes or "").startswith("application/json;n=3 ->")
    assert SECRET not in repr(Encoded(SECRET.encode(), "text/x"))


@pytest.mark.parametrize("returned", ["[1]", None, [1]])
async def test_what_encode_returns_must_be_a_body(returned: object) -> None:
    """Text is the likely mistake, and must not be taken for a location in S3."""

    class Mine(JSONCodec[object]):
        def encode(self, value: object, /) -> Any:
            return returned

    async with client(ScriptedHTTPClient()) as calls:
        predictor = Predictor(calls, "echo", codec=Mine())
        for call in (predictor.predict, predictor.predict_async):
            with pytest.raises(ConfigError, match=r"encode of Mine returned \w+; it must return bytes, or Encoded"):
                await call([1])


# Members


def test_members_are_those_of_the_inputs() -> None:
    """So that a member that the service adds is noticed here."""
    for members, input_type in (
        (InvokeMembers, InvokeEndpointInput),
        (StreamMembers, InvokeEndpointWithResponseStreamInput),
        (AsyncMembers, InvokeEndpointAsyncInput),
    ):
        own = {name: str(field.type) for name, field in attrs.fields_dict(input_type).items()}
        for name in ("endpoint_name", "body", "input_location"):
            own.pop(name, None)
        assert own == {name: str(kind) for name, kind in get_type_hints(members).items()}
    every = {**get_type_hints(InvokeMembers), **get_type_hints(StreamMembers), **get_type_hints(AsyncMembers)}
    assert every == get_type_hints(Members)


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("predict", {"target_varient": "a"}, "there is no member 'target_varient'. Did you mean 'target_variant'?"),
    ("predict", {"body": b""}, "body is set by the predictor itself"),
    ("predict", {"endpoint_name": "x"}, "endpoint_name is set by the predictor itself"),
    ("predict", {"filename": "x"}, "InvokeEndpoint has no member 'filename'"),
    ("stream", {"target_model": "x"}, "InvokeEndpointWithResponseStream has no member 'target_model'"),
    ("stream", {"zzz": "x"}, "there is no member 'zzz'. There are accept, content_type"),
    ("predict_async", {"session_id": "x"}, "InvokeEndpointAsync has no member 'session_id'"),
    ("submit_async", {"target_variant": "x"}, "InvokeEndpointAsync has no member 'target_variant'"),
    ("session", {"nope": "x"}, "there is no member 'nope'"),
]


@pytest.mark.parametrize(("method", "members", "problem"), MISTAKES)
async def test_what_is_no_member_of_the_call_is_refused_by_name(
    method: str, members: dict[str, Any], problem: str
) -> None:
    """A misspelt variant would be answered by another model, and nobody would know."""
    http = ScriptedHTTPClient()
    async with client(http) as calls:
        predictor: Any = Predictor(calls, "echo", codec=JSON)

        async def call() -> None:
            made = getattr(predictor, method)(*([] if method == "session" else [[1]]), **members)
            if inspect.isawaitable(made):
                await made

        with pytest.raises(ConfigError) as caught:
            await call()

    assert str(caught.value).startswith(problem)
    assert [] == http.requests


async def test_a_member_of_the_predictor_that_the_operation_has_not_is_refused_by_the_call() -> None:
    """To leave it out would be to call another variant."""
    async with client(ScriptedHTTPClient()) as calls:
        predictor = Predictor(calls, "echo", codec=JSON, target_variant="blue")
        with pytest.raises(ConfigError, match=r"has no member 'target_variant'.*use another predictor for this call"):
            await predictor.predict_async([1])
        with pytest.raises(ConfigError, match="there is no member 'target_varient'"):
            Predictor(calls, "echo", codec=JSON, target_varient="blue")  # type: ignore[call-arg]


@pytest.mark.parametrize("codec", [JSONCodec, None, object(), json])
async def test_what_is_no_codec_is_refused_when_the_predictor_is_made(codec: Any) -> None:
    """The class itself is the likely mistake."""
    async with client(ScriptedHTTPClient()) as calls:
        with pytest.raises(ConfigError, match="which is not a Codec"):
            Predictor(calls, "echo", codec=codec)


async def test_what_breaks_the_api_model_is_said_as_by_the_client() -> None:
    """One predictor checks no more and no less than a call."""
    async with client(ScriptedHTTPClient()) as calls:
        with pytest.raises(InvalidParamsError, match="endpoint_name"):
            await Predictor(calls, "no such name", codec=JSON).predict([1])


# Errors


async def test_a_value_that_cannot_be_encoded_is_refused_before_anything_is_sent() -> None:
    """With its place."""
    http = ScriptedHTTPClient()
    async with client(http) as calls:
        predictor = Predictor(calls, "echo", codec=JSON)
        for call in (predictor.predict, predictor.predict_async, predictor.submit_async):
            with pytest.raises(EncodeError, match=r'\["a"\] is of type set'):
                await call({"a": {SECRET}})
        with pytest.raises(EncodeError, match=r'\["a"\] is of type set'):
            predictor.stream({"a": {SECRET}})

    assert [] == http.requests


async def test_a_response_that_cannot_be_decoded_says_of_which_call() -> None:
    """The request id is what AWS asks for, and the content is nobody's business."""
    response = answer(body=b'{"s3cr3t": 1', content_type="text/html", x_amzn_requestid="id-7")
    async with client(ScriptedHTTPClient([response])) as calls:
        with pytest.raises(DecodeError) as caught:
            await Predictor(calls, "echo", codec=JSON).predict([1])

    error = caught.value
    assert (
        "the response, 12 bytes of type text/html, cannot be read as application/json: "
        "Expecting ',' delimiter at line 1 column 13 (InvokeEndpoint, request id id-7)"
    ) == str(error)
    assert ("id-7", "InvokeEndpoint", 1) == (error.request_id, error.operation, len(error.attempts))
    assert error.metadata is not None
    assert error.attempts == error.metadata[ATTEMPTS]
    assert str(error) == str(pickle.loads(pickle.dumps(error)))  # noqa: S301 - our own


async def test_what_a_codec_of_a_users_raises_becomes_a_decode_error_without_its_text() -> None:
    """A KeyError's text is the key that was there, or was not."""

    class Mine(JSONCodec[object]):
        def decode(self, body: bytes, content_type: str | None, /) -> object:
            raise KeyError(body)

    async with client(ScriptedHTTPClient([answer(body=SECRET.encode())])) as calls:
        with pytest.raises(DecodeError, match=r"KeyError at test_predictor\.py:") as caught:
            await Predictor(calls, "echo", codec=Mine()).predict([1])

    assert SECRET not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


async def test_the_clients_errors_and_options_are_the_predictors() -> None:
    """It stands in front of the client, and in the way of nothing."""

    def fail(_: Invocation) -> Answer:
        raise RuntimeError("no model")

    async with LocalEndpoint({"echo": echo, "bad": fail}) as local, Client(local.options()) as client:
        local.inject("echo", Throttled(), call=1)
        local.inject("echo", Latency(5.0), call=3)
        predictor = Predictor(client, "echo", codec=JSON)

        assert 2 == len((await predictor.invoke([1])).output.result_metadata[ATTEMPTS])
        with pytest.raises(TotalTimeoutError):
            await predictor.predict([1], override(timeout=Timeout(total=0.05)))
        with pytest.raises(ModelError):
            await Predictor(client, "bad", codec=JSON).predict([1])


# Asynchronous inference


async def test_an_asynchronous_inference_is_submitted_waited_for_and_decoded() -> None:
    """In one call, or in two."""
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options()) as client:
        predictor = Predictor(client, "echo", codec=JSON, invocation_timeout_seconds=60)

        assert [1] == await predictor.predict_async([1], inference_id="mine", timeout=30)
        submitted = await predictor.submit_async([2])
        assert [2] == await predictor.wait_for_prediction(submitted)
        assert [2] == await predictor.wait_for_prediction(submitted)


async def test_an_object_in_s3_is_the_input_when_a_text_names_it() -> None:
    """As the service takes it, with the codec's type; other text is a value."""
    http = ScriptedHTTPClient([answer(x_amzn_sagemaker_outputlocation="s3://b/out", body=b"{}")] * 2)
    async with client(http) as calls:
        predictor = Predictor(calls, "echo", codec=JSON)
        await predictor.submit_async("s3://bucket/key.json")
        await predictor.submit_async("s3:/no location")

    first, second = http.requests
    assert ("s3://bucket/key.json", b"") == (first.headers["X-Amzn-SageMaker-InputLocation"], first.body)
    assert (
        "application/json" == first.headers["X-Amzn-SageMaker-Content-Type"] == first.headers["X-Amzn-SageMaker-Accept"]
    )
    assert ("X-Amzn-SageMaker-InputLocation" in second.headers, b'"s3:/no location"') == (False, second.body)


async def test_what_goes_wrong_with_an_asynchronous_inference() -> None:
    """The failure object, the end of patience, and a result in another format."""

    def model(invocation: Invocation) -> Answer:
        if invocation.body == b'"fail"':
            raise RuntimeError("no model")
        return Answer(body=b"{s3cr3t", content_type="text/html")

    async def never(_: Invocation) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with LocalEndpoint({"echo": model, "never": never}) as local, Client(local.options()) as client:
        predictor = Predictor(client, "echo", codec=JSON)
        with pytest.raises(AsyncInferenceError):
            await predictor.predict_async("fail")
        with pytest.raises(DecodeError, match=r"7 bytes of type text/html.*InvokeEndpointAsync, request id"):
            await predictor.predict_async("x")
        with pytest.raises(WaitTimeoutError):
            await Predictor(client, "never", codec=JSON).predict_async("x", timeout=0)


def test_the_wait_has_the_clients_default() -> None:
    """It is written twice, because a guest imports public names only."""
    for method in (Predictor.predict_async, Predictor.wait_for_prediction):
        own = inspect.signature(method).parameters["timeout"].default
        assert inspect.signature(Client.wait_for_output).parameters["timeout"].default == own


async def test_a_predictor_can_be_looked_at() -> None:
    """Custom attributes are shown in no repr."""
    async with client(ScriptedHTTPClient()) as calls:
        predictor = Predictor(calls, "echo", codec=JSON, custom_attributes=SECRET)

    assert "<Predictor of 'echo' with JSONCodec>" == repr(predictor)
    assert ("echo", JSON, None) == (predictor.endpoint_name, predictor.codec, predictor.session_id)
    assert {"custom_attributes": SECRET} == predictor.members
