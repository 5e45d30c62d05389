"""What the page shows of an exchange: a row of its table, or all of it, without what is shown nowhere."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

from sagemaker_runtime.local.page.fault_forms import written
from sagemaker_runtime.redaction import REDACTED, SENSITIVE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.local.front.journal import ConversationEvent, Exchange

MAX_BODY = 262_144  # bytes of a body that are shown
MAX_PARTS = 200  # of an exchange, the last ones
MAX_PART = 2_048  # bytes of a part that are shown in the list
ENDS = {"end", "left", "reset", "cut", "RST_STREAM"}
_BODIES = {"body", "PayloadPart"}
_ATTEMPT = re.compile(r"attempt=(\d{1,6})(?:.*max=(\d{1,6}))?", re.DOTALL)


def end_of(exchange: Exchange) -> ConversationEvent | None:
    """The event that ended an exchange; None as long as it goes on."""
    last = exchange.events[-1] if exchange.events else None
    if last is None or last.name not in ENDS or (last.name == "end" and last.sender == "caller"):
        return None
    return last


def row_of(exchange: Exchange) -> dict[str, object]:
    """What the table shows."""
    end = end_of(exchange)
    response, sent = exchange.response, 0
    if response is not None:
        sent = response.size
    attempt = _ATTEMPT.search(exchange.headers.get("amz-sdk-request") or "")
    came = len(exchange.body) or sum(len(part.bytes) for part in exchange.parts)
    return {
        "number": exchange.number,
        "time": exchange.time,
        "method": exchange.method,
        "endpoint": exchange.endpoint_name,
        "operation": exchange.operation,
        "path": _path(exchange),
        "status": exchange.status,
        "error": exchange.error_code,
        "fault": None if exchange.fault is None else exchange.fault.name,
        "signed": exchange.signature_holds,
        "attempt": None if attempt is None else int(attempt[1]),
        "came": came,
        "sent": sent,
        "seconds": None if end is None else end.time - exchange.time,
        "end": None if end is None else end.name,
    }


def detail_of(exchange: Exchange, attempts: Iterable[Exchange]) -> dict[str, object]:
    """
    All that the page shows of one exchange.

    Args:
        exchange: The exchange.

        attempts: Those of the same call, itself among them.
    """
    response, invocation = exchange.response, exchange.invocation
    events = list(exchange.events)
    parts = [event for event in events if event.sender == "endpoint" and event.part is not None]
    body = b"".join(event.part.bytes for event in parts if event.name in _BODIES and event.part is not None)
    asked = exchange.body or b"".join(part.bytes for part in exchange.parts)
    return {
        "row": row_of(exchange),
        "connection": exchange.connection,
        "request_id": exchange.request_id,
        "invocation_id": exchange.invocation_id,
        "fault": None if exchange.fault is None else written(exchange.fault.fault),
        "variant": None if response is None else _header(response.headers.items(), "x-amzn-invoked-production-variant"),
        "model": None if invocation is None else invocation.target_model,
        "attempts": [[each.number, each.status, each.error_code] for each in attempts],
        "request": {"headers": _shown(exchange.headers.items()), **_body(asked, len(asked))},
        "response": None
        if response is None
        else {"headers": _shown(response.headers.items()), **_body(body, response.size)},
        "events": [_event(event, exchange.time) for event in events[-MAX_PARTS:]],
        "earlier": max(len(events) - MAX_PARTS, 0),
    }


def _shown(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, REDACTED if name.lower() in SENSITIVE_HEADERS else value) for name, value in headers]


def _header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    return next((value for each, value in headers if each.lower() == name), None)


def _path(exchange: Exchange) -> str:
    path, query, _ = exchange.target.partition("?")
    return f"{path}?{REDACTED}" if query else path  # it may hold a signature


def _body(body: bytes, size: int) -> dict[str, object]:
    return {"body": b64encode(body[:MAX_BODY]).decode(), "size": max(size, len(body))}


def _event(event: ConversationEvent, start: float) -> dict[str, object]:
    part = event.part
    shown: dict[str, object] = {"seconds": event.time - start, "sender": event.sender, "name": event.name}
    if part is not None:
        shown |= {
            "part": b64encode(part.bytes[:MAX_PART]).decode(),
            "size": len(part.bytes),
            "partial": part.partial,
        }
    return shown
