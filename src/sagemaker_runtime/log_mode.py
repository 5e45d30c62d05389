"""What of a call is logged."""

from __future__ import annotations

import enum


class ClientLogMode(enum.Flag):
    """
    What of a call is logged, at DEBUG level: ``ClientLogMode.RETRIES | ClientLogMode.REQUEST``. Zero is nothing.

    Credentials, signatures and what the API model calls sensitive are redacted. Bodies are sensitive too, and are
    logged only under the two flags that say so.

    A record has the facts as attributes too, for loggers that write JSON: ``aws_operation`` and ``aws_attempt`` (1 for the
    first) always; ``http_method`` and ``http_url`` of a request; ``http_status`` and ``aws_request_id`` of a response;
    ``aws_error_code``, ``http_status`` and ``aws_retry_delay`` (seconds; None for the last attempt) of a failed attempt;
    ``aws_event_type`` and ``aws_event_bytes`` of a message. Each is None where it is not known.
    """

    SIGNING = enum.auto()
    """The canonical request of each signature."""

    RETRIES = enum.auto()
    """Each failed attempt, and what follows from it."""

    REQUEST = enum.auto()
    """The request of each attempt, without its body."""

    REQUEST_WITH_BODY = enum.auto()
    """The same, with its body."""

    RESPONSE = enum.auto()
    """The head of each response."""

    RESPONSE_WITH_BODY = enum.auto()
    """The same, with its body; the body of a stream is left alone."""

    DEPRECATED_USAGE = enum.auto()
    """The use of what a later release removes. Nothing is deprecated now."""

    REQUEST_EVENT_MESSAGE = enum.auto()
    """Each message sent in a stream. No operation sends any now."""

    RESPONSE_EVENT_MESSAGE = enum.auto()
    """Each message received in a stream: its headers, and the length of its payload."""
