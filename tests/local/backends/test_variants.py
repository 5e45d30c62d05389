"""Production variants, by weight and by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from both_clients import Client

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    PayloadPart,
    ValidationError,
    override,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, Sessions, Variants

pytestmark = pytest.mark.twice

ONCE = override(retryer=NopRetryer())


async def model(invocation: Invocation) -> bytes:
    return invocation.body


def ask(**members: str) -> InvokeEndpointInput:
    return InvokeEndpointInput(endpoint_name="it", body=b"body", **members)


async def answered_by(variants: Variants, calls: int) -> list[str | None]:
    async with LocalEndpoint({"it": variants}) as local, Client(local.options(), ONCE) as client:
        outputs = [await client.invoke_endpoint(ask()) for _ in range(calls)]
    return [output.invoked_production_variant for output in outputs]


async def test_the_weights_share_the_requests_out() -> None:
    """Nine to one is how a new model is tried out; one of weight 0 gets nothing by itself."""
    answered = Counter(
        await answered_by(Variants({"blue": (model, 9.0), "green": (model, 1), "off": (model, 0)}), calls=200)
    )

    assert {"blue", "green"} == set(answered)
    assert 8 <= answered["green"] <= 32  # three standard deviations around 20


async def test_the_same_seed_gives_the_same_order() -> None:
    """A test that fails must fail again; another seed is another draw."""
    orders = [
        await answered_by(Variants({"blue": (model, 1.0), "green": (model, 1.0)}, seed=seed), calls=40)
        for seed in (1, 1, 2)
    ]

    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


async def test_a_request_can_name_its_variant() -> None:
    """So a variant is tried out before it gets any weight, streaming or not."""

    async def green(invocation: Invocation) -> AsyncIterator[bytes]:
        yield invocation.endpoint_name.encode()

    variants = Variants({"blue": (model, 1.0), "green": (green, 0.0)})

    async with LocalEndpoint({"it": variants}) as local, Client(local.options(), ONCE) as client:
        output = await client.invoke_endpoint(ask(target_variant="green"))
        streamed = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"", target_variant="green")
        )
        async with streamed.body as stream:
            events = [event async for event in stream]

    assert (b"it", "green") == (output.body, output.invoked_production_variant)
    assert ([PayloadPart(bytes=b"it")], "green") == (events, streamed.invoked_production_variant)


async def test_a_variant_that_does_not_exist_is_a_validation_error() -> None:
    """The platform refuses it by itself; no model is asked in its place."""
    async with (
        LocalEndpoint({"it": Variants({"blue": (model, 1.0)})}) as local,
        Client(local.options(), ONCE) as client,
    ):
        with pytest.raises(ValidationError, match="Production variant red of endpoint it not found") as raised:
            await client.invoke_endpoint(ask(target_variant="red"))

    assert 400 == raised.value.status


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ({}, "there is no model for targetVariant to name"),
        ({"a variant": (model, 1.0)}, "no request can name 'a variant': .* pattern"),
        ({"blue": (model, -1.0)}, "each must be a number, 0 or more"),
        ({"blue": (model, float("nan"))}, "each must be a number, 0 or more"),
        ({"blue": (model, 0.0)}, "all weights are 0"),
    ],
)
def test_variants_that_cannot_work_are_refused(variants: dict[str, tuple[object, float]], words: str) -> None:
    """Found out at some call, it would look like the service's fault."""
    with pytest.raises(ConfigError, match=words):
        Variants(variants)  # type: ignore[arg-type]


class Recorded:
    """A backend that notes what is asked of it."""

    def __init__(self, name: str, log: list[str], *, fails: bool = False) -> None:
        self.name = name
        self.log = log
        self.fails = fails

    async def start(self) -> None:
        self.log.append(f"start {self.name}")
        if self.fails:
            raise ConfigError("no such container")

    async def stop(self) -> None:
        self.log.append(f"stop {self.name}")

    async def invoke(self, invocation: Invocation) -> Answer:
        return Answer(body=self.name.encode())


