"""A cache of responses: a repeated request to the same model gets its response from memory."""

from __future__ import annotations

import asyncio
import hmac
import os
import re
from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve, fields

from sagemaker_runtime import (
    BEFORE,
    CREDENTIALS,
    AnonymousCredentialsProvider,
    ConfigError,
    Credentials,
    Headers,
    Key,
    Metadata,
    OperationOutput,
    Output,
)
from sagemaker_runtime.context import CLOCK, SIGNING_NAME, SIGNING_REGION
from sagemaker_runtime.credentials import tells_current
from sagemaker_runtime.plugins._telemetry import is_output

if TYPE_CHECKING:
    from collections.abc import Collection

    from sagemaker_runtime import (
        Context,
        CredentialsProvider,
        DeserializeHandler,
        DeserializeInput,
        Request,
        Stack,
    )

__all__ = ["CACHE_AGE", "ResponseCache"]

CACHE_AGE = Key[float]("cache age")
"""Seconds since the model responded. Metadata, set by `ResponseCache` on responses from memory only."""

PREFIX = "x-amzn-sagemaker-"
SESSION = PREFIX + "session-id"
CUSTOM_ATTRIBUTES = PREFIX + "custom-attributes"

_TRACE_CONTEXT = {"traceparent", "tracestate"}
_IGNORED = {
    "authorization",  # changes every second; the signer and the scope are compared separately
    "x-amz-date",  # the time of signing
    "date",
    "amz-sdk-invocation-id",  # names a call
    "amz-sdk-request",  # counts its attempts
    PREFIX + "inference-id",  # names a call in the captured data
    PREFIX + "prefix-aware-id",  # routes a call to an instance that has a prefix in memory
    "user-agent",  # which program calls, and how it retries
    "x-amz-user-agent",
    "x-amzn-trace-id",  # names a trace
    *_TRACE_CONTEXT,
}
BESIDE_BODY = 1_024  # bytes of an entry beside its body, roughly; without it, empty bodies would cost nothing
HASHED_AT_ONCE = 262_144  # bytes; up to 0.5 ms of the event loop

# Source: AWS IAM User Guide, "Create a signed AWS API request"; the date is left out.
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/([^/,\s]+/[^/,\s]+)/aws4_request,")


class _Entry(NamedTuple):
    result: OperationOutput
    made: float


