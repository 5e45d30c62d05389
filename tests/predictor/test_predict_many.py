"""`predict_many`: many values in, a result for each out, with and without an event loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from predictor.models import echo

from sagemaker_runtime import (
    Client,
    ConfigError,
    DecodeError,
    EncodeError,
    JSONCodec,
    Predictor,
    SyncClient,
    SyncPredictor,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint

VALUES = [{"x": 1}, object(), [2], "garbage"]


def model(invocation: Invocation) -> bytes:
    return b"{" if invocation.body == b'"garbage"' else invocation.body


async def awaited(local: LocalEndpoint, **arguments: object) -> list[tuple[int, object, object]]:
    async with Client(local.options()) as client:
        predictor = Predictor(client, "model", codec=JSONCodec())
        return [outcome(result) async for result in predictor.predict_many(VALUES, **arguments)]  # type: ignore[arg-type]


async def in_thread(local: LocalEndpoint, **arguments: object) -> list[tuple[int, object, object]]:
    with SyncClient(local.options()) as client:
        predictor = SyncPredictor(client, "model", codec=JSONCodec())
        return [outcome(result) for result in predictor.predict_many(VALUES, **arguments)]  # type: ignore[arg-type]


def outcome(result: object) -> tuple[int, object, object]:
    index, given, error = result.index, result.input, result.error  # type: ignore[attr-defined]
    return index, given, type(error) if error is not None else result.output  # type: ignore[attr-defined]


@pytest.fixture
def local() -> LocalEndpoint:
    return LocalEndpoint({"model": model, "echo": echo})


@pytest.mark.parametrize("ways", [awaited, in_thread])
async def test_each_value_has_its_result_or_its_own_error(local: LocalEndpoint, ways: Callable[..., object]) -> None:
    """What the codec cannot encode or decode is one value's error, and the others go on."""
    with local:
        found = await ways(local)  # type: ignore[misc]

    assert found == list(zip(range(4), VALUES, [VALUES[0], EncodeError, VALUES[2], DecodeError], strict=True))


@pytest.mark.parametrize("ways", [awaited, in_thread])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"no_such": 1}, "there is no member 'no_such'"),
        ({"filename": "a"}, "InvokeEndpoint has no member 'filename'"),
        ({"limit": 0}, "limit is 0"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_before_anything_is_sent(
    local: LocalEndpoint, ways: Callable[..., object], arguments: dict[str, object], said: str
) -> None:
    """By the call, and not as the error of each value."""
    with local:
        with pytest.raises(ConfigError, match=said):
            await ways(local, **arguments)  # type: ignore[misc]
        assert local.calls("model") == 0


async def test_the_first_error_ends_it_where_that_is_asked_for(local: LocalEndpoint) -> None:
    """After the results before it."""
    with local, pytest.raises(EncodeError):
        await awaited(local, on_error="raise")
