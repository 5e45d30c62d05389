"""What ``-v`` shows: the log of the call, redacted like every log, and a summary."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sagemaker_runtime import ATTEMPTS, RAW_RESPONSE, TIMING
from sagemaker_runtime.cli.terminal import note

if TYPE_CHECKING:
    from sagemaker_runtime import Metadata


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note("\n".join(f"* {line}" for line in record.getMessage().splitlines()))


def logger() -> logging.Logger:
    """A logger that writes each record to stderr, with control characters escaped."""
    found = logging.getLogger("sagemaker_runtime.cli")
    found.handlers[:] = [_ToStderr()]
    found.setLevel(logging.DEBUG)
    found.propagate = False
    return found


def facts(metadata: Metadata, **members: str | None) -> None:
    """
    Write a summary of a call. It contains no text of the peer, which may quote a secret; the log has that, redacted.

    Args:
        metadata: The metadata of the call's output.

        members: More facts, by name; those that are None are left out.
    """
    response, timing = metadata.get(RAW_RESPONSE), metadata.get(TIMING)
    attempts = metadata.get(ATTEMPTS) or ()
    parts = [
        "" if response is None else f"HTTP {response.status}",
        "" if timing is None else f"response after {(timing.received - timing.sent) * 1000:.0f} ms",
        f"{len(attempts)} attempt{'' if len(attempts) == 1 else 's'}" if attempts else "",
        *(f"{name} {value}" for name, value in members.items() if value is not None),
    ]
    note(f"* {', '.join(part for part in parts if part)}")
