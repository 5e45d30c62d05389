"""`read_body`: what a request brings, as long as it is not too much, nor too long in coming."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

BODY_TIMEOUT = 60.0  # seconds for a whole body; aiohttp waits without end for the rest of one with a broken chunk


async def read_body(
    request: web.Request, most: int, *, too_large: Callable[[], Exception], cut: Callable[[], Exception]
) -> bytes:
    """
    The whole body. aiohttp's own limit would answer in aiohttp's words.

    Args:
        request: Whose.

        most: Bytes.

        too_large: Makes what is raised for more.

        cut: Makes what is raised for a body that does not come to its end.
    """
    if (request.content_length or 0) > most:
        raise too_large()
    content = request.content
    if content.is_eof() and content.exception() is None:  # a short one, which came with its head: no wait to be limited
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
    except (
        TimeoutError,
        web.RequestPayloadError,
    ):  # the latter is of aiohttp's parser in Python, for want of that in C
        raise cut() from None
    return bytes(body)
