"""`read_body`: the body of a request, within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

BODY_TIMEOUT = 60.0  # seconds for a whole body; after a broken chunk aiohttp waits forever for the rest


async def read_body(
    request: web.BaseRequest, most: int, *, too_large: Callable[[], Exception], cut: Callable[[], Exception]
) -> bytes:
    """
    The whole body. aiohttp's own limit is not used, because its response would not be the service's.

    Args:
        request: The request.

        most: The maximum size, in bytes.

        too_large: Makes the error for a larger body.

        cut: Makes the error for an incomplete body.

    Raises:
        Exception: What *too_large* or *cut* makes.
    """
    if (request.content_length or 0) > most:
        raise too_large()
    content = request.content
    if content.is_eof() and content.exception() is None:  # a short body that arrived with its head: no wait to limit
        whole = content.read_nowait()
        if len(whole) > most:
            raise too_large()
        return whole
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for piece in content.iter_any():
                body += piece
                if len(body) > most:
                    raise too_large()
    except (TimeoutError, web.RequestPayloadError):  # the latter is from aiohttp's Python parser, not from its C parser
        raise cut() from None
    return bytes(body)
