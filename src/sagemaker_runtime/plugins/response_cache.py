"""A cache of responses: a repeated request to the same model gets its response from memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from attrs import evolve

from sagemaker_runtime import BEFORE, Key, Metadata, OperationOutput, Output
from sagemaker_runtime.context import CLOCK, PAYLOAD_HASH

if TYPE_CHECKING:
    from sagemaker_runtime import Context, FinalizeHandler, FinalizeInput, Request, Stack

__all__ = ["CACHE_AGE", "ResponseCache"]

CACHE_AGE = Key[float]("cache age")
"""Seconds since the model responded. Metadata, set by `ResponseCache` on responses from memory only."""

PREFIX = "x-amzn-sagemaker-"
SESSION = PREFIX + "session-id"
# These name and route a call; the response is the same.
IRRELEVANT = {PREFIX + "inference-id", PREFIX + "prefix-aware-id"}
BESIDE_BODY = 1_024  # bytes of an entry beside its body, about; without it, empty bodies would cost nothing
HASH_LENGTH = 64  # of SHA-256 in hex; PAYLOAD_HASH may be UNSIGNED-PAYLOAD too

_CacheKey: TypeAlias = tuple[str, str, frozenset[tuple[str, str]]]


class _Entry(NamedTuple):
    result: OperationOutput
    made: float


class ResponseCache:
    """
    Return responses from memory for requests with the same URL, body, content type, accept and SageMaker headers.

    For deterministic models, and repeatable operations only, so InvokeEndpoint. Errors, responses within a session, and
    outputs that a middleware made in the model's stead are not kept. Stands at the front of Finalize, so a call served
    from memory is neither signed nor sent. The key includes the hash that the signature uses, so without
    ``ComputePayloadHash`` it does nothing. Concurrent identical calls all reach the model. One object may serve several
    clients of one AWS account, because URLs do not name the account.

    Args:
        ttl: Seconds for which a response is kept.

        max_bytes: The size of the bodies kept, plus 1,024 for each; the least recently used go first.
    """

    id = "ResponseCache"

    def __init__(self, *, ttl: float, max_bytes: int = 67_108_864) -> None:
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_CacheKey, _Entry] = OrderedDict()
        self._bytes = 0

    def __call__(self, stack: Stack) -> None:
        if stack.operation.repeatable:
            stack.finalize.add(self, BEFORE)

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        clock = ctx[CLOCK]
        key = _key_of(step.request, ctx.get(PAYLOAD_HASH, ""))
        if key is None:
            return await next(ctx, step)
        entry = self._entries.get(key)
        if entry is not None:
            age = clock.monotonic() - entry.made
            if 0 <= age < self._ttl:  # below 0, another client's clock was used
                self._entries.move_to_end(key)
                metadata = Metadata()
                metadata[CACHE_AGE] = age
                return Output(evolve(entry.result, result_metadata=metadata), metadata)
        output = await next(ctx, step)
        if isinstance(output.result, OperationOutput) and output.raw_response is not None:
            result = evolve(output.result, result_metadata=Metadata())  # the live response is not kept
            self._keep(key, _Entry(result, clock.monotonic()))
        return output

    def _keep(self, key: _CacheKey, entry: _Entry) -> None:
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


def _size(entry: _Entry) -> int:
    body: object = getattr(entry.result, "body", b"")
    return BESIDE_BODY + (len(body) if isinstance(body, bytes) else 0)


def _key_of(request: Request, payload_hash: str) -> _CacheKey | None:
    """What the response depends on; None if it depends on more than can be compared."""
    if SESSION in request.headers or len(payload_hash) != HASH_LENGTH:
        return None
    facts = (
        (name, value)
        for name, value in request.headers.items()
        if name in ("content-type", "accept") or (name.startswith(PREFIX) and name not in IRRELEVANT)
    )
    return request.url, payload_hash, frozenset(facts)
