"""`Predictor.session`, against the local endpoint's sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from predictor.models import Chat
from support import ScriptedHTTPClient, answer, client

from sagemaker_runtime import (
    Client,
    ConfigError,
    Encoded,
    EncodeError,
    JSONCodec,
    ModelError,
    Predictor,
    SessionError,
    ValidationError,
)
from sagemaker_runtime.local import LocalEndpoint, Reset, Sessions

JSON = JSONCodec()


@asynccontextmanager
async def chatting() -> AsyncIterator[tuple[Chat, LocalEndpoint, Predictor[object, object]]]:
    chat = Chat()
    async with LocalEndpoint({"chat": Sessions(chat)}) as local, Client(local.options()) as made:
        yield chat, local, Predictor(made, "chat", codec=JSON, custom_attributes="tenant=acme")


async def test_a_session_is_opened_used_and_closed() -> None:
    """Calls in it are of one session; after it, there is none."""
    async with chatting() as (chat, local, predictor):
        async with predictor.session() as session:
            await session.predict("I am Alice")

            assert ["I am Alice", "Who am I?"] == await session.predict("Who am I?")
            assert [session.session_id] == list(chat.said)
            assert "tenant=acme" == session.members.get("custom_attributes")

        assert {} == chat.said
        assert predictor.session_id is None
        with pytest.raises(ValidationError, match="does not exist"):
            await session.predict("Who am I?")
    assert [b'{"requestType":"NEW_SESSION"}', b'{"requestType":"CLOSE"}'] == [chat.bodies[0], chat.bodies[-1]]
    assert ["tenant=acme"] * 4 == [
        each.headers["X-Amzn-SageMaker-Custom-Attributes"] for each in local.journal.of("chat")
    ][:4]


async def test_a_stream_can_be_of_a_session() -> None:
    """An LLM that keeps its cache is what sessions are for."""
    async with chatting() as (_, _, predictor), predictor.session() as session:
        assert '["hello"]' == "".join([piece async for piece in session.stream("hello")])


async def test_sessions_are_independent() -> None:
    """Of one predictor, at once."""

    async def talk(name: str) -> object:
        async with predictor.session() as session:
            await session.predict(name)
            return await session.predict("?")

    async with chatting() as (chat, _, predictor):
        assert [["a", "?"], ["b", "?"]] == await asyncio.gather(talk("a"), talk("b"))
        assert {} == chat.said


async def test_both_bodies_can_be_set() -> None:
    """A container of one's own has its own words."""
    http = ScriptedHTTPClient([answer(x_amzn_sagemaker_new_session_id="s1; Expires=2026-01-01T00:00:00Z"), answer()])
    async with client(http) as calls:
        predictor = Predictor(calls, "chat", codec=JSON, accept="text/x", content_type="text/y", target_variant="blue")
        async with predictor.session(
            open_body=Encoded(b"<open/>", "text/xml"), close_body=b'{"bye": 1}', inference_id="mine"
        ) as session:
            assert "s1" == session.session_id

    opening, closing = http.requests
    assert (b"<open/>", "text/xml", "NEW_SESSION") == (
        opening.body,
        opening.headers["Content-Type"],
        opening.headers["X-Amzn-SageMaker-Session-Id"],
    )
    assert (b'{"bye": 1}', "application/json", "s1") == (
        closing.body,
        closing.headers["Content-Type"],
        closing.headers["X-Amzn-SageMaker-Session-Id"],
    )
    for request in (opening, closing):
        assert "Accept" not in request.headers
        assert ("blue", "mine") == (
            request.headers["X-Amzn-SageMaker-Target-Variant"],
            request.headers["X-Amzn-SageMaker-Inference-Id"],
        )


@pytest.mark.parametrize(
    ("bodies", "error", "problem"),
    [
        ({"open_body": '{"a": 1}'}, ConfigError, "a body of a session is of type str; it takes a dict, bytes of JSON"),
        ({"close_body": [1]}, ConfigError, "a body of a session is of type list"),
        ({"close_body": {"a": {1}}}, EncodeError, r'\["a"\] is of type set'),
    ],
)
async def test_a_body_that_cannot_be_sent_is_refused_before_the_session_is_opened(
    bodies: dict[str, Any], error: type[Exception], problem: str
) -> None:
    """Or one that cannot be closed would be open."""
    http = ScriptedHTTPClient()
    async with client(http) as calls:
        predictor = Predictor(calls, "chat", codec=JSON)
        with pytest.raises(error, match=problem):
            predictor.session(**bodies)

    assert [] == http.requests


async def test_an_answer_without_a_session_is_an_error_that_says_so() -> None:
    """Most containers know no sessions, and answer the opening body as any other."""
    http = ScriptedHTTPClient([answer(body=b"[0.5]", x_amzn_requestid="id-7")])
    async with client(http) as calls:
        with pytest.raises(SessionError, match=r"without a session id.*request id id-7"):
            async with Predictor(calls, "iris", codec=JSON).session():
                pytest.fail("there is no session")

    assert 1 == len(http.requests)


async def test_it_is_closed_when_what_is_in_it_fails() -> None:
    """Or the container keeps it until it expires."""
    async with chatting() as (chat, _, predictor):
        with pytest.raises(LookupError):
            async with predictor.session():
                raise LookupError
        assert {} == chat.said


async def test_it_is_closed_when_the_task_is_cancelled() -> None:
    """A user who leaves is the commonest end of a chat."""
    async with chatting() as (chat, _, predictor):
        inside = asyncio.Event()

        async def talk() -> None:
            async with predictor.session():
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(talk())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert {} == chat.said


async def test_a_failure_to_close_is_an_error_and_never_hides_another() -> None:
    """It becomes a note on the first one."""
    async with chatting() as (chat, _, predictor):
        chat.fail_to_close = True
        with pytest.raises(ModelError):
            async with predictor.session():
                pass
        with pytest.raises(LookupError) as caught:
            async with predictor.session():
                raise LookupError
        assert ["the session could not be closed: ModelError: ModelError:"] == [
            note[:56] for note in caught.value.__notes__
        ]


async def test_a_lost_connection_when_it_closes_is_retried() -> None:
    """It is a call as any other."""
    async with chatting() as (chat, local, predictor):
        local.inject("chat", Reset(), call=2)
        async with predictor.session():
            pass

        assert ({}, 3) == (chat.said, local.calls("chat"))
        assert {"requestType": "CLOSE"} == json.loads(chat.bodies[-1])
