"""Lines of JSON with a checksum, by which torn or damaged ones are recognized."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_line(facts: Mapping[str, object]) -> bytes:
    """A line with *facts*: the CRC-32 of their JSON, a space, and the JSON."""
    text = json.dumps(facts, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def facts_of(line: bytes) -> dict[str, object]:
    """
    The facts in a line.

    Args:
        line: The line, without its line feed.

    Raises:
        ValueError: It is not as it was written.
    """
    crc, _, text = line.partition(b" ")
    if int(crc, 16) != zlib.crc32(text):
        raise ValueError("the checksum does not match")
    facts: dict[str, object] = json.loads(text)
    return facts
