"""restJson1: what an input must be, how it travels, and what an answer means."""

from __future__ import annotations

import json
from enum import Enum, IntEnum

import pytest
from attrs import define, evolve, field

from sagemaker_runtime import (
    ConfigError,
    Headers,
    InvalidParamsError,
    InvalidResponseError,
    InvokeEndpointAsyncInput,
    InvokeEndpointAsyncOutput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Metadata,
    ModelError,
    ModelNotReadyException,
    Options,
    Request,
    ResolveEndpoint,
    Service,
    ServiceError,
    UnknownEvent,
    ValidationError,
)
from sagemaker_runtime.clock_skew import ClockSkew
from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import (
    Operation,
    OperationInput,
    OperationOutput,
    document,
    event_header,
    event_payload,
    header,
    label,
    payload,
)
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.operations.invoke_endpoint_async import INVOKE_ENDPOINT_ASYNC
from sagemaker_runtime.pipeline import stack_of
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.stable_members import INPUTS_KNOWN
from sagemaker_runtime.streams.frames import Message

MARSHALLER = Marshaller(INVOKE_ENDPOINT)
GOOD = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


def problems_of(**changes: object) -> tuple[str, ...]:
    with pytest.raises(InvalidParamsError) as caught:
        MARSHALLER.validator.validate(evolve(GOOD, **changes))
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint_name", "a"),
        ("endpoint_name", "A-b--9" + "x" * 57),
        ("body", b""),
        ("body", b"x" * 6_291_457),  # the model's limit is a quota of the service, which has raised it before
        ("body", bytearray(b"x")),
        ("body", memoryview(b"x")),
        ("content_type", ""),
        ("content_type", "x" * 1024),
        ("accept", "text/csv;\tq=1"),
        ("custom_attributes", "x" * 1024),
        ("target_model", "m.tar.gz"),
        ("inference_id", "a b ~"),
        ("enable_explanations", "`true`"),
        ("session_id", "NEW_SESSION"),
        ("session_id", "abc-1"),
        ("prefix_aware_id", "x" * 64),
    ],
)
def test_a_value_within_the_model_is_accepted(name: str, value: object) -> None:
    """The limits themselves belong to what is allowed."""
    MARSHALLER.validator.validate(evolve(GOOD, **{name: value}))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("endpoint_name", None, "is required, but is None"),
        ("endpoint_name", "", "does not match the pattern ^[a-zA-Z0-9](-*[a-zA-Z0-9])*: ''"),
        ("endpoint_name", "x" * 64, "has 64 characters; it takes at most 63"),
        ("endpoint_name", "iris-", "does not match the pattern ^[a-zA-Z0-9](-*[a-zA-Z0-9])*: 'iris-'"),
        ("endpoint_name", "../admin", "does not match the pattern ^[a-zA-Z0-9](-*[a-zA-Z0-9])*: '../admin'"),
        ("endpoint_name", "iris\n", "does not match the pattern ^[a-zA-Z0-9](-*[a-zA-Z0-9])*: 'iris\\n'"),
        ("endpoint_name", 5, "is of type int; it takes str"),
        ("body", None, "is required, but is None"),
        ("body", "text", "is of type str; it takes bytes; encode it first, as in text.encode()"),
        ("body", 5, "is of type int; it takes bytes; encode it first, as in json.dumps(value).encode() with content"),
        ("content_type", b"text/csv", "is of type bytes; it takes str"),
        ("content_type", "a\nb", "has the character '\\n' at position 1, which an HTTP header cannot carry"),
        ("accept", "x" * 1025, "has 1,025 characters; it takes at most 1,024"),
        ("accept", "\u00e9" * 100, "does not match the pattern \\p{ASCII}*: '" + "\u00e9" * 64 + "\u2026'"),
        ("target_model", "", "has 0 characters; it takes at least 1"),
        ("target_model", " leading", "does not match the pattern \\A\\S[\\p{Print}]*\\z: ' leading'"),
        ("target_model", "tab\there", "does not match the pattern \\A\\S[\\p{Print}]*\\z: 'tab\\there'"),
        (
            "inference_component_name",
            "a-",
            "does not match the pattern ^[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?$: 'a-'",
        ),
        ("session_id", "NEW_SESSION2", "does not match the pattern ^(NEW_SESSION)$|"),
    ],
)
def test_a_value_outside_the_model_is_refused_with_the_reason(name: str, value: object, problem: str) -> None:
    """Nothing is sent that the service would refuse, and the text says what to mend."""
    (found,) = problems_of(**{name: value})

    assert found.startswith(f"{name} {problem}")


