"""A cache of answers: the same question to the same model, asked again, is answered from memory."""

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
"""Seconds since the answer was made. Metadata, set by `ResponseCache` where it answered; missing where the model did."""

PREFIX = "x-amzn-sagemaker-"
SESSION = PREFIX + "session-id"
IRRELEVANT = {PREFIX + "inference-id", PREFIX + "prefix-aware-id"}  # they name and route a call, and change no answer
BESIDE_BODY = 1_024  # bytes, about; or empty answers would cost nothing
HASH_LENGTH = 64  # of SHA-256 in hex; PAYLOAD_HASH may be UNSIGNED-PAYLOAD too

_Question: TypeAlias = tuple[str, str, frozenset[tuple[str, str]]]


class _Entry(NamedTuple):
    result: OperationOutput
    made: float


class ResponseCache:
    """
    Answer an operation that may be repeated, so InvokeEndpoint, from memory where URL, body, content type, accept and what the service's headers say are the same.

    For models that always answer alike. Errors, calls of a session, and what a middleware has answered in the model's
    stead are not kept. Stands at the front of Finalize, so a call that is answered here is neither signed nor sent, and its
    hash is the one the signature takes; without ``ComputePayloadHash`` it does nothing. Calls at the same time all ask the
    model. One object may serve several clients of one AWS account, as the account is in no URL.

    Args:
        ttl: Seconds that an answer is good for.

        max_bytes: Of the bodies kept, and 1,024 beside each; those unused for longest go first.
    """

    id = "ResponseCache"

    def __init__(self, *, ttl: float, max_bytes: int = 67_108_864) -> None:
        self._ttl = ttl
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Question, _Entry] = OrderedDict()
        self._bytes = 0

    def __call__(self, stack: Stack) -> None:
        if stack.operation.repeatable:
            stack.finalize.add(self, BEFORE)

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        clock = ctx[CLOCK]
        question = _question(step.request, ctx.get(PAYLOAD_HASH, ""))
        if question is None:
            return await next(ctx, step)
        entry = self._entries.get(question)
        if entry is not None:
            age = clock.monotonic() - entry.made
            if 0 <= age < self._ttl:  # below 0 it was made by another clock
                self._entries.move_to_end(question)
                metadata = Metadata()
                metadata[CACHE_AGE] = age
                return Output(evolve(entry.result, result_metadata=metadata), metadata)
        output = await next(ctx, step)
        if isinstance(output.result, OperationOutput) and output.raw_response is not None:
            result = evolve(output.result, result_metadata=Metadata())  # the live response is not kept
            self._keep(question, _Entry(result, clock.monotonic()))
        return output

    def _keep(self, question: _Question, entry: _Entry) -> None:
        before = self._entries.pop(question, None)
        if before is not None:
            self._bytes -= _size(before)
        if _size(entry) > self._max_bytes:
            return  # or all others would go for its sake
        self._entries[question] = entry
        self._bytes += _size(entry)
        while self._bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(entry: _Entry) -> int:
    body: object = getattr(entry.result, "body", b"")
    return BESIDE_BODY + (len(body) if isinstance(body, bytes) else 0)


def _question(request: Request, payload_hash: str) -> _Question | None:
    """What the answer depends on; None where it depends on more."""
    if SESSION in request.headers or len(payload_hash) != HASH_LENGTH:
        return None
    facts = (
        (name, value)
        for name, value in request.headers.items()
        if name in ("content-type", "accept") or (name.startswith(PREFIX) and name not in IRRELEVANT)
    )
    return request.url, payload_hash, frozenset(facts)
