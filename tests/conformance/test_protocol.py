"""restJson1 against Smithy's protocol tests, as far as the service's operations have the kinds of bindings they use."""

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
    bindings,
    document,
    header,
    label,
    payload,
)
from sagemaker_runtime.protocol import Marshaller

TEXT, BLOB, INTEGER = Shape("String"), Shape("Blob", "blob"), Shape("Integer", "integer")

# A test with a body but without a label gets the last segment of its path as one, and labels of other types are written
# into the path. Of a test with members of several kinds, those are looked at whose kind an operation has:
# headers that are strings or integers, and strings in the JSON document of an answer.


@define(repr=False, kw_only=True)
class Input(OperationInput):
    """A blob, and headers with strings and integers."""

    segment: str = field(metadata=label("Segment", TEXT))
    blob: bytes = field(default=b"", metadata=payload(BLOB))
    foo: str | None = field(default=None, metadata=header("X-Foo", TEXT))
    content_type: str | None = field(default=None, metadata=header("Content-Type", TEXT))
    string: str | None = field(default=None, metadata=header("X-String", TEXT))
    byte: int | None = field(default=None, metadata=header("X-Byte", INTEGER))
    short: int | None = field(default=None, metadata=header("X-Short", INTEGER))
    integer: int | None = field(default=None, metadata=header("X-Integer", INTEGER))
    long: int | None = field(default=None, metadata=header("X-Long", INTEGER))
    a: str | None = field(default=None, metadata=header("X-A", TEXT))
    b: str | None = field(default=None, metadata=header("X-B", TEXT))


@define(repr=False, kw_only=True)
class InputWithoutBody(OperationInput):
    """A header, and nothing else."""

    test_id: str | None = field(default=None, metadata=header("X-Amz-Test-Id", TEXT))


@define(repr=False, kw_only=True)
class PayloadOutput(OperationOutput):
    """A blob and a header."""

    blob: bytes = field(metadata=payload(BLOB))
    foo: str | None = field(default=None, metadata=header("X-Foo", TEXT))


@define(repr=False, kw_only=True)
class DocumentOutput(OperationOutput):
    """Headers, and strings in a JSON document."""

    foo: str | None = field(default=None, metadata=header("X-Foo", TEXT))
    greeting: str | None = field(default=None, metadata=header("X-Greeting", TEXT))
    string: str | None = field(default=None, metadata=header("X-String", TEXT))
    string_value: str | None = field(default=None, metadata=document("stringValue", TEXT))
    enum_1: str | None = field(default=None, metadata=document("fooEnum1", TEXT))
    enum_2: str | None = field(default=None, metadata=document("fooEnum2", TEXT))
    enum_3: str | None = field(default=None, metadata=document("fooEnum3", TEXT))


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


def marshaller(
    path: str,
    method: str = "POST",
    output: type[OperationOutput] = PayloadOutput,
    given: type[OperationInput] = Input,
) -> Marshaller:
    errors = (FooError, InvalidGreeting, ComplexError)
    return Marshaller(Operation("Conformance", given, output, path, errors, method))


WITHOUT_BODY = {
    "NoInputAndNoOutput",
    "UnitInputAndOutput",
    "NoInputAndOutput",
    "EmptyInputAndEmptyOutput",
    "TestPostNoPayload",
    "TestPostNoInputNoPayload",
}