def test_all_problems_are_told_at_once() -> None:
    """One round of mending, not one for each."""
    with pytest.raises(InvalidParamsError) as caught:
        MARSHALLER.validator.validate(evolve(GOOD, endpoint_name=None, body="x", accept="a\nb\u00e9", session_id="?"))

    problems = caught.value.problems
    assert [problem.split(" ")[0] for problem in problems] == [
        "endpoint_name",
        "body",
        "accept",
        "accept",
        "session_id",
    ]
    assert str(caught.value).startswith("5 problems with InvokeEndpointInput:\n- endpoint_name is required")


@pytest.mark.parametrize("value", ["hush\r\nX-Injected: 1", "hush\u00e9", "hush" * 300, "hush\ud800"])
def test_a_sensitive_value_is_refused_without_being_repeated(value: str) -> None:
    """The model calls custom attributes sensitive: they may hold a patient's name."""
    problems = problems_of(custom_attributes=value)

    assert problems
    assert "hush" not in str(problems)


def test_an_input_travels_as_path_headers_and_body() -> None:
    """Each member in the place the model binds it to; what is None is not sent."""
    request = Request(path="/prefix/")
    given = evolve(GOOD, endpoint_name="a b/\u00e9", accept="text/csv", session_id="NEW_SESSION")

    MARSHALLER.serialize(given, request)

    assert (request.method, request.path) == ("POST", "/prefix/endpoints/a%20b%2F%C3%A9/invocations")
    assert request.body == b"1,2"
    assert request.headers.raw == {
        "accept-encoding": "identity",
        "content-type": "application/octet-stream",
        "accept": "text/csv",
        "x-amzn-sagemaker-session-id": "NEW_SESSION",
    }


def test_an_empty_label_would_name_another_resource_and_is_refused() -> None:
    """Where somebody removed the validation, ``/endpoints//invocations`` must still not be sent."""
    with pytest.raises(InvalidParamsError, match="endpoint_name is empty"):
        MARSHALLER.serialize(evolve(GOOD, endpoint_name=""), Request())


def test_an_answer_becomes_the_output() -> None:
    """Headers in any case; what is not in the answer is None."""
    headers = Headers({"Content-Type": "text/csv", "X-AMZN-INVOKED-PRODUCTION-VARIANT": "blue"})

    output = MARSHALLER.deserialize(headers, b"0.5", Metadata())

    assert output == InvokeEndpointOutput(body=b"0.5", content_type="text/csv", invoked_production_variant="blue")


@pytest.mark.parametrize(
    ("headers", "document", "kind", "code", "message"),
    [
        ({"x-amzn-errortype": "ValidationError"}, {"message": "no"}, ValidationError, "ValidationError", "no"),
        (
            {"x-amzn-errortype": "ValidationError:http://x/"},
            {"Message": "no"},
            ValidationError,
            "ValidationError",
            "no",
        ),
        ({"x-amzn-errortype": "aws#ValidationError"}, {"MESSAGE": "no"}, ValidationError, "ValidationError", "no"),
        ({}, {"__type": "com.amazon#validationerror:x"}, ValidationError, "ValidationError", ""),
        ({}, {"code": "ModelNotReadyException"}, ModelNotReadyException, "ModelNotReadyException", ""),
        ({}, {"Code": "ThrottlingException", "message": 5}, ServiceError, "ThrottlingException", ""),
        ({"x-amzn-errortype": "  "}, {"__type": 5, "code": "Odd"}, ServiceError, "Odd", ""),
        ({}, {"message": "nameless"}, ServiceError, "418", "nameless"),
    ],
)
def test_an_error_is_named_by_its_header_or_else_by_its_body(
    headers: dict[str, str], document: object, kind: type[ServiceError], code: str, message: str
) -> None:
    """The name selects the class; what the model does not list keeps its name on the base class."""
    error = MARSHALLER.error(418, Headers(headers), json.dumps(document).encode())

    assert kind is type(error)
    assert (error.code, error.message, error.status) == (code, message, 418)


