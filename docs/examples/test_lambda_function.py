"""
Tests of the Lambda function with pytest: the whole client, with a local endpoint.

`environ` has the variables that lead any AWS SDK to the endpoint. They are set before
the function's module is loaded, as in Lambda, and the environment is restored after the
test.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from sagemaker_runtime.local import CutKeepAlive, Invocation, Latency, LocalEndpoint


def reverse(invocation: Invocation) -> bytes:
    """Stands in for the model."""
    return invocation.body[::-1]


class Context:
    """The part of Lambda's context that the handler uses."""

    def __init__(self, milliseconds: int = 3_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def local(sagemaker_runtime_local: Callable[..., LocalEndpoint]) -> LocalEndpoint:
    return sagemaker_runtime_local({"iris": reverse})


@pytest.fixture
def function(
    local: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    for name, value in {**local.environ(), "ENDPOINT_NAME": "iris"}.items():
        monkeypatch.setenv(name, value)
    module = importlib.reload(importlib.import_module("lambda_function"))
    yield module
    module.client.close()


def test_a_hundred_calls_share_a_connection(
    function: ModuleType, local: LocalEndpoint
) -> None:
    for _ in range(100):
        response = function.handler({"body": "virginica"}, Context())
        assert response == {"statusCode": 200, "body": "acinigriv"}

    assert {exchange.connection for exchange in local.journal} == {1}


def test_a_lost_connection_is_no_failure(
    function: ModuleType, local: LocalEndpoint
) -> None:
    """An environment is frozen between two calls, and its connections may be gone."""
    local.inject("iris", CutKeepAlive(), call=2)

    for _ in range(3):
        assert function.handler({"body": "5.1"}, Context())["body"] == "1.5"


def test_a_slow_model_is_told_in_time(
    function: ModuleType, local: LocalEndpoint
) -> None:
    local.inject("iris", Latency(seconds=5.0), call=1)

    response = function.handler({"body": "5.1"}, Context(milliseconds=600))

    assert response["body"] == "the model is too slow"
