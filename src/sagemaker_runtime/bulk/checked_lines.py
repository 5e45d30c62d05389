"""Lines of JSON with a checksum: what is torn or damaged is told from what was written."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_line(facts: Mapping[str, object]) -> bytes:
    """A line with *facts*: the CRC-32 of their JSON, a blank and the JSON."""
    text = json.dumps(facts, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def facts_of(line: bytes) -> dict[str, object]:
    """
    What a line says.

    Args:
        line: Without its end.

    Raises:
        ValueError: It is not as it was written.
    """
    crc, _, text = line.partition(b" ")
    if int(crc, 16) != zlib.crc32(text):
        raise ValueError("the checksum is another one")
    facts: dict[str, object] = json.loads(text)
    return facts
