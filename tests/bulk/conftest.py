"""What runs need: a client of the local endpoint that a module has, and a file of records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bulk.doubling import numbers

from sagemaker_runtime import Client
from sagemaker_runtime.local import LocalEndpoint


@pytest.fixture
async def client(local: LocalEndpoint) -> AsyncIterator[Client]:
    async with Client(local.options()) as made:
        yield made


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of 300 numbers."""
    return numbers(tmp_path, 300)
