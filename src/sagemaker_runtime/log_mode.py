"""What of a call is logged."""

from __future__ import annotations

import enum


class ClientLogMode(enum.Flag):
    """
    What of a call is logged, at DEBUG level: ``ClientLogMode.RETRIES | ClientLogMode.REQUEST``. Zero is nothing.

    Credentials, signatures and what the API model calls sensitive are redacted. Bodies are sensitive too, and are
    logged only under the two flags that say so.
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
