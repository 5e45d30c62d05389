"""restJson1 against Smithy's protocol tests, as far as InvokeEndpoint has the kinds of bindings they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from attrs import define, field
from conformance.conftest import cases, tally

from sagemaker_runtime import BuildInput, Context, Headers, Metadata, Output, Request, ServiceError, Stack
from sagemaker_runtime.middleware.build import ComputeContentLength
from sagemaker_runtime.operations.base import (
    Operation,
    OperationInput,
    OperationOutput,
    Shape,
    header,
    label,
    payload,
)
from sagemaker_runtime.protocol import Codec

TEXT, BLOB = Shape("String"), Shape("Blob", "blob")

# Codec takes exactly one label and one payload, as every operation of the service has. So a test without a label gets
# the last segment of its path as one, labels of other types are written into the path, and a body that is not there
# is an empty one.


@define(repr=False, kw_only=True)
class PayloadInput(OperationInput):
    """A blob and two string headers."""

    segment: str = field(metadata=label("Segment", TEXT))
    blob: bytes = field(default=b"", metadata=payload(BLOB))
    foo: str | None = field(default=None, metadata=header("X-Foo", TEXT))
    content_type: str | None = field(default=None, metadata=header("Content-Type", TEXT))


@define(repr=False, kw_only=True)
class PayloadOutput(OperationOutput):
    """A blob and two string headers."""

    blob: bytes = field(metadata=payload(BLOB))
    foo: str | None = field(default=None, metadata=header("X-Foo", TEXT))
    greeting: str | None = field(default=None, metadata=header("X-Greeting", TEXT))


class FooError(ServiceError):
    """An error without members."""

    code = "FooError"


class InvalidGreeting(ServiceError):  # noqa: N818 - the name in the tests
    """An error with a message."""

    code = "InvalidGreeting"


class ComplexError(ServiceError):
    """An error with another member."""

    code = "ComplexError"
    members: ClassVar[Mapping[str, tuple[str, type[str | int]]]] = {"TopLevel": ("top_level", str)}
    top_level: str | None = None


def codec(path: str, method: str = "POST") -> Codec:
    errors = (FooError, InvalidGreeting, ComplexError)
    return Codec(Operation("Conformance", PayloadInput, PayloadOutput, path, errors, method))


MEMBERS = {"foo": "foo", "blob": "blob", "data": "blob", "contentType": "content_type"}
PATHS = {
    "TestPayloadBlob": ("/{Segment}", lambda params: "blob_payload"),
    "HttpPayloadTraits": ("/{Segment}", lambda params: "HttpPayloadTraits"),
    "StreamingTraits": ("/{Segment}", lambda params: "StreamingTraits"),
    "StreamingTraitsRequireLength": ("/{Segment}", lambda params: "StreamingTraitsRequireLength"),
    "HttpRequestWithRegexLiteral": ("/ReDosLiteral/{Segment}/(a+)+", lambda params: params["str"]),
    "HttpRequestWithGreedyLabelInPath": (
        "/HttpRequestWithGreedyLabelInPath/foo/{Segment}/baz/there/guy",
        lambda params: params["foo"],
    ),
    "HttpRequestWithLabels": (
        "/HttpRequestWithLabels/{Segment}/1/2/3/4.1/5.1/true/2019-12-16T23%3A48%3A18Z",
        lambda params: params["string"],
    ),
}
NO_BODY = "an operation without a body, and Codec takes exactly one payload"
JSON_BODY = "a JSON body"
OTHER_HEADER = "a header that is no string"
OTHER_LABEL = "a label that is no string"
STRING_PAYLOAD = "a payload that is a string"
MEDIA_TYPE = "a payload whose media type is in the model"
COMPRESSION = "a compressed request"
STATUS_CODE = "a member that is the HTTP status"
ERROR_HEADER = "an error with a member in a header, and with one of a structure"
SKIPPED = {
    **dict.fromkeys(["NoInputAndNoOutput", "UnitInputAndOutput", "NoInputAndOutput"], NO_BODY),
    **dict.fromkeys(["EmptyInputAndEmptyOutput", "TestGetNoPayload", "TestPostNoPayload"], NO_BODY),
    **dict.fromkeys(["TestGetNoInputNoPayload", "TestPostNoInputNoPayload"], NO_BODY),
    **dict.fromkeys(["TestBodyStructure", "TestPayloadStructure", "SimpleScalarProperties", "JsonBlobs"], JSON_BODY),
    **dict.fromkeys(["JsonTimestamps", "JsonEnums", "JsonIntEnums", "RecursiveShapes"], JSON_BODY),
    **dict.fromkeys(["InputAndOutputWithHeaders", "NullAndEmptyHeadersClient"], OTHER_HEADER),
    **dict.fromkeys(["HttpRequestWithLabelsAndTimestampFormat", "HttpRequestWithFloatLabels"], OTHER_LABEL),
    **dict.fromkeys(["HttpEnumPayload", "HttpStringPayload"], STRING_PAYLOAD),
    **dict.fromkeys(["HttpPayloadTraitsWithMediaType", "StreamingTraitsWithMediaType"], MEDIA_TYPE),
    "PutWithContentEncoding": COMPRESSION,
    "HttpResponseCode": STATUS_CODE,
}
REQUESTS = cases(
    "protocol/smithy-restjson1-request.json",
    id=lambda case: case["id"],
    skip=lambda case: None if case["target"] in PATHS else SKIPPED[case["target"]],
)


@pytest.mark.parametrize("case", REQUESTS)
async def test_a_request_is_the_one_that_every_restjson1_client_sends(case):
    """Method, path, headers and body as Smithy's tests have them; content-length is the middleware's business."""
    params = case["params"]
    path, segment = PATHS[case["target"]]
    values: dict[str, Any] = {MEMBERS[name]: value for name, value in params.items() if MEMBERS.get(name)}
    if path != "/{Segment}":
        values = {}  # there, all members are labels
    values["blob"] = values.get("blob", "").encode()
    request = Request(path="")
    stack = Stack("Conformance")
    stack.build.add(ComputeContentLength())

    async def end(ctx, step):
        return Output()

    codec(path, case["method"]).serialize(PayloadInput(segment=segment(params), **values), request)
    await stack.build.compile(end)(Context(), BuildInput(request))

    assert (case["method"], case["uri"], case["body"].encode()) == (request.method, request.path, request.body)
    expected = case.get("headers", {})
    assert expected == {name: request.headers.get(name) for name in expected}
    assert all(name in request.headers for name in case.get("requireHeaders", []))
    assert not any(name in request.headers for name in case.get("forbidHeaders", []))


READ = ("HttpPayloadTraits", "HttpPayloadTraitsWithMediaType", "StreamingTraits", "StreamingTraitsWithMediaType")
OUTPUTS = (*READ, "GreetingWithErrors")
ERRORS = {error.code: error for error in (FooError, InvalidGreeting, ComplexError)}


def not_read(case: dict[str, Any]) -> str | None:
    if case["id"] == "RestJsonComplexErrorWithNoMessage":
        return ERROR_HEADER
    return None if case["target"] in OUTPUTS or case["target"] in ERRORS else SKIPPED[case["target"]]


RESPONSES = cases("protocol/smithy-restjson1-response.json", id=lambda case: case["id"], skip=not_read)


@pytest.mark.parametrize("case", RESPONSES)
def test_an_answer_is_read_as_every_restjson1_client_reads_it(case):
    """A result's members, or the error's class, wherever its name stands and whatever namespace stands before it."""
    headers = Headers.received(case.get("headers", {}).items())
    body, params = case.get("body", "").encode(), case.get("params", {})
    reader = codec("/{Segment}")

    if case["target"] in ERRORS:
        error = reader.error(case["code"], headers, body)

        assert (ERRORS[case["target"]], case["code"]) == (type(error), error.status)
        # Without any body there is nothing to say but what the status means.
        assert params.get("Message", "" if body else "Internal Server Error") == error.message
        assert getattr(error, "top_level", None) is None
    else:
        output = reader.deserialize(headers, body, Metadata())

        assert isinstance(output, PayloadOutput)
        assert (params.get("foo"), params.get("greeting")) == (output.foo, output.greeting)
        assert (params.get("blob", "").encode() if case["target"] in READ else body) == output.blob


def test_what_is_skipped_of_the_protocol_is_what_no_operation_has():
    """A kind of binding that an operation to come has must run then; JSON bodies are the asynchronous operation's."""
    assert tally(REQUESTS) == {
        "run": 12,
        NO_BODY: 10,
        JSON_BODY: 21,
        OTHER_HEADER: 5,
        OTHER_LABEL: 4,
        STRING_PAYLOAD: 2,
        MEDIA_TYPE: 2,
        COMPRESSION: 2,
    }
    assert tally(RESPONSES) == {
        "run": 21,
        NO_BODY: 6,
        JSON_BODY: 16,
        OTHER_HEADER: 4,
        STRING_PAYLOAD: 2,
        STATUS_CODE: 2,
        ERROR_HEADER: 1,
    }
