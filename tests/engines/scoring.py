"""What the workers of a cluster import: a client over a bad network, and a body whose work costs time of a CPU."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence

from attrs import frozen

from sagemaker_runtime import Client, StandardRetryer, load_config, override
from sagemaker_runtime.bulk import Format, PatientRetryer
from sagemaker_runtime.predictor import Encoded


async def client() -> Client:
    """One that tries again at once, and what broke off too: the time of a test is better spent on other moments."""
    policy = StandardRetryer(max_attempts=1_000, retry_read_timeouts=True)
    retryer = PatientRetryer(policy, draw=lambda: 0.0)
    return Client.from_config(await load_config(endpoint_url=os.environ["ENGINES_URL"]), override(retryer=retryer))


@frozen
class Pixels:
    """Sends the brightness of an image, which is decoded and reduced here, as a service that takes tensors has its clients do."""

    max_rows = 1
    max_bytes = 2**20
    accept = None

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        from PIL import Image

        with Image.open(io.BytesIO(records[0])) as image:
            reduced = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
        return Encoded(json.dumps(list(reduced.tobytes())).encode(), "application/json")

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        return [body]
