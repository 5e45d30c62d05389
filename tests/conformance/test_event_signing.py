"""The chain of signatures over the events of a request's stream, against the vectors of three other SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.conftest import cases, load

from sagemaker_runtime import Credentials, Headers, Request, SigV4Signer
from sagemaker_runtime.dates import amz_seconds, utc
from sagemaker_runtime.event_signing import EventSigner
from sagemaker_runtime.streams.frames import Decoder, Message, encode

FILE = "sigv4/eventstream-signing.json"
CHAINS = cases(FILE, lambda sets: [case for case in sets if "messages" in case], id=lambda case: case["id"])
TEXTS = cases(
    FILE, lambda sets: [case for case in sets if "expected_string_to_sign" in case], id=lambda case: case["id"]
)


def signer(case: dict[str, Any], seed: str) -> EventSigner:
    credentials = Credentials(case.get("access_key_id", "AKID"), case.get("secret_access_key", "SECRET"))
    of_day = SigV4Signer().signing_key
    return EventSigner(seed, lambda day: of_day(credentials, day, case["region"], case["service"]))


@pytest.mark.parametrize("case", CHAINS)
def test_each_event_is_signed_with_the_signature_before_it(case: dict[str, Any]) -> None:
    """One signature that differs makes the service refuse all that follows."""
    first = case["messages"][0]
    chain = signer(case, first["prior_signature_hex"])
    for message in case["messages"]:
        headers, payload = bytes.fromhex(message["header_bytes_hex"]), bytes.fromhex(message["payload_hex"])
        assert message["prior_signature_hex"] == chain.prior
        assert message["string_to_sign"] == chain.string_to_sign(headers, payload, message["unix_time"])
        assert message["signature"] == chain.next_signature(headers, payload, message["unix_time"]).hex()


@pytest.mark.parametrize("case", [case for case in CHAINS if case.values[0] and "initial_request" in case.values[0]])
def test_a_frame_has_the_date_and_the_signature_of_the_vectors(case: dict[str, Any]) -> None:
    """What is signed is the encoded date header, so the frame must have these very bytes, after the request's own seed."""
    initial = case["initial_request"]
    request = Request("POST", host="demo.us-east-1.amazonaws.com", path=initial["path"])
    request.headers = Headers(
        {"content-encoding": initial["headers"][1][1], "x-amz-content-sha256": initial["payload_hash"]}
    )
    credentials = Credentials(case["access_key_id"], case["secret_access_key"])
    of_request, scope = SigV4Signer(), {"service": case["service"], "region": case["region"]}
    of_request.sign_http(
        request,
        credentials=credentials,
        payload_hash=initial["payload_hash"],
        signing_time=utc(int(amz_seconds(initial["timestamp"]) or 0)),
        **scope,
    )
    chain = of_request.sign_events(request, credentials=credentials, **scope)
    assert initial["signature"] == chain.prior

    for message in case["messages"]:
        frame = chain.sign(bytes.fromhex(message["payload_hex"]), message["unix_time"] * 1000)
        decoder = Decoder()
        decoder.feed(frame)
        taken = decoder.take()
        assert taken is not None
        assert message["signature"] == taken.headers[":chunk-signature"].hex()
        assert utc(message["unix_time"]) == taken.headers[":date"]
        assert frame == encode(Message(dict(taken.headers), bytes.fromhex(message["payload_hex"])))


@pytest.mark.parametrize("case", TEXTS)
def test_the_text_to_sign_is_that_of_other_sdks(case: dict[str, Any]) -> None:
    """The order of its lines, and the hash of the date alone, are where implementations have differed."""
    chain = signer(case, case["prior_signature_hex"])
    inner = bytes.fromhex(case["inner_message"]["encoded_hex"])
    assert case["expected_string_to_sign"] == chain.string_to_sign(
        bytes.fromhex(case["header_bytes_hex"]), inner, case["unix_time"]
    )


def test_no_case_drops_out_unnoticed() -> None:
    """A vector that is passed over would pass."""
    assert len(load(FILE)) == len(CHAINS) + len(TEXTS)
