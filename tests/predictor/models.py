"""Endpoints for the tests of the predictors: what stands for the container."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from sagemaker_runtime.local import Answer, Invocation


def echo(invocation: Invocation) -> Answer:
    """Its input, with what it was told in the custom attributes."""
    told = (
        f"{invocation.content_type} -> {invocation.accept}; {invocation.custom_attributes}; {invocation.target_variant}"
    )
    return Answer(body=invocation.body, content_type=invocation.content_type or "text/plain", custom_attributes=told)


async def lines(invocation: Invocation) -> AsyncIterator[bytes]:
    """A document on each line, cut anywhere."""
    for number in range(int(invocation.body)):
        yield b'{"num'
        yield b'ber": %d}\n' % number


async def events(invocation: Invocation) -> AsyncIterator[bytes]:
    """Server-sent events."""
    for word in json.loads(invocation.body).split():
        yield f"data: {word}\n".encode()
        yield b"\n"


class Chat:
    """Keeps what was said in each session."""

    def __init__(self) -> None:
        self.said: dict[str, list[Any]] = {}
        self.bodies: list[bytes] = []
        self.fail_to_close = False

    def __call__(self, invocation: Invocation) -> Answer:
        body = json.loads(invocation.body)
        self.bodies.append(invocation.body)
        session = invocation.session_id or ""
        if invocation.new_session:
            self.said[session] = []
        elif isinstance(body, dict) and body.get("requestType") == "CLOSE":
            if self.fail_to_close:
                raise RuntimeError("the disk is full")
            del self.said[session]
            return Answer(body=b"{}", closed_session_id=session)
        else:
            self.said[session].append(body)
        return Answer(body=json.dumps(self.said[session]).encode(), content_type="application/json")
