"""
Verification of signed requests: which a server refuses, and what was changed after signing.

This is for stand-ins for the service in tests; a client does not need it. The messages are the service's own.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sagemaker_runtime.event_signing import STREAMING_EVENTS
from sagemaker_runtime.signing import ALGORITHM, UNSIGNED_PAYLOAD, SigV4Signer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sagemaker_runtime.credentials import Credentials
    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.wire import Request

__all__ = [
    "MISMATCH",
    "Authorization",
    "SignatureRefusedError",
    "SigningWitness",
    "changed",
    "changes",
    "check_coverage",
    "must_be_signed",
    "not_signed",
    "shown",
]

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
REMEMBERED = 1_024  # requests; far more than are in flight at the same time
_ALWAYS_SIGNED = ("host", "x-amz-date")
_SHOWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "content-length",
        "content-type",
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
    }
)
_LONGEST = 100  # characters of a value that an error shows


class SignatureRefusedError(Exception):
    """
    A signature that the service refuses, with 403.

    Attributes:
        code: The error's name.

        message: The text of the error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Authorization(NamedTuple):
    """The parsed ``Authorization`` header."""

    access_key_id: str
    scope: str
    """Date, region, service and ``aws4_request``, separated by slashes."""

    signed_headers: frozenset[str]
    signature: str

    @classmethod
    def parse(cls, header: str) -> Authorization:
        """
        Parse the header.

        Raises:
            SignatureRefusedError: It is for another algorithm, lacks a part, or has one twice.
        """
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise _incomplete(f"Authorization header must start with '{ALGORITHM}'.")
        parts: dict[str, str] = {}
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
            if name in parts:  # perhaps the header was sent twice, and it is not clear which counts
                raise _incomplete(f"Authorization header has '{name}' parameter more than once.")
            parts[name] = value
        for name in ("Credential", "Signature", "SignedHeaders"):
            if not parts.get(name):
                raise _incomplete(f"Authorization header requires '{name}' parameter.")
        access_key_id, _, scope = parts["Credential"].partition("/")
        return cls(access_key_id, scope, frozenset(parts["SignedHeaders"].split(";")), parts["Signature"])


def must_be_signed(headers: Headers, signed: frozenset[str]) -> list[str]:
    """The headers that must be signed because the service acts on them: ``Host`` and all ``X-Amz-*``."""
    return [name for name in headers if (name == "host" or name.startswith("x-amz-")) and name not in signed]


def check_coverage(
    authorization: Authorization, headers: Headers, body: bytes, *, https: bool, streams: bool = False
) -> str:
    """
    Check that a signature covers everything that it must cover. This needs no secret.

    Args:
        authorization: The request's header.

        headers: All headers of the request.

        body: The body of the request.

        https: Whether the request was sent over https, where the signature need not cover the body.

        streams: Whether the body is a stream of events, each with its own signature.

    Returns:
        The payload hash that the signature must have used.

    Raises:
        SignatureRefusedError: The signature does not cover everything.
    """
    signed = authorization.signed_headers
    for name in [*(each for each in _ALWAYS_SIGNED if each not in signed), *must_be_signed(headers, signed)]:
        raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization header.")
    lost = sorted(name for name in signed if name not in headers)
    if lost:
        raise changed([f"the header '{name}', which was signed and has not arrived" for name in lost])
    claimed = headers.get("x-amz-content-sha256")
    if streams:
        if claimed != STREAMING_EVENTS:
            raise _invalid(f"'x-amz-content-sha256' must be {STREAMING_EVENTS} if the body is a stream of events.")
        return claimed
    if claimed == UNSIGNED_PAYLOAD:
        if not https:
            raise _invalid(f"'x-amz-content-sha256' is {claimed}, which requires https: sign the SHA-256 of the body.")
        return claimed
    payload_hash = sha256(body).hexdigest()
    if claimed not in (None, payload_hash):
        raise _invalid("The value of 'x-amz-content-sha256' does not match the hash of the body that was received.")
    return payload_hash


def not_signed() -> SignatureRefusedError:
    """The error for a request without ``Authorization``."""
    return SignatureRefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")


def changed(differences: Iterable[str]) -> SignatureRefusedError:
    """The error for a request that was changed after signing."""
    return _invalid(f"{MISMATCH} Changed after signing: {'; '.join(differences)}.")


def shown(name: str, value: str) -> str:
    """The value of a header for an error message, if the header never contains a secret; otherwise ``(not shown)``."""
    if name not in _SHOWN:
        return "(not shown)"
    return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")


class _Signed(NamedTuple):
    """A request as it was signed."""

    signature: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    payload_hash: str


_REMEMBERED: deque[_Signed] = deque(maxlen=REMEMBERED)


class SigningWitness(SigV4Signer):
    """
    Signs like `SigV4Signer`, and records the last 1,024 requests of the process, without their bodies, for `changes`.

    A signature alone does not reveal what was signed. With this signer in the client's options, a stand-in for the service
    in the same process can find out.
    """

    def sign_http(
        self,
        request: Request,
        *,
        credentials: Credentials,
        payload_hash: str,
        service: str,
        region: str,
        signing_time: datetime,
    ) -> None:
        """Sign *request* as `SigV4Signer` does, and record it."""
        super().sign_http(
            request,
            credentials=credentials,
            payload_hash=payload_hash,
            service=service,
            region=region,
            signing_time=signing_time,
        )
        headers = dict(request.headers.raw)
        signature = headers["authorization"].rpartition("=")[2]
        _REMEMBERED.append(_Signed(signature, request.method, request.path, request.query, headers, payload_hash))


def changes(request: Request, authorization: Authorization, *, https: bool) -> list[str] | None:
    """
    The differences between *request* and the request that a `SigningWitness` of this process signed.

    Args:
        request: The request as it arrived.

        authorization: Its parsed header.

        https: Whether it was sent over https, where the signature need not cover the body.

    Returns:
        Descriptions of the differences, without secrets. None if no witness has recorded the signature.
    """
    known = list(_REMEMBERED)  # a copy, because other threads may be signing
    signed = next((each for each in reversed(known) if each.signature == authorization.signature), None)
    return None if signed is None else [*_lines_changed(signed, request), *_body_changed(signed, request, https=https)]


def _lines_changed(signed: _Signed, request: Request) -> list[str]:
    found = [
        f"the {part}, from {before!r} to {now!r}"
        for part, before, now in (("method", signed.method, request.method), ("path", signed.path, request.path))
        if before != now
    ]
    if signed.query != request.query:
        found.append("the query")
    covered = signed.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    for name in ["authorization", *covered]:
        before, now = signed.headers[name], request.headers.get(name)
        if now is None:
            found.append(f"the header '{name}', which was removed")
        elif " ".join(before.split()) != " ".join(now.split()):  # blanks as in the signature
            values = f", from {shown(name, before)} to {shown(name, now)}" if name in _SHOWN else ""
            found.append(f"the header '{name}'{values}")
    return found


def _body_changed(signed: _Signed, request: Request, *, https: bool) -> list[str]:
    if signed.payload_hash == STREAMING_EVENTS:  # each event has its own signature
        return []
    if signed.payload_hash == UNSIGNED_PAYLOAD:
        return [] if https else [f"the body, which was signed as {UNSIGNED_PAYLOAD}, which requires https"]
    return [] if signed.payload_hash == sha256(request.body).hexdigest() else ["the body"]


def _incomplete(message: str) -> SignatureRefusedError:
    return SignatureRefusedError("IncompleteSignatureException", message)


def _invalid(message: str) -> SignatureRefusedError:
    return SignatureRefusedError("InvalidSignatureException", message)