class ResponseCache:
    """
    Return responses from memory for equal requests: of one principal, to one URL, with the same body and headers.

    For deterministic models, and repeatable operations only, so InvokeEndpoint. Errors, responses within a session, and
    outputs that a middleware created are not cached. Concurrent identical calls all reach the model.

    **What is compared**: the credentials with their secret, the signing name and region, method, URL, body, and every
    header except those that only name, date or trace a call (``User-Agent``, ``X-Amzn-Trace-Id``, ``traceparent``, the
    inference id and similar, and a trace context in the custom attributes). So an unknown header separates requests. Only a
    keyed hash of all this is stored.

    **What is not cached**: calls whose credentials are not known, because their provider has no method ``current``
    (`CredentialsCache` adds one to any provider), or because the request is not signed with them. After a rotation of the
    credentials, the first call reaches the model.

    It is outermost in Deserialize, so it compares the request that the middleware of all other steps have produced,
    whatever the order in which they were added. A call served from memory is signed, but not sent; it passes through Retry
    and the middleware below it, such as a circuit breaker. A middleware in Deserialize that changes the request is too late:
    its responses are not cached, but its calls may get a response that was cached without its change. Put it into Finalize.

    One object may serve several clients. Clients that differ only in ``http_client`` (a client certificate, a proxy that
    signs) each need their own.

    Args:
        ttl: Seconds for which a response is cached.

        max_bytes: The total size of the cached bodies, plus 1,024 for each; the least recently used are dropped first.

        vary: Names of headers to compare that are not compared by default: ``("user-agent",)``.

        ignore: Names of headers not to compare, because they differ between calls but do not change the response, such as
            your own request id. Do not include headers that separate your tenants.

    Raises:
        ConfigError: ``vary`` or ``ignore`` is a string, or names the same header as the other.

        InvalidHeaderError: One of them contains an invalid name.
    """

    id = "ResponseCache"

    def __init__(
        self,
        *,
        ttl: float,
        max_bytes: int = 67_108_864,
        vary: Collection[str] = (),
        ignore: Collection[str] = (),
    ) -> None:
        varying, ignored = _names("vary", vary), _names("ignore", ignore)
        if varying & ignored:
            raise ConfigError(f"ResponseCache: {', '.join(sorted(varying & ignored))} in both vary and ignore")
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._ignored = frozenset((_IGNORED | ignored) - varying)
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()  # calls may come from several threads
        self._salt = os.urandom(32)  # a hash in a memory dump reveals nothing, and nobody else can compute a key

    def __call__(self, stack: Stack) -> None:
        if stack.operation.repeatable:
            stack.deserialize.add(self, BEFORE)

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        request, clock = step.request, ctx[CLOCK]
        head, body = self._hash_of_head(ctx, request), request.body
        if head is None:
            return await next(ctx, step)
        key = head + await _hash_of(body)
        entry = self._entry(key)
        if entry is not None:
            age = clock.monotonic() - entry.made
            if 0 <= age < self._ttl:  # below 0, another client's clock was used
                metadata = Metadata()
                metadata[CACHE_AGE] = age
                return Output(evolve(entry.result, result_metadata=metadata), metadata)
        output = await next(ctx, step)
        if not (is_output(output) and isinstance(output.result, OperationOutput) and output.raw_response is not None):
            return output  # made by a middleware
        if request.body is body and self._hash_of_head(ctx, request) == head:  # else something below has changed them
            result = evolve(output.result, result_metadata=Metadata())  # the live response is not kept
            self._keep(key, _Entry(result, clock.monotonic()))
        return output

    def _hash_of_head(self, ctx: Context, request: Request) -> bytes | None:
        """
        A hash of what the response depends on beside the body; None if it depends on more than can be compared.

        A hash, because the parts are secret, and an error report may show the local variables of a frame.
        """
        if SESSION in request.headers:
            return None
        provider = ctx[CREDENTIALS]
        access_key_id = secret = token = None
        if not isinstance(provider, AnonymousCredentialsProvider):
            credentials = _credentials_of(provider)
            if credentials is None:
                return None
            access_key_id, secret = credentials.access_key_id, credentials.secret_access_key
            token = credentials.session_token
        scope = None
        authorization = request.headers.get("authorization", "")
        if not authorization and access_key_id is not None:
            return None  # not signed with them; a proxy may sign it with any others
        if authorization.startswith("AWS4-HMAC-SHA256"):
            signature = _SIGNATURE.match(authorization)
            if signature is None or signature[1] != access_key_id:
                return None  # signed with other credentials
            authorization, scope = "", signature[2]
        compared = [
            (name, self._compared(name, value))
            for name, value in sorted(request.headers.items())
            if name not in self._ignored
        ]
        principal = (access_key_id, secret, token, authorization)  # the last one may be a bearer token
        signed_for = (ctx.get(SIGNING_NAME), ctx.get(SIGNING_REGION), scope)
        parts = (request.method, request.url, principal, signed_for, compared)
        return hmac.digest(self._salt, repr(parts).encode(), "sha256")

    def _compared(self, name: str, value: str) -> str:
        if name != CUSTOM_ATTRIBUTES:
            return value
        traces = _TRACE_CONTEXT & self._ignored
        return ",".join(field for field in value.split(",") if field.strip().partition("=")[0] not in traces)

    def _entry(self, key: bytes) -> _Entry | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def _keep(self, key: bytes, entry: _Entry) -> None:
        with self._lock:
            before = self._entries.pop(key, None)
            if before is not None:
                self._bytes -= _size(before)
            if _size(entry) > self._max_bytes:
                return  # it would evict all others
            self._entries[key] = entry
            self._bytes += _size(entry)
            while self._bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= _size(oldest)


def _names(option: str, names: Collection[str]) -> set[str]:
    if isinstance(names, str):
        raise ConfigError(f"ResponseCache: {option} is a string; it takes several names: ({names!r},)")
    return set(Headers(dict.fromkeys(names, "")))


def _size(entry: _Entry) -> int:
    values: list[object] = [getattr(entry.result, member.name) for member in fields(type(entry.result))]
    body = sum(len(value) for value in values if isinstance(value, bytes))
    beside_body = sum(len(value) for value in values if isinstance(value, str))  # a peer's header may be long
    return body + max(BESIDE_BODY, beside_body)


def _credentials_of(provider: CredentialsProvider) -> Credentials | None:
    """The credentials that *provider* holds and has just signed with; None if only another `retrieve` could tell."""
    current = getattr(provider, "current", None) if tells_current(type(provider)) else None
    credentials: object = None if current is None else current()
    return credentials if isinstance(credentials, Credentials) else None


async def _hash_of(body: bytes) -> bytes:
    state, view = sha256(), memoryview(body)
    for start in range(0, len(body), HASHED_AT_ONCE):
        state.update(view[start : start + HASHED_AT_ONCE])
        if len(body) > HASHED_AT_ONCE:
            await asyncio.sleep(0)
    return state.digest()
