"""Build: once per call, the parts of the request that all attempts share."""

from __future__ import annotations

import asyncio
import itertools
import os
from hashlib import sha256
from typing import TYPE_CHECKING

from sagemaker_runtime.bodies import as_bytes
from sagemaker_runtime.context import PAYLOAD_HASH, Key
from sagemaker_runtime.retry import RETRYER, StandardRetryer
from sagemaker_runtime.user_agent import RETRY_MODE_FEATURES, user_agent
from sagemaker_runtime.version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import BuildHandler, BuildInput, Output

_OWN_HASH = Key[str]("payload hash, computed")
"""The `PAYLOAD_HASH` set by ComputePayloadHash, to tell it from a hash that somebody else has set."""

HASHED_AT_ONCE = 262_144  # bytes; takes 0.2 to 0.5 ms of the event loop, while a thread would stall it for longer


def _new_ids() -> Callable[[], str]:
    """
    A function that returns version 4 UUIDs, as names of calls, not as secrets.

    74 random bits are drawn once for all of its UUIDs; the last twelve digits count up from a random start, in decimal
    because that is faster to format. So no two are equal, also across clients and processes. `uuid.uuid4` would take
    2.1 µs, most of it for a system call and an object.
    """
    drawn = os.urandom(15)
    digits = drawn[:8].hex()
    variant = 0x8000 | int.from_bytes(drawn[8:10]) >> 2  # and version 4: RFC 9562, section 5.4
    prefix = f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-{variant:04x}-"
    start = 10**11 + int.from_bytes(drawn[10:]) % (8 * 10**11)  # 10**11 calls before a 13th digit
    next_number = itertools.count(start).__next__
    return lambda: f"{prefix}{next_number()}"


class ClientRequestID:
    """Send an id of the call, the same for all its attempts, so that the service can recognise a retry."""

    id = "ClientRequestID"

    def __init__(self, new_id: Callable[[], str] | None = None) -> None:
        self.new_id = _new_ids() if new_id is None else new_id

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        step.request.headers.raw["amz-sdk-invocation-id"] = self.new_id()
        return next(ctx, step)


class ComputeContentLength:
    """Set ``Content-Length``."""

    id = "ComputeContentLength"

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        request = step.request
        if type(request.body) is not bytes:
            request.body = as_bytes(request.body)  # set by a middleware
        request.headers.raw["content-length"] = str(len(request.body))
        return next(ctx, step)


class ComputePayloadHash:
    """Hash the body for the signature, once for all attempts, without blocking the event loop."""

    id = "ComputePayloadHash"

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        known = ctx.get(PAYLOAD_HASH)
        if type(step.request.body) is not bytes:
            step.request.body = as_bytes(step.request.body)
        if known is None or known is ctx.get(_OWN_HASH):  # set by an earlier pass, perhaps for another body
            if len(step.request.body) > HASHED_AT_ONCE:
                return self._hash_in_slices(ctx, step, next)
            ctx[PAYLOAD_HASH] = ctx[_OWN_HASH] = sha256(step.request.body).hexdigest()
        return next(ctx, step)

    @staticmethod
    async def _hash_in_slices(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[PAYLOAD_HASH] = ctx[_OWN_HASH] = await payload_hash(step.request.body)
        return await next(ctx, step)


async def payload_hash(body: bytes) -> str:
    """SHA-256 of a body in hex; yields to the event loop after each slice."""
    state, view = sha256(), memoryview(body)
    for start in range(0, len(body), HASHED_AT_ONCE):
        state.update(view[start : start + HASHED_AT_ONCE])
        await asyncio.sleep(0)
    return state.hexdigest()


class UserAgent:
    """Set ``User-Agent``, with the retry mode. A value set by an outer middleware is kept, after ours."""

    id = "UserAgent"

    def __init__(self, *, app_id: str | None = None) -> None:
        self.value = user_agent(__version__, app_id=app_id, features=())
        self.by_retry_mode = {
            mode: user_agent(__version__, app_id=app_id, features=(feature,))
            for mode, feature in RETRY_MODE_FEATURES.items()
        }

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        headers, retryer = step.request.headers.raw, ctx.get(RETRYER)
        value = self.by_retry_mode[retryer.mode] if isinstance(retryer, StandardRetryer) else self.value
        before = headers.get("user-agent")
        headers["user-agent"] = value if before is None else f"{value} {before}"
        return next(ctx, step)


class RecursionDetection:
    """Inside Lambda, pass on the trace id, so that AWS can stop functions that call each other in a loop."""

    id = "RecursionDetection"

    def __init__(self, *, in_lambda: bool) -> None:
        self.in_lambda = in_lambda

    @property
    def has_nothing_to_do(self) -> bool:
        """Whether `Step.compile` leaves it out of the handler."""
        return not self.in_lambda

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        if self.in_lambda:
            trace_id = os.environ.get("_X_AMZN_TRACE_ID")  # differs for each invocation of the function
            if trace_id and "x-amzn-trace-id" not in step.request.headers:
                step.request.headers["x-amzn-trace-id"] = printable(trace_id)
        return next(ctx, step)


_PRINTABLE = range(0x20, 0x7F)  # bytes; ASCII's printable characters


def printable(text: str) -> str:
    """*text* with all but ASCII's printable characters percent-encoded."""
    raw = text.encode(errors="surrogateescape")  # os.environ keeps bytes that are not UTF-8 this way
    return "".join(chr(byte) if byte in _PRINTABLE else f"%{byte:02X}" for byte in raw)