MEMBERS = {
    "foo": "foo",
    "blob": "blob",
    "data": "blob",
    "contentType": "content_type",
    "headerString": "string",
    "headerByte": "byte",
    "headerShort": "short",
    "headerInteger": "integer",
    "headerLong": "long",
    "a": "a",
    "b": "b",
}
NOT_WRITTEN = {"X-StringList", "X-StringSet", "X-IntegerList", "X-Float", "X-Double", "X-C"}
PATHS = {
    "TestPayloadBlob": ("/{Segment}", lambda params: "blob_payload"),
    "HttpPayloadTraits": ("/{Segment}", lambda params: "HttpPayloadTraits"),
    "StreamingTraits": ("/{Segment}", lambda params: "StreamingTraits"),
    "StreamingTraitsRequireLength": ("/{Segment}", lambda params: "StreamingTraitsRequireLength"),
    "InputAndOutputWithHeaders": ("/{Segment}", lambda params: "InputAndOutputWithHeaders"),
    "NullAndEmptyHeadersClient": ("/{Segment}", lambda params: "NullAndEmptyHeadersClient"),
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
NO_LENGTH = "a GET, which ComputeContentLength gives a length of 0; no operation of the service is one"
JSON_BODY = "a JSON body of a request"
DOCUMENT_MEMBER = "a member in the JSON body of an answer that is not a string"
OTHER_HEADER = "headers that are neither strings nor integers"
HEADER_OUT = "headers of an answer that are no strings"
OTHER_LABEL = "a label that is not a string"
STRING_PAYLOAD = "a payload that is a string"
MEDIA_TYPE = "a payload whose media type is in the model"
COMPRESSION = "a compressed request"
STATUS_CODE = "a member that is the HTTP status"
ERROR_HEADER = "an error with a member in a header, and with one of a structure"
NOT_SENT = {
    **dict.fromkeys(["TestGetNoPayload", "TestGetNoInputNoPayload"], NO_LENGTH),
    **dict.fromkeys(["TestBodyStructure", "TestPayloadStructure", "SimpleScalarProperties", "JsonBlobs"], JSON_BODY),
    **dict.fromkeys(["JsonTimestamps", "JsonEnums", "JsonIntEnums", "RecursiveShapes"], JSON_BODY),
    **dict.fromkeys(["HttpRequestWithLabelsAndTimestampFormat", "HttpRequestWithFloatLabels"], OTHER_LABEL),
    **dict.fromkeys(["HttpEnumPayload", "HttpStringPayload"], STRING_PAYLOAD),
    **dict.fromkeys(["HttpPayloadTraitsWithMediaType", "StreamingTraitsWithMediaType"], MEDIA_TYPE),
    "PutWithContentEncoding": COMPRESSION,
    "RestJsonInputAndOutputWithQuotedStringHeaders": OTHER_HEADER,
    "RestJsonInputAndOutputWithBooleanHeaders": OTHER_HEADER,
}
REQUESTS = cases(
    "protocol/smithy-restjson1-request.json",
    id=lambda case: case["id"],
    skip=lambda case: NOT_SENT.get(case["id"], NOT_SENT.get(case["target"])),
)


def written(case: dict[str, Any]) -> tuple[str, Input]:
    """The path's template, and the input, of a test with a body or a label."""
    params = case["params"]
    path, segment = PATHS[case["target"]]
    values: dict[str, Any] = {MEMBERS[name]: value for name, value in params.items() if MEMBERS.get(name)}
    if path != "/{Segment}":
        values = {}  # there, all members are labels
    values["blob"] = values.get("blob", "").encode()
    return path, Input(segment=segment(params), **values)


@pytest.mark.parametrize("case", REQUESTS)
async def test_a_request_is_the_one_that_every_restjson1_client_sends(case):
    """Method, path, headers and body as Smithy's tests have them; content-length is the middleware's business."""
    request = Request(path="")
    stack = Stack("Conformance")
    stack.build.add(ComputeContentLength())

    async def end(ctx, step):
        return Output()

    if case["target"] in WITHOUT_BODY:
        given: OperationInput = InputWithoutBody(test_id=case.get("params", {}).get("testId"))
        path = case["uri"]
    else:
        path, given = written(case)
    marshaller(path, case["method"], given=type(given)).serialize(given, request)
    await stack.build.compile(end)(Context(), BuildInput(request))

    assert (case["method"], case["uri"], case["body"].encode()) == (request.method, request.path, request.body)
    expected = {name: value for name, value in case.get("headers", {}).items() if name not in NOT_WRITTEN}
    assert expected == {name: request.headers.get(name) for name in expected}
    assert all(name in request.headers for name in case.get("requireHeaders", []))
    assert not any(name in request.headers for name in case.get("forbidHeaders", []))


PAYLOADS = ("HttpPayloadTraits", "HttpPayloadTraitsWithMediaType", "StreamingTraits", "StreamingTraitsWithMediaType")
MEMBERS_OUT = {
    "foo": "foo",
    "greeting": "greeting",
    "string": "headerString",
    "string_value": "stringValue",
    "enum_1": "fooEnum1",
    "enum_2": "fooEnum2",
    "enum_3": "fooEnum3",
}
ERRORS = {error.code: error for error in (FooError, InvalidGreeting, ComplexError)}
NOT_READ = {
    **dict.fromkeys(["JsonBlobs", "JsonTimestamps", "JsonIntEnums", "RecursiveShapes"], DOCUMENT_MEMBER),
    "RestJsonSupportsNaNFloatInputs": DOCUMENT_MEMBER,
    "RestJsonSupportsInfinityFloatInputs": DOCUMENT_MEMBER,
    "RestJsonSupportsNegativeInfinityFloatInputs": DOCUMENT_MEMBER,
    "RestJsonInputAndOutputWithQuotedStringHeaders": HEADER_OUT,
    "RestJsonInputAndOutputWithNumericHeaders": HEADER_OUT,
    "RestJsonInputAndOutputWithBooleanHeaders": HEADER_OUT,
    **dict.fromkeys(["HttpEnumPayload", "HttpStringPayload"], STRING_PAYLOAD),
    "HttpResponseCode": STATUS_CODE,
    "RestJsonComplexErrorWithNoMessage": ERROR_HEADER,
}
RESPONSES = cases(
    "protocol/smithy-restjson1-response.json",
    id=lambda case: case["id"],
    skip=lambda case: NOT_READ.get(case["id"], NOT_READ.get(case["target"])),
)


@pytest.mark.parametrize("case", RESPONSES)
def test_an_answer_is_read_as_every_restjson1_client_reads_it(case):
    """A result's members, or the error's class, wherever its name stands and whatever namespace stands before it."""
    headers = Headers.received(case.get("headers", {}).items())
    body, params = case.get("body", "").encode(), case.get("params", {})
    has_payload = case["target"] in PAYLOADS
    reader = marshaller("/{Segment}", output=PayloadOutput if has_payload else DocumentOutput)

    if case["target"] in ERRORS:
        error = reader.error(case["code"], headers, body)

        assert (ERRORS[case["target"]], case["code"]) == (type(error), error.status)
        # Without any body there is nothing to say but what the status means.
        assert params.get("Message", "" if body else "Internal Server Error") == error.message
        assert getattr(error, "top_level", None) is None
    else:
        output = reader.deserialize(headers, body, Metadata())

        found = {name: getattr(output, name) for name in bindings(type(output))}
        assert found.pop("blob", None) == (params.get("blob", "").encode() if has_payload else None)
        assert {name: params.get(MEMBERS_OUT[name]) for name in found} == found


def test_what_is_skipped_of_the_protocol_is_what_no_operation_has():
    """A kind of binding that an operation to come has must run then."""
    assert tally(REQUESTS) == {
        "run": 22,
        NO_LENGTH: 3,
        JSON_BODY: 21,
        OTHER_HEADER: 2,
        OTHER_LABEL: 4,
        STRING_PAYLOAD: 2,
        MEDIA_TYPE: 2,
        COMPRESSION: 2,
    }
    assert tally(RESPONSES) == {
        "run": 31,
        DOCUMENT_MEMBER: 13,
        HEADER_OUT: 3,
        STRING_PAYLOAD: 2,
        STATUS_CODE: 2,
        ERROR_HEADER: 1,
    }
