"""What a message of a stream means, by the rules of five other implementations."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from conformance.conftest import cases, load, tally

from sagemaker_runtime import EventStreamError, ServiceError, UnknownEvent
from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.streams.frames import Decoder, HeaderValue, Int32, Message, encode

MARSHALLER = Marshaller(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)
CONTENT_TYPE = "the content type is not looked at: a part's bytes are given as they are"


def message_of(case: dict[str, Any]) -> Message:
    """The message of a case, after a way over the wire."""
    if "frame" in case:
        [frame] = [one for one in load("eventstream/frames-positive.json") if one["id"] == case["frame"]]
        wire = base64.b64decode(frame["encoded_b64"])
    else:
        headers: dict[str, HeaderValue] = {
            name: Int32(value["integer"]) if isinstance(value, dict) else value
            for name, value in case["headers"].items()
        }
        wire = encode(Message(headers, case.get("payload", "").encode()))
    decoder = Decoder()
    decoder.feed(wire)
    message = decoder.take()
    assert message is not None
    return message


RULES = cases(
    "eventstream/message-rules.json",
    id=lambda case: case["id"],
    skip=lambda case: CONTENT_TYPE if case["expect"] == "error: :content-type must be a string" else None,
)
EVENTS = {
    "smithy-rs/normal": UnknownEvent("Foo", b""),
    "smithy-rs/missing content type": UnknownEvent("Foo", b""),
    "smithy-python/unknown event type": UnknownEvent("unmodeledEvent", b"{}"),
    "botocore/initial-response": None,  # REST: the head is that of HTTP
}
ERRORS: dict[str, tuple[type[Exception], dict[str, str]]] = {
    "smithy-rs/exception": (ServiceError, {"code": "BadRequestException", "message": ""}),
    # Nameless or not, an exception ends the stream: that of the class that stands for what is not known.
    "smithy-rs/missing exception type": (ServiceError, {"code": "UnknownError"}),
    "smithy-rs/missing event type": (EventStreamError, {}),
    "smithy-python+botocore/unmodeled error": (
        ServiceError,
        {"code": "InternalError", "message": "An internal server error occurred."},
    ),
    "smithy-typescript/unknown exception event": (ServiceError, {"code": "Exception"}),
}


@pytest.mark.parametrize("case", RULES)
def test_a_message_means_what_it_means_elsewhere(case: dict[str, Any]) -> None:
    """An event this model does not know is given to the caller, an error is raised, and nothing is dropped."""
    message = message_of(case)

    if case["id"] in EVENTS:
        assert EVENTS[case["id"]] == MARSHALLER.event(message)
    else:
        kind, facts = ERRORS[case["id"]]
        with pytest.raises(kind) as caught:
            MARSHALLER.event(message)
        assert kind is type(caught.value)
        assert facts == {name: getattr(caught.value, name) for name in facts}
        if "frame" in case:  # its payload is text where JSON is due
            assert message.payload.decode() in str(caught.value)


def test_only_the_rule_of_the_content_type_is_skipped() -> None:
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert {"run": 9, CONTENT_TYPE: 1} == tally(RULES)