async def test_variants_are_started_and_stopped_with_their_endpoint() -> None:
    """A container that nobody started would not have been waited for, and one that nobody stops leaks its connections."""
    log: list[str] = []
    local = LocalEndpoint({"it": Variants({name: (Recorded(name, log), 1.0) for name in ("a", "b")})})

    for _ in range(2):
        async with local, Client(local.options(), ONCE) as client:
            log.append((await client.invoke_endpoint(ask(target_variant="b"))).body.decode())

    assert ["start a", "start b", "b", "stop b", "stop a"] * 2 == log


async def test_a_variant_that_cannot_start_stops_those_before_it() -> None:
    """The endpoint does not run then, so nobody would stop them later."""
    log: list[str] = []
    variants = {"a": (Recorded("a", log), 1.0), "b": (Recorded("b", log, fails=True), 1.0)}

    with pytest.raises(ConfigError, match="no such container"):
        await LocalEndpoint({"it": Variants(variants)}).start()

    assert ["start a", "start b", "stop a"] == log


def opening(name: str) -> Sessions:
    """A variant with sessions."""
    return Sessions(lambda _: name.encode())


async def closing(invocation: Invocation) -> Answer:
    return Answer(body=b"", closed_session_id=invocation.session_id if invocation.body == b"close" else None)


async def own(invocation: Invocation) -> Answer:
    """A model that makes the ids of its sessions itself."""
    return Answer(body=b"", new_session_id=f"own-{invocation.session_id}" if invocation.new_session else None)


@pytest.mark.parametrize(
    "backend",
    [
        Sessions(Variants({"blue": (model, 1.0), "green": (model, 1.0)})),
        Sessions(Variants({"blue": (own, 1.0), "green": (own, 1.0)})),
        Variants({"blue": (opening("blue"), 1.0), "green": (opening("green"), 1.0)}),
    ],
    ids=["inside", "inside, with ids of the model", "around"],
)
async def test_all_requests_of_a_session_go_to_one_variant(backend: Sessions | Variants) -> None:
    """The state of a session is in one place; another variant would not know it."""
    async with LocalEndpoint({"it": backend}) as local, Client(local.options(), ONCE) as client:
        answered: list[set[str | None]] = []
        for _ in range(10):
            output = await client.invoke_endpoint(ask(session_id="NEW_SESSION"))
            session_id = (output.new_session_id or "").partition(";")[0]
            outputs = [await client.invoke_endpoint(ask(session_id=session_id)) for _ in range(5)]
            answered.append({each.invoked_production_variant for each in (output, *outputs)})

    assert {1} == {len(names) for names in answered}
    assert {"blue", "green"} == set[str | None]().union(*answered)


async def test_an_empty_session_ties_nobody_to_a_variant() -> None:
    """A request without a session would be in it."""

    async def nameless(invocation: Invocation) -> Answer:
        return Answer(body=b"", new_session_id="; Expires=2099-01-01T00:00:00Z")

    answered = await answered_by(Variants({"blue": (nameless, 1.0), "green": (model, 1.0)}), calls=40)

    assert {"blue", "green"} == set(answered[answered.index("blue") + 1 :])


async def test_a_request_for_a_new_session_is_drawn_like_any_other() -> None:
    """Without sessions around, all of them bear the same ``NEW_SESSION``, which is nobody's id."""
    variants = Variants({"blue": (model, 1.0), "green": (model, 1.0)})

    async with LocalEndpoint({"it": variants}) as local, Client(local.options(), ONCE) as client:
        outputs = [await client.invoke_endpoint(ask(session_id="NEW_SESSION")) for _ in range(20)]

    assert {"blue", "green"} == {output.invoked_production_variant for output in outputs}


async def test_a_session_that_was_closed_is_tied_to_no_variant() -> None:
    """What is over must not take up room for ever; the next request is drawn like any other, and then refused."""
    variants = Variants({name: (Sessions(closing), 1.0) for name in ("blue", "green")})

    async with LocalEndpoint({"it": variants}) as local, Client(local.options(), ONCE) as client:
        opened = await client.invoke_endpoint(ask(session_id="NEW_SESSION"))
        session_id = (opened.new_session_id or "").partition(";")[0]
        closed = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="it", body=b"close", session_id=session_id)
        )
        with pytest.raises(ValidationError, match=f"Session {session_id} does not exist"):
            await client.invoke_endpoint(ask(session_id=session_id))

    assert session_id == closed.closed_session_id
    assert opened.invoked_production_variant == closed.invoked_production_variant
    assert {} == variants._sessions
