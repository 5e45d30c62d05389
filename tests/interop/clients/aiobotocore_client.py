"""Makes calls with aiobotocore, which knows nothing of this package."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from telling import SETTINGS, calls, tell


async def main() -> None:
    clients: dict[str, Any] = {}
    async with AsyncExitStack() as opened:
        for service, operation, members in calls():
            if service not in clients:
                clients[service] = await opened.enter_async_context(get_session().create_client(service, **SETTINGS))
            response: dict[str, Any] = {}
            body: list[bytes] = []
            error: ClientError | None = None
            try:
                response = await getattr(clients[service], operation)(**members)
                content = response.pop("Body", None)
                if operation.endswith("_stream"):
                    async for event in content:
                        body.append(event["PayloadPart"]["Bytes"])  # noqa: PERF401 - those before a failure count
                elif content is not None:
                    async with content as stream:
                        body.append(await stream.read())
            except ClientError as failed:
                error = failed
            tell(response, body, error)


asyncio.run(main())
