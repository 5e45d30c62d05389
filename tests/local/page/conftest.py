"""A local endpoint with a page, and a viewer of that page."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from local.page.models import Story, echo
from local.page.viewer import Viewer, viewing

from sagemaker_runtime.local import LocalEndpoint


@pytest.fixture
async def story() -> Story:
    return Story()


@pytest.fixture
async def local(story: Story) -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"echo": echo, "story": story}, page=True) as endpoint:
        yield endpoint


@pytest.fixture
async def viewer(local: LocalEndpoint) -> AsyncIterator[Viewer]:
    async with viewing(local) as viewer:
        yield viewer