def test_a_model_error_has_its_members_where_they_have_the_right_type() -> None:
    """They are what a user acts on; a member of another type is left out rather than passed on."""
    document = {"OriginalStatusCode": 500, "OriginalMessage": "boom", "LogStreamArn": "arn", "Message": "m"}
    odd = {"OriginalStatusCode": True, "OriginalMessage": 5, "LogStreamArn": None}
    headers = Headers({"x-amzn-errortype": "ModelError"})

    error = MARSHALLER.error(424, headers, json.dumps(document).encode())
    strange = MARSHALLER.error(424, headers, json.dumps(odd).encode())

    assert isinstance(error, ModelError)
    assert (error.original_status_code, error.original_message, error.log_stream_arn) == (500, "boom", "arn")
    assert isinstance(strange, ModelError)
    assert (strange.original_status_code, strange.original_message, strange.log_stream_arn) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, b"<html><body>nginx</body></html>", "Bad Gateway"),
        (502, b"  <!DOCTYPE HTML><p>x", "Bad Gateway"),
        (503, b"", "Service Unavailable"),
        (599, b"", ""),
        (500, b"upstream timed out\n", "upstream timed out"),
        (500, b'["not", "an object"]', '["not", "an object"]'),
        (500, b"{}", ""),
        (500, b"\xff\xfe\xfa", "\ufffd\ufffd\ufffd"),
        (500, b"[" * 200_000, "[" * 1024),
        (500, b'{"a": ' * 100_000, ('{"a": ' * 1024)[:1024].strip()),
    ],
    ids=["html", "doctype", "empty", "no phrase", "text", "a list", "empty object", "no utf-8", "deep", "deep object"],
)
def test_any_body_makes_an_error_with_the_status_and_its_start(status: int, body: bytes, message: str) -> None:
    """What answers may be a proxy, a load balancer or a broken container, and the caller must learn what it said."""
    error = MARSHALLER.error(status, Headers(), body)

    assert ServiceError is type(error)
    assert (error.status, error.code, error.message) == (status, str(status), message)
    assert body[:4096] == error.body


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("1500", 1.5),
        ("0", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661", None),
        ("9" * 10, None),
    ],
)
def test_the_wait_the_service_asks_for_is_in_milliseconds(text: str | None, seconds: float | None) -> None:
    """A value that is no whole number of them is as good as none."""
    headers = Headers.received([("x-amz-retry-after", text)] if text is not None else [])

    assert seconds == MARSHALLER.error(503, headers, b"").retry_after


@define(repr=False, kw_only=True)
class SmallInput(OperationInput):
    """A label, a body, one header."""

    name: str = field(metadata=label("Name", shapes.ENDPOINT_NAME))
    body: bytes = field(metadata=payload(shapes.BODY_BLOB))
    accept: str | None = field(default=None, metadata=header("Accept", shapes.HEADER))


def test_an_operation_with_a_single_header_travels_like_any_other() -> None:
    """The next operation's file needs no change here."""
    operation = Operation("Small", SmallInput, InvokeEndpointOutput, "/small/{Name}", ())
    request = Request()

    Marshaller(operation).serialize(SmallInput(name="a", body=b"1", accept="text/csv"), request)

    assert (request.path, request.body, request.headers["accept"]) == ("/small/a", b"1", "text/csv")


@define(repr=False, kw_only=True)
class TwoLabels(OperationInput):
    """Two labels, in another order than in the path, and no body."""

    item: str = field(metadata=label("Item", shapes.ENDPOINT_NAME))
    group: str = field(metadata=label("Group", shapes.ENDPOINT_NAME))


def test_an_operation_may_have_several_labels_and_no_body() -> None:
    """Nothing of the three operations that there are is assumed of the next one."""
    operation = Operation("Two", TwoLabels, InvokeEndpointOutput, "/groups/{Group}/items/{Item}/state", ())
    request = Request(path="/base")

    Marshaller(operation).serialize(TwoLabels(group="a b", item="c"), request)

    assert "/base/groups/a%20b/items/c/state" == request.path
    assert b"" == request.body
    assert "content-type" not in request.headers


def test_an_empty_label_is_refused_by_name_whichever_it_is() -> None:
    """The path would name another resource."""
    marshaller = Marshaller(Operation("Two", TwoLabels, InvokeEndpointOutput, "/groups/{Group}/{Item}", ()))

    with pytest.raises(InvalidParamsError, match="item is empty"):
        marshaller.serialize(TwoLabels(group="a", item=""), Request())


