"""What is logged about a call."""

from __future__ import annotations

import enum


class ClientLogMode(enum.Flag):
    """
    What is logged about a call, at level DEBUG: ``ClientLogMode.RETRIES | ClientLogMode.REQUEST``. 0 logs nothing.

    Credentials, signatures and members that the API model marks as sensitive are redacted. Bodies are sensitive too, and
    are logged only with the two flags ``…_WITH_BODY``.

    The facts of a record are also its attributes, for loggers that write JSON: ``aws_operation`` and ``aws_attempt`` (1 for
    the first) always; ``http_method`` and ``http_url`` of a request; ``http_status`` and ``aws_request_id`` of a response;
    ``aws_error_code``, ``http_status`` and ``aws_retry_delay`` (seconds; None for the last attempt) of a failed attempt;
    ``aws_event_type`` and ``aws_event_bytes`` of a message. Each is None if it is not known.
    """

    SIGNING = enum.auto()
    """The canonical request of each signature."""

    RETRIES = enum.auto()
    """Each failed attempt, and whether it is retried."""

    REQUEST = enum.auto()
    """The request of each attempt, without its body."""

    REQUEST_WITH_BODY = enum.auto()
    """The same, with its body."""

    RESPONSE = enum.auto()
    """The head of each response."""

    RESPONSE_WITH_BODY = enum.auto()
    """The same, with its body, except that of a stream."""

    DEPRECATED_USAGE = enum.auto()
    """The use of deprecated features. There are none now."""

    REQUEST_EVENT_MESSAGE = enum.auto()
    """Each message sent in a duplex call: its headers, and the length of its payload."""

    RESPONSE_EVENT_MESSAGE = enum.auto()
    """Each message received in a stream: its headers, and the length of its payload."""
