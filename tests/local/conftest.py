"""An endpoint that answers with what it was asked."""

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
