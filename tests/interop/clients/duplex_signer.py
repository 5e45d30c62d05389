"""
Signs chains of random events with AWS's own signer, which knows nothing of this package.

Arguments: how many chains, and the seed of what is random. Each line of standard output is a chain.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

from aws_sdk_signers import AsyncEventSigner, AWSCredentialIdentity, SigV4SigningProperties
from smithy_aws_event_stream.events import EventHeaderEncoder, EventMessage


async def main(count: int, seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(count):
        secret = "".join(choose.choices("abcXYZ019/+=", k=choose.randint(1, 60)))
        region = choose.choice(["us-east-1", "eu-central-1", "us-gov-west-1", "x"])
        prior = choose.randbytes(32).hex()
        identity = AWSCredentialIdentity(access_key_id="AKID", secret_access_key=secret)
        properties = SigV4SigningProperties(region=region, service="sagemaker")
        signer = AsyncEventSigner(initial_signature=prior.encode(), event_encoder_cls=EventHeaderEncoder)
        frames: list[str] = []
        events: list[str] = []
        for _ in range(choose.randint(0, 3)):
            headers = {":message-type": "event", ":event-type": "PayloadPart"}
            event = EventMessage(headers=headers, payload=choose.randbytes(choose.choice([0, 1, 63, 64, 300])))
            events.append(event.encode().hex())
            signed = await signer.sign(event=event, identity=identity, properties=properties)
            frames.append(signed.encode().hex())
        events.append("")
        last = await signer.sign_empty(event=EventMessage(), identity=identity, properties=properties)
        frames.append(last.encode().hex())
        print(json.dumps([secret, region, prior, events, frames]))  # noqa: T201 - the test reads it


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