@define(repr=False, kw_only=True)
class InDocument(OperationInput):
    """A member that would travel in a JSON body."""

    name: str = field(metadata=document("Name", shapes.HEADER))


@define(repr=False, kw_only=True)
class SecretLabel(OperationInput):
    """A label that must not be shown."""

    name: str = field(metadata=label("Name", shapes.CUSTOM_ATTRIBUTES_HEADER))


@define(repr=False, kw_only=True)
class SecretHeader(OperationInput):
    """A header that must not be shown, and that nobody knows to be one."""

    name: str = field(metadata=header("X-Name", shapes.CUSTOM_ATTRIBUTES_HEADER))


@pytest.mark.parametrize(
    ("input_type", "path", "complaint"),
    [
        (SecretHeader, "/", "name is sensitive, and its header x-name is not among redaction.SENSITIVE_HEADERS"),
        (InDocument, "/x", "name is bound to a document"),
        (SecretLabel, "/{Name}", "the label name is not a string, or is sensitive"),
        (TwoLabels, "/{Group}", r"its labels are \['Group', 'Item'\], and /{Group} has \['Group'\]"),
        (TwoLabels, "/{Group}/{Item+}", r"and /{Group}/{Item\+} has \['Group'\]"),
    ],
)
def test_an_operation_that_cannot_be_written_is_refused_with_the_reason(
    input_type: type[OperationInput], path: str, complaint: str
) -> None:
    """Whoever adds an operation learns at once what is not built here, and not from a request that lacks a member."""
    with pytest.raises(ConfigError, match=f"Odd cannot be written as a request: .*{complaint}"):
        Marshaller(Operation("Odd", input_type, InvokeEndpointOutput, path, ()))


@define(repr=False, kw_only=True)
class CountedOutput(OperationOutput):
    """A number in a header."""

    tokens: int | None = field(default=None, metadata=header("X-Tokens", shapes.REQUEST_TTL_SECONDS_HEADER))


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("-7", -7), (None, None), ("x", None), ("7.5", None), ("9" * 5000, None)]
)
def test_a_number_in_a_header_of_an_answer_is_a_number(text: str | None, number: int | None) -> None:
    """A text in its place would break the first program that reckons with it; an answer is not lost for a header."""
    marshaller = Marshaller(Operation("Count", SmallInput, CountedOutput, "/{Name}", ()))
    headers = Headers({} if text is None else {"x-tokens": text})

    output = marshaller.deserialize(headers, b"", Metadata())

    assert isinstance(output, CountedOutput)
    assert number == output.tokens


@define
class Reading:
    """An event with a header."""

    data: bytes = field(metadata=event_payload(shapes.PART_BLOB))
    kind: str | None = field(default=None, metadata=event_header("Kind", shapes.HEADER))


def test_an_operation_says_which_events_its_stream_carries() -> None:
    """The next stream has events of its own; they need no change here."""
    operation = Operation("Read", SmallInput, InvokeEndpointOutput, "/{Name}", (), events={"Reading": Reading})
    marshaller = Marshaller(operation)
    head = {":message-type": "event", ":event-type": "Reading"}

    assert Reading(b"1", "hot") == marshaller.event(Message({**head, "Kind": "hot"}, b"1"))
    assert Reading(b"") == marshaller.event(Message(head, b""))
    assert UnknownEvent("PayloadPart", b"2") == marshaller.event(Message({**head, ":event-type": "PayloadPart"}, b"2"))


def test_more_values_than_are_kept_are_still_judged_right():
    """Valid values are known by their hash, up to a number; those beyond it are looked at anew."""
    for number in range(1000):
        MARSHALLER.validator.validate(evolve(GOOD, endpoint_name=f"name-{number % 300}", inference_id=f"{number}"))

        with pytest.raises(InvalidParamsError):
            MARSHALLER.validator.validate(evolve(GOOD, endpoint_name=f"name_{number}"))


