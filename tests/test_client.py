"""The door: options, plans, overrides, and what a call gives or raises."""

from __future__ import annotations

import asyncio

import pytest
from support import ScriptedHTTPClient, answer, client, options

import sagemaker_runtime.client
from sagemaker_runtime import (
    ATTEMPTS,
    Client,
    ClientClosedError,
    ConfigError,
    ConnectError,
    InvalidParamsError,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    NopRetryer,
    Request,
    Response,
    ServiceError,
    StandardRetryer,
    Timeout,
    override,
)

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"1,2")


def test_a_client_keeps_a_copy_of_its_options_and_shows_a_copy() -> None:
    """What a caller changes afterwards must change nothing that has been compiled."""
    given = options()

    made = Client(given)
    given.region = "mars"
    made.options.region = "venus"
    made.options.api_options.append(lambda stack: None)

    assert made.options.region == "us-east-1"
    assert made.options.api_options == []
    assert repr(made) == "<Client for SageMaker Runtime in us-east-1>"


def test_option_functions_change_the_copy_in_order() -> None:
    """The last one wins, as in the Go SDK."""
    given = options()

    made = Client(given, override(region="a"), override(region="eu-west-1", app_id="shop"))

    assert (made.options.region, made.options.app_id) == ("eu-west-1", "shop")
    assert given.region == "us-east-1"


def test_a_client_can_be_made_of_nothing() -> None:
    """Default options do no I/O, so they cannot fail; what is missing is told by the first call."""
    assert Client().options.region is None


def test_the_stack_is_shown_as_a_copy() -> None:
    """Looking must not change the client."""
    made = client()

    made.stack("InvokeEndpoint").finalize.clear()

    assert made.stack("InvokeEndpoint").finalize.ids() == ["Retry", "RetryMetricsHeader", "Signing"]
    with pytest.raises(ConfigError, match="no operation 'Invoke'; the operations are InvokeEndpoint"):
        made.stack("Invoke")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_options", [None]),
        ("client_log_mode", "REQUEST"),
        ("credentials", "AKID"),
        ("credentials", None),
        ("endpoint_options", {"use_fips_endpoint": True}),
        ("endpoint_resolver", lambda region, options: None),
        ("base_endpoint", "localhost:8080"),
        ("base_endpoint", 8080),
        ("http_signer_v4", None),
        ("logger", "shop"),
        ("region", 5),
        ("retryer", "standard"),
        ("retry_max_attempts", 0),
        ("http_client", "aiohttp"),
        ("timeout", 5),
        ("timeout", None),
        ("app_id", 5),
        ("clock", None),
    ],
)
def test_an_option_that_makes_no_sense_fails_when_the_client_is_made(name: str, value: object) -> None:
    """A mistake is told where it is made, by the option's name, and not by an AttributeError in the middle of a call."""
    with pytest.raises(ConfigError):
        client(**{name: value})


def test_more_attempts_are_for_the_standard_retryer() -> None:
    """A retryer of somebody's own has its own number, and a silent no would mislead."""
    with pytest.raises(
        ConfigError, match="retry_max_attempts works only with the standard retryer; set the number on NopRetryer"
    ):
        client(retryer=NopRetryer(), retry_max_attempts=5)
    given = StandardRetryer()

    made = client(retryer=given, retry_max_attempts=5)

    assert isinstance(made.options.retryer, StandardRetryer)
    assert (made.options.retryer.max_attempts, given.max_attempts) == (5, 3)
    assert made.options.retryer.quota is given.quota
    assert Client(made.options, override(retryer=NopRetryer())).options.retryer == NopRetryer()


async def test_an_option_function_that_cannot_be_called_is_named_by_its_number() -> None:
    """A forgotten ``override`` around an option is the likely mistake."""
    with pytest.raises(ConfigError, match=r"option function 2 is of type NopRetryer; pass override\(retryer=\.\.\.\)"):
        Client(options(), override(), NopRetryer())
    with pytest.raises(ConfigError, match=r"option function 1 is of type Timeout; pass override\(timeout=\.\.\.\)"):
        await client().invoke_endpoint(PARAMS, Timeout(total=5))


@pytest.mark.parametrize("wrong", [None, {"endpoint_name": "iris"}, "iris", InvokeEndpointOutput(body=b"")])
async def test_what_is_no_input_is_refused_before_anything_is_sent(wrong: object) -> None:
    """A dict is what boto3 takes, so it is what a newcomer passes."""
    http = ScriptedHTTPClient()

    with pytest.raises(InvalidParamsError, match=f"type {type(wrong).__name__}; pass InvokeEndpointInput") as caught:
        await client(http).invoke_endpoint(wrong)

    assert caught.value.operation == "InvokeEndpoint"
    assert http.requests == []


# Open and closed.


async def test_a_closed_client_refuses_calls_and_leaves_a_given_transport_open() -> None:
    """A transport may serve several clients, so who made it closes it."""
    http = ScriptedHTTPClient()

    async with client(http) as made:
        await made.invoke_endpoint(PARAMS)
    await made.close()

    assert http.closed == 0
    assert repr(made).endswith(", closed>")
    with pytest.raises(ClientClosedError, match="make a new one"):
        await made.invoke_endpoint(PARAMS)
    with pytest.raises(ClientClosedError):
        await made.invoke_endpoint(PARAMS, override(http_client=http))
    assert len(http.requests) == 1


async def test_a_client_closes_the_transport_that_it_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else could."""
    http = ScriptedHTTPClient()
    monkeypatch.setattr(sagemaker_runtime.client, "_default_http_client", lambda ca_bundle: http)

    async with Client(options(), override(http_client=None)) as made:
        await made.invoke_endpoint(PARAMS)

    assert http.closed == 1


async def test_the_default_transport_is_the_one_at_the_door() -> None:
    """Without a transport of its own a client still makes one, and closes it unused."""
    from sagemaker_runtime import AioHTTPClient

    async with Client(options(), override(http_client=None)) as made:
        assert isinstance(made._http_client, AioHTTPClient)


# What fails, and what it tells.


async def test_an_error_belongs_to_its_operation_and_knows_its_attempts() -> None:
    """The facts are attached in one place, whoever raised it."""
    http = ScriptedHTTPClient([ConnectError("refused"), answer(400, b'{"message": "no"}', x_amzn_requestid="r-1")])

    with pytest.raises(ServiceError) as caught:
        await client(http).invoke_endpoint(PARAMS)

    error = caught.value
    assert (error.operation, error.request_id) == ("InvokeEndpoint", "r-1")
    assert [record.error_type for record in error.attempts] == ["ConnectError", "400"]
    assert str(error) == "400: no (InvokeEndpoint, HTTP 400, request id r-1, 2 attempts)"


async def test_calls_at_the_same_time_keep_their_facts_apart() -> None:
    """Nothing of one call is kept on the client or on a middleware."""

    def echo(request: Request) -> Response:
        return answer(200, request.body, x_amzn_requestid=request.body.decode())

    made = client(ScriptedHTTPClient([echo]))
    bodies = [str(number).encode() for number in range(50)]

    outputs = await asyncio.gather(
        *(made.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=body)) for body in bodies)
    )

    assert bodies == [output.body for output in outputs]
    assert {len(output.result_metadata[ATTEMPTS]) for output in outputs} == {1}


def test_an_api_option_that_is_async_is_refused():
    """It would be called, never awaited, and change nothing."""

    async def add_nothing(stack):
        pass

    with pytest.raises(ConfigError, match="is async, and would never run"):
        client(api_options=[add_nothing])
