"""What is marked as `twice` meets the asynchronous client and the one without ``await``."""

from __future__ import annotations

import both_clients
import pytest

import sagemaker_runtime
from sagemaker_runtime import Options


@pytest.mark.twice
async def test_each_run_has_a_client_of_its_own_kind(client_kind: str) -> None:
    """Or the same client would be tested twice, and nobody would notice."""
    async with both_clients.Client(Options(region="us-east-1")) as client:
        assert {"async": sagemaker_runtime.Client, "sync": both_clients.SyncInThreads}[client_kind] is type(client)


async def test_what_runs_once_has_the_asynchronous_client() -> None:
    """Whichever test ran before."""
    assert not both_clients.SYNC