ASYNC = Marshaller(INVOKE_ENDPOINT_ASYNC)
QUEUED = InvokeEndpointAsyncInput(endpoint_name="iris", body=b"1,2")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"body": None}, "body and input_location: exactly one of them must be given, but neither is"),
        (
            {"input_location": "s3://b/k"},
            "body and input_location: exactly one of them must be given, but both are",
        ),
        ({"request_ttl_seconds": 59}, "request_ttl_seconds is 59; it takes 60 to 21,600"),
        ({"request_ttl_seconds": 21_601}, "request_ttl_seconds is 21,601; it takes 60 to 21,600"),
        ({"invocation_timeout_seconds": True}, "invocation_timeout_seconds is of type bool; it takes int"),
        ({"invocation_timeout_seconds": 1.0}, "invocation_timeout_seconds is of type float; it takes int"),
        (
            {"filename": "a.b.c"},
            r"filename does not match the pattern ^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$: 'a.b.c'",
        ),
        ({"s3_output_path_extension": ""}, "s3_output_path_extension has 0 characters; it takes at least 1"),
    ],
)
def test_a_queued_input_is_held_to_its_own_constraints(changes: dict[str, object], problem: str) -> None:
    """The model has no word for the choice between the two, and the service's own answer comes a round trip later."""
    ASYNC.validator.validate(evolve(QUEUED, invocation_timeout_seconds=1))  # equal to True, and known from now on

    with pytest.raises(InvalidParamsError) as caught:
        ASYNC.validator.validate(evolve(QUEUED, **changes))

    assert caught.value.problems == (problem,)


@pytest.mark.parametrize("seconds", [60, 21_600])
def test_a_number_within_the_model_is_accepted_and_written_in_digits(seconds: int) -> None:
    """The limits belong to what is allowed."""
    given, request = evolve(QUEUED, request_ttl_seconds=seconds), Request(path="")

    ASYNC.validator.validate(given)
    ASYNC.serialize(given, request)

    assert request.headers["X-Amzn-SageMaker-RequestTTLSeconds"] == str(seconds)


class Minutes(IntEnum):
    """A name for a number, whose repr is not a number."""

    FIVE = 300


class OldMinutes(int, Enum):
    """The same as it was written before there was IntEnum; its text is not a number either."""

    FIVE = 300


@pytest.mark.parametrize("seconds", [Minutes.FIVE, OldMinutes.FIVE])
def test_a_number_that_has_a_name_is_written_in_digits_too(seconds: int) -> None:
    """It is an int for every checker, and ``<Minutes.FIVE: 300>`` is nothing the service could read."""
    given, request = evolve(QUEUED, request_ttl_seconds=seconds), Request(path="")

    ASYNC.validator.validate(given)
    ASYNC.serialize(given, request)

    assert request.headers["X-Amzn-SageMaker-RequestTTLSeconds"] == "300"


def test_an_input_location_is_sent_without_a_body() -> None:
    """The service takes one or the other; aiohttp would add a content type of its own, unsigned, if we sent none."""
    request = Request(path="")

    ASYNC.serialize(InvokeEndpointAsyncInput(endpoint_name="iris", input_location="s3://bucket/in.csv"), request)

    assert request.body == b""
    assert request.headers["X-Amzn-SageMaker-InputLocation"] == "s3://bucket/in.csv"
    assert request.headers["Content-Type"] == "application/octet-stream"


def test_the_inference_id_is_read_from_the_document_and_the_locations_from_headers() -> None:
    """They travel in two places, and the document may lack what the service did not tell."""
    headers = Headers({"X-Amzn-SageMaker-OutputLocation": "s3://b/o", "X-Amzn-SageMaker-FailureLocation": "s3://b/f"})

    output = ASYNC.deserialize(headers, b'{"InferenceId": "42"}', Metadata())

    assert output == InvokeEndpointAsyncOutput(
        inference_id="42", output_location="s3://b/o", failure_location="s3://b/f"
    )
    assert ASYNC.deserialize(headers, b'{"InferenceId": 42}', Metadata()) == evolve(output, inference_id=None)
    assert ASYNC.deserialize(headers, b"", Metadata()) == evolve(output, inference_id=None)


def test_an_answer_that_should_be_json_and_is_not_says_how_it_starts() -> None:
    """A page of a proxy with status 200 must not pass for an inference that was queued."""
    with pytest.raises(InvalidResponseError, match="is not a JSON object; it starts b'<html>"):
        ASYNC.deserialize(Headers(), b"<html>welcome</html>", Metadata())


