"""An endpoint that echoes the body of the request."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sagemaker_runtime.local import Invocation, LocalEndpoint


def echo(invocation: Invocation) -> bytes:
    return invocation.body


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"echo": echo}) as endpoint:
        yield endpoint
