"""Objects in place of bytes."""

from __future__ import annotations

import csv
import json
import pickle

import pytest
from hypothesis import given, strategies as st
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    REQUEST_ID,
    Client,
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Output,
    StackError,
    initialize_middleware,
    with_api_options,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint
from sagemaker_runtime.plugins.codecs import BodyCodec, CSVCodec, DecodeError, JSONCodec
from sagemaker_runtime.plugins.numpy_codec import NumPyCodec
from sagemaker_runtime.testing import assert_conforms

JSON, CSV = JSONCodec(), CSVCodec()


def echo(invocation: Invocation) -> Answer:
    types = f"{invocation.content_type} -> {invocation.accept}"
    return Answer(body=invocation.body, content_type=invocation.accept or "text/plain", custom_attributes=types)


async def test_an_object_in_gives_an_object_out_and_both_ends_are_told_the_type() -> None:
    """What the container gets is JSON, says so, and asks for JSON; the facts of the call are all there."""
    value = {"instances": [[5.1, 3.5], None, "Ünïcode"], "signature": True}
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options(), with_api_options(JSON)) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=JSON.body(value)))

    assert value == JSON.value(output)
    assert "application/json -> application/json" == output.custom_attributes
    assert REQUEST_ID in output.result_metadata


async def test_types_that_the_input_names_are_kept() -> None:
    """A container may want ``application/jsonlines``, or a type of its own."""
    params = InvokeEndpointInput(endpoint_name="echo", body=CSV.body([[1]]), content_type="text/x", accept="text/y")
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options(), with_api_options(CSV)) as client:
        output = await client.invoke_endpoint(params)

    assert "text/x -> text/y" == output.custom_attributes
    assert [["1"]] == CSV.value(output)


async def test_bytes_and_streams_are_left_as_they_are() -> None:
    """One client serves endpoints of both kinds, and who has bytes means bytes."""
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options(), with_api_options(JSON)) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"{not json"))
        stream = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="echo", body=b"[1]")
        )
        streamed = [piece async for piece in stream.body.iter_bytes()]

    assert (b"{not json", "application/octet-stream -> None") == (output.body, output.custom_attributes)
    assert [b"[1]"] == streamed


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (JSON, b'{"secret": 1'),
        (JSON, b'"secret \xff"'),
        (JSON, b"[" * 100_000),
        (JSON, b'{"secret": NaN}'),
        (JSON, b"[-Infinity]"),
        (CSV, b"secret,\xff"),
        (CSV, b'"secret" and more'),
    ],
)
async def test_a_response_in_another_format_is_an_error_that_does_not_show_it(
    codec: BodyCodec[object, object], body: bytes
) -> None:
    """A response may be about a person; an error ends up in a log, together with its context."""
    response = answer(body=body, content_type="text/html", x_amzn_requestid="id-7")
    async with client(ScriptedHTTPClient([response]), api_options=[codec]) as decoding:
        with pytest.raises(DecodeError) as caught:
            await decoding.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=codec.body([[1]])))

    assert f"the response, {len(body)} bytes of type text/html, cannot be read as {codec.content_type}" in str(
        caught.value
    )
    assert ("id-7", "InvokeEndpoint") == (caught.value.request_id, caught.value.operation)
    assert "secret" not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301 - our own


@pytest.mark.parametrize(("codec", "value"), [(JSON, {"a": float("nan")}), (JSON, object()), (CSV, 7), (CSV, "1,2")])
async def test_an_object_that_cannot_be_encoded_is_the_callers_mistake(
    codec: BodyCodec[object, object], value: object
) -> None:
    """It is raised as Python raises it, and nothing is sent: NaN is no JSON, and of a text each character would be a row."""
    http = ScriptedHTTPClient()
    async with client(http, api_options=[codec]) as encoding:
        with pytest.raises((TypeError, ValueError, csv.Error)):
            await encoding.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=codec.body(value)))

    assert [] == http.requests


async def test_a_middleware_that_gives_no_result_is_told_so_by_the_client() -> None:
    """Its mistake must not be hidden behind an error of the codec's own."""

    @initialize_middleware("Empty")
    async def empty(ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        return Output()

    async with client(api_options=[JSON, lambda stack: stack.initialize.add(empty)]) as broken:
        with pytest.raises(StackError, match="gave NoneType"):
            await broken.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=JSON.body([])))


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.lists(TEXTS, min_size=1)))
def test_rows_of_any_text_come_back_as_they_were(rows: list[list[str]]) -> None:
    """Commas, quotes and every kind of line end within a field."""
    assert rows == CSV.decode(CSV.encode(rows))


def test_csv_is_written_as_the_built_in_algorithms_read_it() -> None:
    """Lines end with a line feed alone, and none follows the last: some containers split there and parse what is left."""
    assert b'5.1,3.5\n"a,b",\n' + b'"c\r\nd"' == CSV.encode([[5.1, 3.5], ["a,b", None], ["c\r\nd"]])


def test_json_is_written_without_blanks() -> None:
    """A body has 6 MB at most, and numbers with blanks between them take a tenth more."""
    assert '{"a":[1,2.5,"ü"]}'.encode() == JSON.encode({"a": [1, 2.5, "ü"]})
    assert json.loads(JSON.encode(None)) is None


def test_a_codec_without_a_format_says_so() -> None:
    """The base is to be extended, and its two methods are what an extension must have."""
    codec = BodyCodec[object, object]()

    for method in (codec.encode, codec.decode):
        with pytest.raises(NotImplementedError):
            method(b"")


async def test_a_client_may_have_several_and_the_last_one_given_gets_the_object() -> None:
    """A call to an endpoint that speaks CSV goes through a client whose others speak JSON."""
    async with LocalEndpoint({"echo": echo}) as local, Client(local.options(), with_api_options(JSON)) as client:
        params = InvokeEndpointInput(endpoint_name="echo", body=CSV.body([[1, 2]]))
        output = await client.invoke_endpoint(params, with_api_options(NumPyCodec(), CSV))
        ids = client.stack("InvokeEndpoint").initialize.ids()

    assert [["1", "2"]] == CSV.value(output)
    assert ["JSONCodec", "OperationInputValidation"] == ids


@pytest.mark.parametrize("codec", [JSON, CSV, NumPyCodec()])
async def test_it_keeps_the_rules_of_the_stack(codec: BodyCodec[object, object]) -> None:
    """It stands outermost, so what it did wrong would be wrong with every call."""
    await assert_conforms(codec)