def test_an_input_that_was_seen_is_not_gone_through_again_and_one_that_was_not_is() -> None:
    """What is kept must be told apart by every member, and must not grow without end."""
    marshaller = Marshaller(INVOKE_ENDPOINT)
    first, second, other = Request(path=""), Request(path=""), Request(path="")

    marshaller.serialize(evolve(GOOD, accept="text/csv", custom_attributes="a"), first)
    marshaller.serialize(evolve(GOOD, accept="text/csv", custom_attributes="b"), second)
    marshaller.serialize(evolve(GOOD, accept="text/plain"), other)
    for number in range(3 * INPUTS_KNOWN):
        each = evolve(GOOD, inference_id=str(number))
        marshaller.validator.validate(each)
        marshaller.serialize(each, Request())

    name = "x-amzn-sagemaker-custom-attributes"
    assert ("a", "b", None) == (first.headers[name], second.headers[name], other.headers.get(name))
    assert ("text/csv", "text/plain") == (second.headers["accept"], other.headers["accept"])
    assert len(marshaller._heads) <= INPUTS_KNOWN
    assert len(marshaller.validator._valid) <= INPUTS_KNOWN
    assert not any(name in head.headers for head in marshaller._heads.values()), "a sensitive value is not kept"


class Caseless(str):
    """A string for which case does not count, as some HTTP libraries have them."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __hash__(self) -> int:
        return hash(self.lower())


def test_what_was_learnt_of_a_string_with_an_equality_of_its_own_is_not_used_for_others() -> None:
    """It would send one caller's request to the endpoint of another's, and let pass what the model refuses."""
    marshaller, odd, plain = Marshaller(INVOKE_ENDPOINT), Request(path=""), Request(path="")
    shouted = evolve(GOOD, endpoint_name=Caseless("IRIS"), session_id=Caseless("NEW_SESSION"))

    marshaller.validator.validate(shouted)
    marshaller.serialize(shouted, odd)
    marshaller.serialize(evolve(GOOD, endpoint_name="iris", session_id="new_session"), plain)

    assert "/endpoints/IRIS/invocations" == odd.path
    assert "/endpoints/iris/invocations" == plain.path
    assert "new_session" == plain.headers["x-amzn-sagemaker-session-id"]
    with pytest.raises(InvalidParamsError, match="session_id does not match the pattern"):
        marshaller.validator.validate(evolve(GOOD, endpoint_name="iris", session_id="new_session"))


def test_a_label_that_is_no_text_is_named_where_validation_was_taken_away() -> None:
    """Quoting it would fail in the standard library, with a text that says nothing of the input."""
    with pytest.raises(InvalidParamsError, match="endpoint_name is of type list"):
        MARSHALLER.serialize(evolve(GOOD, endpoint_name=["iris"]), Request())


@define(repr=False, kw_only=True)
class TwoBodies(OperationOutput):
    """An answer with two payloads."""

    one: bytes = field(metadata=payload(shapes.BODY_BLOB))
    two: bytes = field(metadata=payload(shapes.BODY_BLOB))


@define(repr=False, kw_only=True)
class BodyAndDocument(OperationOutput):
    """An answer with a payload, and a document in its place."""

    one: bytes = field(metadata=payload(shapes.BODY_BLOB))
    name: str | None = field(default=None, metadata=document("Name", shapes.HEADER))


@pytest.mark.parametrize("output_type", [TwoBodies, BodyAndDocument])
def test_an_output_that_cannot_be_read_is_refused_when_the_marshaller_is_made(
    output_type: type[OperationOutput],
) -> None:
    """And not after the model has run."""
    with pytest.raises(ConfigError, match="Odd cannot be read from a response"):
        Marshaller(Operation("Odd", SmallInput, output_type, "/{Name}", ()))


def test_an_operation_of_another_service_goes_to_its_host_under_its_name() -> None:
    """The next service has endpoint rules of its own; a request to the wrong host would be signed for the wrong scope."""
    other = Service("Other Service", "2026-01-01", "other", lambda partition, fips, dual: "other.{region}.{suffix}")
    operation = Operation("Elsewhere", SmallInput, InvokeEndpointOutput, "/{Name}", (), service=other)
    given = Options(region="eu-west-1")

    place = stack_of(Marshaller(operation), given, ClockSkew()).serialize.get("ResolveEndpoint")

    assert isinstance(place, ResolveEndpoint)
    assert "https://other.eu-west-1.amazonaws.com" == place.resolver.resolve_endpoint("eu-west-1", place.options).url
    assert "other" == place.signing_name
    assert "AWS_ENDPOINT_URL_OTHER_SERVICE" == other.endpoint_variable
