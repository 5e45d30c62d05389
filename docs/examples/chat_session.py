"""
A session: all its calls reach the same instance, which can remember the conversation.

The container must support sessions. Here, the local endpoint does so for any function.
"""

from __future__ import annotations

import asyncio
import json

from sagemaker_runtime import Client, JSONCodec, Predictor
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Sessions

kept: dict[str, list[str]] = {}


def chat(invocation: Invocation) -> Answer:
    """Stands in for the model. Sessions open and close by calls, too."""
    session = invocation.session_id or ""
    said = json.loads(invocation.body)
    if said == {"requestType": "CLOSE"}:
        del kept[session]
        return Answer(body=b"{}", closed_session_id=session)
    kept.setdefault(session, [])
    if not invocation.new_session:
        kept[session].append(said)
    return Answer(body=json.dumps(f"You said {', '.join(kept[session])}").encode())


async def main() -> None:
    async with (
        LocalEndpoint({"chat": Sessions(chat)}) as local,
        Client(local.options()) as client,
    ):
        predictor = Predictor(client, "chat", codec=JSONCodec(type=str))
        async with predictor.session() as session:
            print(await session.predict("hello"))
            print(await session.predict("goodbye"))
        print(len(kept), "sessions open")


if __name__ == "__main__":
    asyncio.run(main())
